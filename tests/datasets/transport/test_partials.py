"""Downloads that break off: what is asked for afterwards, and what is never believed."""

import gzip
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import gdown  # noqa: F401 - has to be there to be changed
import pytest

import datasets
from datasets.core.storage import LOCK
from datasets.transport.partials import PARTIAL, Partials, RemoteFile, TransferError
from datasets.transport.sources import Download
from tests.datasets.conftest import Tiny, entries, idx_files
from tests.datasets.transport.conftest import CONTENT, Remote, breaking

CHECKOUT = Path(datasets.__file__).parent.parent
NAME = "train-images-idx3-ubyte"


def get(remote: Remote, partials: Partials) -> bytes:
    return partials.get(RemoteFile(remote.address, "file"), False).read_bytes()


def part(partials: Partials) -> Path:
    (path,) = partials.folder.iterdir()
    return path


def broken(remote: Remote, partials: Partials) -> int:
    """Have a download break off for good; returns the number of bytes that arrived."""
    with breaking(remote, 1_200_000), pytest.raises(TransferError):
        get(remote, partials)
    remote.asked.clear()
    arrived = part(partials).stat().st_size
    assert 0 < arrived < len(CONTENT)
    return arrived


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {}])
def test_a_truncated_answer_is_no_file(
    headers: dict[str, str], remote: Remote, partials: Partials
) -> None:
    remote.headers = headers
    reason = r"^file: .*incomplete.* after 1 MB, the same command goes on from there$"
    with breaking(remote, 1_200_000), pytest.raises(TransferError, match=reason):
        get(remote, partials)


@pytest.mark.parametrize(
    "headers",
    [{"ETag": '"one"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "ETag": 'W/"weak"'}],
)
def test_only_the_rest_is_transferred(
    headers: dict[str, str],
    remote: Remote,
    partials: Partials,
    capsys: pytest.CaptureFixture[str],
) -> None:
    remote.headers = headers
    arrived = broken(remote, partials)
    assert capsys.readouterr().err == ""
    again = Partials(partials.folder.parent.parent, "data")
    assert get(remote, again) == CONTENT
    assert remote.asked == [(None, None), (f"bytes={arrived}-", next(iter(headers.values())))]
    assert capsys.readouterr().err == "file: resuming at 1 MB\n"


def test_what_breaks_off_is_retried_while_it_brings_something(
    remote: Remote, partials: Partials
) -> None:
    remote.break_after = 1_200_000
    assert get(remote, partials) == CONTENT
    starts = [int(range_header[6:-1]) for range_header, _ in remote.asked if range_header]
    assert len(starts) == len(set(starts)) == 3
    assert starts == sorted(starts)
    remote.asked.clear()
    partials.clear()
    remote.break_after = 0
    with pytest.raises(TransferError):
        get(remote, partials)
    assert len(remote.asked) == 1


@pytest.mark.parametrize(
    "behaviour", [{"ranges": False}, {"shift": 1}, {"shift": -1}, {"content": CONTENT[:1000]}]
)
def test_a_wrong_answer_to_a_range_is_not_appended(
    behaviour: dict[str, object],
    remote: Remote,
    partials: Partials,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arrived = broken(remote, partials)
    vars(remote).update(behaviour)
    assert get(remote, partials) == remote.content
    assert [range_header for range_header, _ in remote.asked] == [None, f"bytes={arrived}-", None]
    reason = "file: starting over, the server cannot resume at 1 MB\n"
    assert capsys.readouterr().err.endswith(reason)


def test_more_than_there_can_be_is_taken_anew(remote: Remote, partials: Partials) -> None:
    broken(remote, partials)
    part(partials).write_bytes(CONTENT * 2)
    assert get(remote, partials) == CONTENT


def test_length_unknown(remote: Remote, partials: Partials) -> None:
    remote.length = False
    assert get(remote, partials) == CONTENT
    assert get(remote, partials) == CONTENT
    assert len(remote.asked) == 1


def test_complete_is_not_asked_for_again(
    remote: Remote, partials: Partials, capsys: pytest.CaptureFixture[str]
) -> None:
    get(remote, partials)
    assert get(remote, partials) == CONTENT
    assert len(remote.asked) == 1
    assert capsys.readouterr().err == "file: all of it is here, 4 MB\n"


def test_names_tell_addresses_apart(tmp_path: Path) -> None:
    one, two = (RemoteFile(f"http://host/{host}/../a b", "../a b") for host in (1, 2))
    assert one.path(tmp_path) != two.path(tmp_path)
    assert one.path(tmp_path).parent == tmp_path
    assert one.path(tmp_path).name.startswith(".._a_b-")


@pytest.fixture
def served(remote: Remote, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The data set `tiny`, of which one file comes from the server and three lie in a package."""
    files = {f"{NAME}.gz": gzip.compress(idx_files()[NAME], mtime=0)}

    class Both(Download):
        def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
            super().fetch(folder, partials, progress)
            for name, content in idx_files().items():
                if name != NAME:
                    (folder / "TINY" / "raw" / name).write_bytes(content)

    monkeypatch.setattr(sys.modules["gdown.download"], "CHUNK_SIZE", 10)  # else half a megabyte
    remote.content = files[f"{NAME}.gz"]
    mirror = remote.address.removesuffix("file")
    tiny(Both(mirrors=(mirror,), members={f"{NAME}.gz": f"TINY/raw/{NAME}.gz"}, bytes=100))
    return remote


@dataclass
class Free:
    free: int


def left_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.name != LOCK)


def test_an_interrupted_fetch_goes_on_and_leaves_no_part(served: Remote, tmp_path: Path) -> None:
    reason = "after 0 MB, the same command goes on from there"
    with breaking(served, 20), pytest.raises(datasets.DataError, match=reason):
        datasets.fetch("tiny", tmp_path)
    (path,) = (tmp_path / PARTIAL / "tiny").iterdir()
    assert path.read_bytes() == served.content[:20]
    status = datasets.status("tiny", tmp_path)
    assert not status.present
    assert status.arrived == 20
    datasets.fetch("tiny", tmp_path)
    assert served.asked[-1][0] == "bytes=20-"
    assert left_in(tmp_path) == sorted([*idx_files(), "source.txt"])
    assert entries(tmp_path) == ["TINY"]
    assert datasets.status("tiny", tmp_path).arrived == 0
    datasets.load("tiny", tmp_path)


def test_a_corrupt_part_is_found_and_removed(served: Remote, tmp_path: Path) -> None:
    with breaking(served, 40), pytest.raises(datasets.DataError):
        datasets.fetch("tiny", tmp_path)
    (path,) = (tmp_path / PARTIAL / "tiny").iterdir()
    damaged = bytearray(path.read_bytes())
    damaged[30] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(datasets.DataError, match="tiny could not be fetched"):
        datasets.fetch("tiny", tmp_path)
    assert served.asked[-1][0] == "bytes=40-"
    assert entries(tmp_path) == []
    datasets.fetch("tiny", tmp_path)
    assert served.asked[-1][0] is None


def test_a_file_that_changed_between_two_commands_is_refused_then_taken_anew(
    served: Remote, tmp_path: Path
) -> None:
    new = served.content
    served.content, served.headers = gzip.compress(bytes(range(100)), mtime=0), {"ETag": '"old"'}
    with breaking(served, 40), pytest.raises(datasets.DataError):
        datasets.fetch("tiny", tmp_path)
    served.content, served.headers = new, {"ETag": '"new"'}
    with pytest.raises(datasets.DataError, match="tiny could not be fetched"):
        datasets.fetch("tiny", tmp_path)
    assert entries(tmp_path) == []
    assert datasets.fetch("tiny", tmp_path).present


def test_interrupted_while_it_is_verified_nothing_is_transferred_twice(
    served: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("datasets.formats.idx.IdxLoader.prepare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.fetch("tiny", tmp_path)
    assert entries(tmp_path) == [PARTIAL]
    datasets.fetch("tiny", tmp_path)
    assert len(served.asked) == 1


@pytest.mark.parametrize(
    ("failure", "kept"), [(OSError(28, "No space left on device"), True), (EOFError("odd"), False)]
)
def test_what_arrived_is_kept_if_it_is_not_to_blame(
    failure: Exception,
    kept: bool,
    served: Remote,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("datasets.formats.idx.IdxLoader.prepare", fail)
    with pytest.raises(datasets.DataError):
        datasets.fetch("tiny", tmp_path)
    assert (tmp_path / PARTIAL).exists() == kept


def test_without_links_files_are_moved(
    served: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", unsupported)
    datasets.fetch("tiny", tmp_path)
    assert left_in(tmp_path) == sorted([*idx_files(), "source.txt"])


def test_space_counts_what_is_here(
    served: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / PARTIAL / "tiny"
    folder.mkdir(parents=True)
    (folder / "part").write_bytes(bytes(60))

    def free(count: int) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: Free(count))

    free(239)  # 100 to transfer and 200 of files, of which 60 are here
    with pytest.raises(datasets.DataError, match="no space"):
        datasets.fetch("tiny", tmp_path)
    assert (folder / "part").exists()
    free(240)
    datasets.fetch("tiny", tmp_path)


SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what nohup starts
import sys
from pathlib import Path
import gdown  # noqa: F401 - has to be there to be changed

import datasets
from datasets.core.dataset import Content
from datasets.core.registry import Loader
from datasets.transport.sources import Download
from bench.cli import main

class Slow(Loader):
    shape, counts, description, folder, bytes, advice = (1, 1, 1), (1, 1, 1), "", "slow", 1, "wait"
    sources = (Download(mirrors=(sys.argv[1],), members={"file": "slow/file"}, bytes=1_024_000),)

    def files(self, root):
        return [file for file in [root / "slow" / "file"] if file.is_file()]

    def read(self, root):
        import numpy as np
        part = np.frombuffer(self.files(root)[0].read_bytes()[:1], np.uint8).reshape(1, 1, 1, 1)
        return Content(part.copy(), part.copy(), part.copy())

datasets.register("slow")(Slow)
sys.exit(main(["data", "fetch", "slow"]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_by_a_signal_it_goes_on(
    how: signal.Signals, remote: Remote, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SCRIPT, remote.address.removesuffix("file")]
    root = tmp_path / "root"
    environment = {**os.environ, "LIKELIHOOD_BENCH_DATA": str(root), "OMP_NUM_THREADS": "1"}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True
        )

    remote.pause = 0.1
    process = start()
    deadline = time.monotonic() + 60
    while arrived(root) < 600_000:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(how)
    _, talk = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert talk.splitlines()[-1].startswith(
            "interrupted; this goes on from here: python -m bench"
        )
        assert "Traceback" not in talk
        assert entries(root) == [PARTIAL]
    here, remote.pause = arrived(root), 0.0
    process = start()
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 0, talk
    assert remote.asked == [(None, None), (None, None), (f"bytes={here}-", '"one"')]
    assert "file: resuming at 1 MB" in talk
    assert left_in(root) == ["file", "source.txt"]
    assert (root / "slow" / "file").read_bytes() == CONTENT


def arrived(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / PARTIAL).glob("*/*"))

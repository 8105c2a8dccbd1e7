"""Downloads that break off: what is asked for afterwards, and what is never believed."""

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gdown
import pytest

import datasets
from datasets import transfer
from datasets.sources import Download, DownloadArchive, GoogleDrive
from datasets.transfer import PARTIAL, Http, Partials, TransferError
from tests.datasets.conftest import Tiny, idx_files

CHECKOUT = Path(datasets.__file__).parent.parent
CONTENT = bytes(range(256)) * 4000  # about a megabyte
NAME = "train-images-idx3-ubyte"


@dataclass
class Remote:
    """A server of one file, how it behaves, and what it was asked."""

    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    honest: bool = True  # heeds If-Range
    shift: int = 0  # of the range that it says it sends
    break_after: int | None = None
    pause: float = 0.0
    length: bool = True
    address: str = ""
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    sent: int = 0

    def answer(self, wanted: str | None, condition: str | None) -> tuple[int, int]:
        """The status, and where the content starts."""
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not wanted or not self.ranges:
            return 200, 0
        if self.honest and condition not in self.headers.values():
            return 200, 0
        return (206, start) if start < len(self.content) else (416, 0)


@pytest.fixture
def remote() -> Iterator[Remote]:
    remote = Remote()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted, condition = self.headers["Range"], self.headers["If-Range"]
            remote.asked.append((wanted, condition))
            status, start = remote.answer(wanted, condition)
            body = b"" if status == 416 else remote.content[start:]
            self.send_response(status)
            for name, value in remote.headers.items():
                self.send_header(name, value)
            if status == 206:
                first, last = start + remote.shift, len(remote.content) - 1
                told = f"bytes {first}-{last}/{len(remote.content)}"
                self.send_header("Content-Range", told)
            if remote.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.send(body[: remote.break_after])

        def send(self, body: bytes) -> None:
            try:
                for at in range(0, len(body), 1 << 16):
                    self.wfile.write(body[at : at + (1 << 16)])
                    self.wfile.flush()
                    remote.sent += len(body[at : at + (1 << 16)])
                    time.sleep(remote.pause)
            except OSError:  # nobody listens any more
                pass

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}).start()
    remote.address = f"http://127.0.0.1:{http.server_port}/file"
    yield remote
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE", 0.0)
    monkeypatch.setattr(transfer, "STALL", 0.5)


@pytest.fixture
def partials(tmp_path: Path) -> Partials:
    return Partials(tmp_path, "data")


def get(remote: Remote, partials: Partials) -> bytes:
    return partials.get(Http(remote.address, "file"), False).read_bytes()


@contextmanager
def breaking(remote: Remote, after: int) -> Iterator[None]:
    """Every answer breaks off, and that is that."""
    remote.break_after = after
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "RETRIES", 0)
        yield
    remote.break_after = None


def broken(remote: Remote, partials: Partials, after: int = 300_000) -> None:
    """Have a download break off for good after some bytes."""
    with breaking(remote, after), pytest.raises(TransferError):
        get(remote, partials)
    remote.asked.clear()


def test_a_truncated_answer_is_no_file(remote: Remote, partials: Partials) -> None:
    told = r"the connection was closed after 0 of 1 MB, the same command goes on from there$"
    with breaking(remote, 300_000), pytest.raises(TransferError, match=told):
        get(remote, partials)
    remote.headers = {}
    with breaking(remote, 300_000), pytest.raises(TransferError, match=r"connection was closed$"):
        get(remote, partials)


@pytest.mark.parametrize(
    "headers",
    [{"ETag": '"one"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "ETag": 'W/"weak"'}],
)
def test_only_the_rest_is_asked_for(
    headers: dict[str, str],
    remote: Remote,
    partials: Partials,
    capsys: pytest.CaptureFixture[str],
) -> None:
    remote.headers = headers
    broken(remote, partials)
    assert capsys.readouterr().err == ""
    again = Partials(partials.folder.parent.parent, "data")
    assert get(remote, again) == CONTENT
    assert remote.asked == [("bytes=300000-", next(iter(headers.values())))]
    assert remote.sent == len(CONTENT)
    assert capsys.readouterr().err == "file: resuming at 0 of 1 MB\n"


def test_what_breaks_off_is_retried_while_it_brings_something(
    remote: Remote, partials: Partials
) -> None:
    remote.break_after = 300_000
    assert get(remote, partials) == CONTENT
    assert [wanted for wanted, _ in remote.asked] == [
        None,
        *(f"bytes={start}-" for start in (300_000, 600_000, 900_000)),
    ]
    remote.asked.clear()
    partials.clear()
    remote.break_after = 0
    with pytest.raises(TransferError):
        get(remote, partials)
    assert len(remote.asked) == 1


def test_a_file_that_changed_is_taken_anew(
    remote: Remote, partials: Partials, capsys: pytest.CaptureFixture[str]
) -> None:
    broken(remote, partials)
    remote.content, remote.headers = CONTENT[::-1], {"ETag": '"two"'}
    assert get(remote, partials) == CONTENT[::-1]
    told = "file: starting over, the 0 MB that are here cannot be resumed\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    "behaviour",
    [
        {"ranges": False},
        {"shift": 1},
        {"shift": -1},
        {"honest": False, "headers": {"ETag": '"two"'}, "content": CONTENT[::-1]},
        {"honest": False, "content": CONTENT + b"more"},
        {"honest": False, "content": CONTENT[:1000]},  # 416
    ],
)
def test_a_wrong_answer_to_a_range_is_not_appended(
    behaviour: dict[str, object], remote: Remote, partials: Partials
) -> None:
    broken(remote, partials)
    vars(remote).update(behaviour)
    assert get(remote, partials) == remote.content
    whole = [] if "ranges" in behaviour else [None]  # the first answer is the whole file
    assert [wanted for wanted, _ in remote.asked] == ["bytes=300000-", *whole]


def test_without_validator_nothing_is_resumed(remote: Remote, partials: Partials) -> None:
    remote.headers = {}
    broken(remote, partials)
    assert get(remote, partials) == CONTENT
    assert remote.asked == [(None, None)]


@pytest.mark.parametrize("record", ["{", "[]", '{"length": 3}', None])
def test_without_record_nothing_is_resumed(
    record: str | None, remote: Remote, partials: Partials
) -> None:
    broken(remote, partials)
    (file,) = partials.folder.glob("*.json")
    file.write_text(record) if record else file.unlink()
    assert get(remote, partials) == CONTENT
    assert remote.asked == [(None, None)]


def test_more_than_there_can_be_is_taken_anew(remote: Remote, partials: Partials) -> None:
    broken(remote, partials)
    Http(remote.address, "file").path(partials.folder).write_bytes(CONTENT * 2)
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
    assert capsys.readouterr().err == "file: all of it is here, 1 MB\n"


def test_names_tell_addresses_apart(tmp_path: Path) -> None:
    one, two = (Http(f"http://host/{each}/../a b", "../a b") for each in (1, 2))
    assert one.path(tmp_path) != two.path(tmp_path)
    assert one.path(tmp_path).parent == tmp_path
    assert one.path(tmp_path).name.startswith(".._a_b-")


@pytest.fixture
def served(remote: Remote, tiny: Tiny) -> Remote:
    """The data set `tiny`, of which one file comes from the server and three lie in a package."""
    files = {f"{NAME}.gz": gzip.compress(idx_files()[NAME], mtime=0)}

    class Both(Download):
        def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
            super().fetch(folder, partials, progress)
            for name, content in idx_files().items():
                if name != NAME:
                    (folder / "TINY" / "raw" / name).write_bytes(content)

    remote.content = files[f"{NAME}.gz"]
    mirror = remote.address.removesuffix("file")
    tiny(Both(mirrors=(mirror,), members={f"{NAME}.gz": f"TINY/raw/{NAME}.gz"}, bytes=100))
    return remote


@dataclass
class Free:
    free: int


def left_in(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_an_interrupted_fetch_goes_on_and_leaves_no_part(served: Remote, tmp_path: Path) -> None:
    told = "after 0 of 0 MB, the same command goes on from there"
    with breaking(served, 20), pytest.raises(datasets.DataError, match=told):
        datasets.fetch("tiny", tmp_path)
    (part, record) = sorted((tmp_path / PARTIAL / "tiny").iterdir())
    assert part.read_bytes() == served.content[:20]
    status = datasets.status("tiny", tmp_path)
    assert not status.present
    assert status.arrived == 20 + record.stat().st_size
    datasets.fetch("tiny", tmp_path)
    assert served.asked[-1][0] == "bytes=20-"
    assert left_in(tmp_path) == sorted([*idx_files(), "source.txt"])
    assert [path.name for path in tmp_path.iterdir()] == ["TINY"]
    assert datasets.status("tiny", tmp_path).arrived == 0
    datasets.load("tiny", tmp_path)


def test_a_corrupt_part_is_found_and_removed(served: Remote, tmp_path: Path) -> None:
    with breaking(served, 40), pytest.raises(datasets.DataError):
        datasets.fetch("tiny", tmp_path)
    part = min((tmp_path / PARTIAL / "tiny").iterdir())
    damaged = bytearray(part.read_bytes())
    damaged[30] ^= 0xFF
    part.write_bytes(damaged)
    with pytest.raises(datasets.DataError, match="tiny could not be fetched"):
        datasets.fetch("tiny", tmp_path)
    assert served.asked[-1][0] == "bytes=40-"
    assert list(tmp_path.iterdir()) == []
    datasets.fetch("tiny", tmp_path)
    assert served.asked[-1][0] is None


def test_interrupted_while_it_is_verified_nothing_is_transferred_twice(
    served: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("datasets.idx.IdxLoader.prepare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.fetch("tiny", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [PARTIAL]
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

    monkeypatch.setattr("datasets.idx.IdxLoader.prepare", fail)
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


def test_archive_is_resumed(remote: Remote, partials: Partials, tmp_path: Path) -> None:
    remote.break_after = 500_000
    source = DownloadArchive(url=remote.address, members={}, bytes=1)
    with pytest.raises(Exception, match="could not be opened"):  # it is none
        source.fetch(tmp_path, partials, False)
    assert [wanted for wanted, _ in remote.asked] == [None, "bytes=500000-", "bytes=1000000-"]


SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what nohup starts
import sys
from pathlib import Path
import datasets
from datasets.base import Content, Loader
from datasets.sources import Download
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
    while arrived(root) < 200_000:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(how)
    _, talk = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert talk.splitlines()[-1] == "interrupted; the same command goes on from here"
        assert "Traceback" not in talk
        assert [path.name for path in root.iterdir()] == [PARTIAL]
    here, remote.pause = arrived(root), 0.0
    process = start()
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 0, talk
    assert remote.asked == [(None, None), (f"bytes={here}-", '"one"')]
    assert "file: resuming at 0 of 1 MB" in talk
    assert left_in(root) == ["file", "source.txt"]
    assert (root / "slow" / "file").read_bytes() == CONTENT


def arrived(root: Path) -> int:
    parts = (root / PARTIAL).glob("*/*")
    return sum(part.stat().st_size for part in parts if part.suffix != ".json")


@pytest.fixture
def drive(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """gdown as it is, but for the address."""
    real: Callable[..., object] = gdown.download

    def download(*, id: str, **options: object) -> object:
        assert id == "secret"
        return real(url=remote.address, **options)

    monkeypatch.setattr(gdown, "download", download)
    return remote


DRIVE = GoogleDrive(ids=lambda: {"file": "secret"}, members={"file": "in/file"}, bytes=1)


def test_google_drive(
    drive: Remote, partials: Partials, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DRIVE.fetch(tmp_path, partials, True)
    assert (tmp_path / "in" / "file").read_bytes() == CONTENT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "file: " in captured.err
    partials.discard()
    assert not partials.folder.exists()


def test_google_drive_goes_on(
    drive: Remote, partials: Partials, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drive.break_after = 600_000  # gdown writes half a megabyte at a time
    DRIVE.fetch(tmp_path, partials, False)
    assert (tmp_path / "in" / "file").read_bytes() == CONTENT
    assert drive.sent < 2 * len(CONTENT)
    assert "file: resuming at 1 MB" in capsys.readouterr().err


def test_google_drive_that_does_not_resume_starts_over(
    drive: Remote, partials: Partials, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = r"incomplete.* after 1 MB, the same command goes on"
    with breaking(drive, 600_000), pytest.raises(TransferError, match=told):
        DRIVE.fetch(tmp_path, partials, False)
    drive.ranges = False
    DRIVE.fetch(tmp_path, partials, False)
    assert (tmp_path / "in" / "file").read_bytes() == CONTENT
    assert "file: starting over" in capsys.readouterr().err


def test_google_drive_refuses(
    partials: Partials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(**_: object) -> None:
        try:
            raise gdown.exceptions.FileURLRetrievalError("Too many users.\nTry again later.")
        except gdown.exceptions.FileURLRetrievalError as error:
            raise gdown.exceptions.FileURLRetrievalError(f"Failed:\n\n\t{error}\n\nBut") from None

    monkeypatch.setattr(gdown, "download", download)
    told = r"^file: Too many users. Try again later. In a browser: https://.*\?id=secret$"
    with pytest.raises(TransferError, match=told):
        DRIVE.fetch(tmp_path, partials, None)
    assert not partials.folder.exists()


def test_google_drive_cannot_be_reached(drive: Remote, partials: Partials, tmp_path: Path) -> None:
    drive.address = "http://127.0.0.1:1/file"
    with pytest.raises(TransferError, match=r"^file: .*refused"):
        DRIVE.fetch(tmp_path, partials, None)

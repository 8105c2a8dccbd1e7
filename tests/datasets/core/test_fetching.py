"""fetch: sources in turn, content verified, files whole or not at all, one writer."""

import os
import re
import shutil
import threading
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

import datasets
from datasets.core import storage
from datasets.formats.idx import NAMES
from tests.datasets.conftest import Tiny, bad, entries, good, idx_files


def left_in(root: Path) -> list[str]:
    files = [path for path in root.rglob("*") if path.is_file() and path.name != storage.LOCK]
    return sorted(str(path.relative_to(root)) for path in files)


WHOLE = sorted([*(f"TINY/raw/{name}" for name in NAMES), "TINY/raw/source.txt"])


@pytest.mark.parametrize("packed", [False, True])
def test_first_source_that_works_is_the_last_tried(
    packed: bool, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []
    sources = [bad("closed"), good("open", packed), good("spare")]
    tiny(*(replace(source, calls=calls) for source in sources))
    data = datasets.load("tiny", tmp_path)
    assert calls == ["closed", "open"]
    assert data.source == "open, verified by checksum"
    assert left_in(tmp_path) == WHOLE
    captured = capsys.readouterr()
    assert "tiny: closed: it is closed on Sundays\n" in captured.err
    assert f"tiny: open, 0 MB, into {tmp_path}\n" in captured.err
    assert captured.out == ""
    datasets.load("tiny", tmp_path)
    assert calls == ["closed", "open"]


def test_no_source_works(tiny: Tiny, tmp_path: Path) -> None:
    tiny(bad("first"), bad("second", OSError("line one\nline two")), bad("third", ValueError()))
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("tiny", tmp_path)
    assert str(raised.value) == (
        "tiny could not be fetched (first: it is closed on Sundays; second: line one line two; "
        f"third: ValueError): put {', '.join(NAMES)} (plain or .gz) into {tmp_path}/TINY/raw"
    )
    assert entries(tmp_path) == []


def test_unknown_content_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    forged = good("forger")
    image = "TINY/raw/train-images-idx3-ubyte"
    forged.files[image] = forged.files[image][:-1] + b"?"
    loader = tiny(forged)
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("tiny", tmp_path)
    expected = vars(loader)["md5"][0]
    reason = r"\(forger: TINY/raw/train-images-idx3-ubyte is corrupt \(md5 of its content: "
    assert re.search(rf"{reason}expected {expected}, found [0-9a-f]{{32}}\)\)", str(raised.value))
    assert entries(tmp_path) == []


def test_incomplete_source_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    partial = good("partial")
    del partial.files["TINY/raw/t10k-labels-idx1-ubyte"]
    tiny(partial)
    with pytest.raises(datasets.DataError, match="partial: it lacks some of the files"):
        datasets.load("tiny", tmp_path)
    assert entries(tmp_path) == []


def test_interruption_leaves_nothing(tiny: Tiny, tmp_path: Path) -> None:
    spare = good("spare")
    tiny(bad("slow", KeyboardInterrupt(), **{NAMES[0]: b"half"}), spare)
    with pytest.raises(KeyboardInterrupt):
        datasets.load("tiny", tmp_path)
    assert entries(tmp_path) == []
    assert spare.calls == []


def test_interruption_while_publishing_leaves_whole_files(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(good())
    move = Path.replace
    moved: list[Path] = []

    def interrupted(self: Path, target: Path) -> Path:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        return move(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("tiny", tmp_path)
    assert left_in(tmp_path) == sorted(f"TINY/raw/{name}" for name in NAMES[:2])
    for name in NAMES[:2]:
        assert (tmp_path / "TINY" / "raw" / name).read_bytes() == idx_files()[name]
    assert not datasets.status("tiny", tmp_path).present
    assert datasets.fetch("tiny", tmp_path).present


def test_remains_of_a_killed_process_are_cleared(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good())
    (tmp_path / f"{storage.STAGING}killed").mkdir()
    (tmp_path / f"{storage.STAGING}killed" / "half").write_bytes(b"half")
    datasets.fetch("tiny", tmp_path)
    assert left_in(tmp_path) == WHOLE


def test_of_two_that_fetch_at_once_one_waits(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = replace(good(), delay=0.3)
    tiny(source)
    present: list[bool] = []

    def work() -> None:
        present.append(datasets.fetch("tiny", tmp_path).present)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert present == [True, True]
    assert source.calls == ["good"]
    assert f"another process is filling {tmp_path}: waiting for it\n" in capsys.readouterr().err


def test_lock_serves_all_users(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good())
    datasets.fetch("tiny", tmp_path)
    assert (tmp_path / storage.LOCK).stat().st_mode & 0o777 == 0o666


def test_without_locks(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", unsupported)
    tiny(good())
    other = tmp_path / f"{storage.STAGING}other"  # may be at work: not ours to clear
    other.mkdir()
    assert datasets.fetch("tiny", tmp_path).present
    assert other.exists()


def test_no_space(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = good()
    tiny(source)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000, 601, 399))
    with pytest.raises(datasets.DataError, match=r"good: no space, needs 0 MB, 0 MB are free"):
        datasets.fetch("tiny", tmp_path)
    assert source.calls == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000, 600, 400))
    assert datasets.fetch("tiny", tmp_path).present


def test_what_is_large_is_fetched_only_by_name(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = replace(good(), bytes=2_500_000_000)
    tiny(source)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, 10**12))
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("tiny", tmp_path)
    assert str(raised.value) == (
        f"tiny is not in {tmp_path}, and 2.5 GB to fetch, more than the 1.0 GB that are fetched "
        f"unasked: run `python -m bench data fetch tiny`, or put {', '.join(NAMES)} "
        f"(plain or .gz) into {tmp_path}/TINY/raw"
    )
    assert (source.calls, entries(tmp_path)) == ([], [])
    assert datasets.fetch("tiny", tmp_path).present
    assert datasets.load("tiny", tmp_path).name == "tiny"


def test_folder_that_cannot_be_written(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good())
    (tmp_path / "file").write_bytes(b"")
    root = tmp_path / "file" / "data"
    reason = rf"data folder {root} cannot be written \(Not a directory\): .*LIKELIHOOD_BENCH_DATA"
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("tiny", root)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_folder_without_permission(tiny: Tiny, tmp_path: Path) -> None:
    tiny(good())
    tmp_path.chmod(0o500)
    with pytest.raises(datasets.DataError, match=r"cannot be written \(Permission denied\)"):
        datasets.load("tiny", tmp_path / "data")


def test_local_file_that_is_corrupt_is_named_and_kept(tiny: Tiny, local: Path) -> None:
    source = good()
    tiny(source)
    file = local / "TINY" / "raw" / "t10k-labels-idx1-ubyte"
    file.write_bytes(b"mine")
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("tiny", local)
    message = str(raised.value)
    assert message.startswith(f"{file} is corrupt (md5 of its content: expected ")
    assert message.endswith("; delete it and fetch tiny again")
    assert (file.read_bytes(), source.calls) == (b"mine", [])

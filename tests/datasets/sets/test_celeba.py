"""CelebA in its official layout: JPEG pictures of 178x218 and the split file."""

import hashlib
import io
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import gdown
import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CelebA

import datasets
from datasets.core import registry
from datasets.sets import celeba
from datasets.sets.celeba import ARCHIVE, IMAGES, PARTITION, Celeba
from tests.datasets.conftest import Pixels, entries

COUNTS = (6, 2, 3)


def split_file(counts: tuple[int, int, int] = COUNTS) -> bytes:
    parts = [part for part, count in enumerate(counts) for _ in range(count)]
    return "".join(f"{n:06d}.jpg {part}\n" for n, part in enumerate(parts, start=1)).encode()


def picture(number: int) -> Pixels:
    """A gradient that is smooth enough for JPEG, and different for each number."""
    rows, columns = np.mgrid[:218, :178]
    planes = [rows, columns, np.full_like(rows, 20 * number)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def publish(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    """Have torchvision list this content under an official name."""
    listed = [entry for entry in CelebA.file_list if entry[2] != name]
    (id,) = (entry[0] for entry in CelebA.file_list if entry[2] == name)
    monkeypatch.setattr(
        CelebA, "file_list", [*listed, (id, hashlib.md5(content).hexdigest(), name)]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder's celeba/, filled."""
    folder = tmp_path / "data" / "celeba"
    (folder / IMAGES).mkdir(parents=True)
    (folder / PARTITION).write_bytes(split_file())
    for number in range(1, sum(COUNTS) + 1):
        Image.fromarray(picture(number)).save(folder / IMAGES / f"{number:06d}.jpg", quality=95)
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Celeba:
    """CelebA of eleven pictures, under its own name, read four at a time."""
    registry.names()
    loader = Celeba()
    vars(loader).update(name="celeba", counts=COUNTS, bytes=1)
    publish(monkeypatch, PARTITION, split_file())
    monkeypatch.setitem(registry._loaders, "celeba", loader)
    monkeypatch.setattr(celeba, "BATCH", 4)
    return loader


def test_official_split_cropped_and_resized(small: Celeba, folder: Path) -> None:
    data = datasets.load("celeba", folder.parent)
    parts = [data.train, data.validation, data.test]
    assert [len(part) for part in parts] == list(COUNTS)
    images = np.concatenate([part.numpy() for part in parts])
    for number, image in enumerate(images, start=1):
        assert image.shape == (3, 32, 32)
        centres = (np.arange(32) + 0.5) * 148 / 32 - 0.5  # of the squares that became a pixel
        assert np.abs(image[0] - (35 + centres)[:, None]).max() < 4  # 35 rows cut off above
        assert np.abs(image[1] - (15 + centres)[None]).max() < 4  # and 15 columns at the left
        assert np.abs(image[2].astype(int) - 20 * number).max() < 4
        file = folder / IMAGES / f"{number:06d}.jpg"
        crop = Image.open(file).crop((15, 35, 163, 183))
        expected = np.asarray(crop.resize((32, 32), Image.Resampling.BILINEAR))
        assert (image.transpose(1, 2, 0) == expected).all()
    assert data.labels is None
    assert data.source == "local files, their split verified by checksum"
    assert "148x148" in data.description


def test_split_decides_and_not_the_order_of_names(
    small: Celeba, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datasets.load("celeba", folder.parent)
    lines = split_file().decode().splitlines()
    content = "\n".join(reversed(lines)).encode()
    (folder / PARTITION).write_bytes(content)
    publish(monkeypatch, PARTITION, content)
    vars(small).update(variant="reversed")
    second = datasets.load("celeba", folder.parent)
    assert (first.test.flip(0) == second.test).all()
    assert first.checksum != second.checksum


def test_pictures_are_read_once(small: Celeba, folder: Path) -> None:
    first = datasets.load("celeba", folder.parent)
    for file in (folder / IMAGES).iterdir():
        file.unlink()
    assert datasets.load("celeba", folder.parent).checksum == first.checksum


@pytest.mark.parametrize("content", [split_file()[:-2], b"", split_file((5, 3, 3)), b"x"])
def test_wrong_split_file(content: bytes, small: Celeba, folder: Path) -> None:
    (folder / PARTITION).write_bytes(content)
    reason = rf"^{folder / PARTITION} is corrupt \(md5 of its content: expected "
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("celeba", folder.parent)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (split_file((5, 3, 3)), "gives a part 5 pictures, not 6"),
        (b"000001.jpg 3\n", "is not a split of pictures (at '3')"),
        (b"000001.jpg\n", "is not a split of pictures (at not enough"),
    ],
)
def test_split_file_that_does_not_fit(
    content: bytes, reason: str, small: Celeba, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / PARTITION).write_bytes(content)
    publish(monkeypatch, PARTITION, content)
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("celeba", folder.parent)
    assert str(raised.value).startswith(f"{folder / PARTITION} {reason}")


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "other", "size"])
def test_damaged_picture_is_named(damage: str, small: Celeba, folder: Path) -> None:
    file = folder / IMAGES / "000007.jpg"
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-500])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "other":
        file.write_bytes(b"<html>\nPlease log in</html>")
    else:
        Image.fromarray(picture(1)[:100]).save(file)
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("celeba", folder.parent)
    message = str(raised.value)
    assert message.startswith(f"{file.parent} is damaged ({file.name}: ")
    assert message.endswith("; delete it and fetch celeba again")
    assert "\n" not in message
    assert entries(folder.parent) == ["celeba"]


def test_missing(tmp_path: Path) -> None:
    reason = rf"run `python -m bench data fetch celeba`, or put the official .* into {tmp_path}/cel"
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("celeba", tmp_path)
    (tmp_path / "celeba" / IMAGES).mkdir(parents=True)
    (tmp_path / "celeba" / PARTITION).write_bytes(split_file())
    status = datasets.status("celeba", tmp_path)
    assert not status.present
    assert (status.train, status.validation, status.test) == (162_770, 19_867, 19_962)


def packed(folder: Path) -> bytes:
    """The pictures of a folder as the official archive has them, and a name that leads out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{IMAGES}/", b"")
        for file in sorted((folder / IMAGES).iterdir()):
            archive.write(file, f"{IMAGES}/{file.name}")
        archive.writestr("../../escape", b"")
    return buffer.getvalue()


@pytest.fixture
def archived(small: Celeba, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder's celeba/ with the archive alone; the pictures have moved to celeba/other."""
    content = packed(folder)
    publish(monkeypatch, ARCHIVE, content)
    (folder / ARCHIVE).write_bytes(content)
    (folder / IMAGES).rename(folder / "other")
    return folder


def test_pictures_in_the_archive_are_those_of_the_folder(archived: Path) -> None:
    first = datasets.load("celeba", archived.parent)
    shutil.rmtree(archived.parent / "converted")
    (archived / "other").rename(archived / IMAGES)
    (archived / ARCHIVE).write_bytes(b"the folder comes first")
    assert datasets.load("celeba", archived.parent).checksum == first.checksum
    assert list(archived.parent.parent.rglob("escape")) == []


@pytest.mark.parametrize("damage", ["flipped", "truncated", "none", "missing", "crc"])
def test_damaged_archive(damage: str, archived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = archived / ARCHIVE
    content = bytearray(file.read_bytes())
    at = content.index(b"000007.jpg")
    if damage == "flipped":
        content[at + 100] ^= 1
    elif damage == "truncated":
        content = content[:-1000]
    elif damage == "none":
        content[:] = b"<html>Please log in</html>"
    elif damage == "missing":
        content = bytearray(content.replace(b"000007.jpg", b"00000x.jpg"))
    else:
        content[at + 2000] ^= 1
    file.write_bytes(content)
    reason = f"{file} is corrupt (md5 of its content: expected "
    if damage in ("none", "missing", "crc"):  # whatever may be published one day
        publish(monkeypatch, ARCHIVE, bytes(content))
        reason = str(file) if damage == "none" else f"{file} is damaged (000007.jpg: "
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("celeba", archived.parent)
    assert str(raised.value).startswith(reason)
    assert "\n" not in str(raised.value)


@pytest.fixture
def drive(archived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What lies on Google Drive, by id, in the place of gdown's function."""
    ids = {name: id for id, _, name in CelebA.file_list}
    served = {ids[name]: (archived / name).read_bytes() for name in (PARTITION, ARCHIVE)}

    def download(*, url: str, output: str, **_: object) -> None:
        Path(output).write_bytes(served[url.rpartition("=")[2]])

    monkeypatch.setattr(gdown, "download", download)
    monkeypatch.setattr("datasets.core.fetching.AUTOMATIC", 0)
    return served


def test_fetched(drive: dict[str, bytes], archived: Path, tmp_path: Path) -> None:
    root = tmp_path / "fetched"
    status = datasets.fetch("celeba", root)
    assert status.present
    assert status.source == "official files on Google Drive, verified by checksum"
    assert entries(root) == ["converted"]
    data = datasets.load("celeba", root)
    assert data.source == status.source
    assert data.checksum == datasets.load("celeba", archived.parent).checksum


@pytest.mark.parametrize("name", [PARTITION, ARCHIVE])
def test_forged(name: str, drive: dict[str, bytes], tmp_path: Path) -> None:
    (id,) = (id for id, _, listed in CelebA.file_list if listed == name)
    drive[id] = drive[id][:-1] + b"?"
    root = tmp_path / "fetched"
    reason = rf"official files on Google Drive: celeba/{name} is corrupt \(md5 of its .*put"
    with pytest.raises(datasets.DataError, match=reason) as raised:
        datasets.fetch("celeba", root)
    assert "\n" not in str(raised.value)
    assert entries(root) == []


def test_refused(drive: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(**_: object) -> None:
        raise gdown.exceptions.FileURLRetrievalError("Too many users\nhave viewed this file.")

    monkeypatch.setattr(gdown, "download", download)
    with pytest.raises(datasets.DataError) as raised:
        datasets.fetch("celeba", tmp_path / "fetched")
    (id,) = (id for id, _, listed in CelebA.file_list if listed == PARTITION)
    assert str(raised.value) == (
        f"celeba could not be fetched (official files on Google Drive: {PARTITION}: Too many users "
        f"have viewed this file. In a browser: https://drive.google.com/uc?id={id}): "
        f"put the official {PARTITION} and {ARCHIVE}, or the folder {IMAGES} that it holds, "
        f"into {tmp_path}/fetched/celeba"
    )


def test_memory(small: Celeba, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pictures take no more memory than few."""

    def peak(counts: tuple[int, int, int]) -> int:
        lines = [f"{1 + n % 11:06d}.jpg {part}" for part, c in enumerate(counts) for n in range(c)]
        content = "\n".join(lines).encode()
        (folder / PARTITION).write_bytes(content)
        vars(small).update(counts=counts, variant=str(counts))
        publish(monkeypatch, PARTITION, content)
        tracemalloc.start()
        small.convert(folder.parent)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak((20, 2, 2))
    assert peak((600, 30, 30)) < peak((20, 2, 2)) + 300_000 < 660 * 3072

"""BAIR in its official format, TFRecords written byte for byte, and the reader of these."""

import io
import shutil
import struct
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import datasets
from datasets.core import registry
from datasets.formats.tfrecord import byte_features, masked_crc, records
from datasets.sets import bair
from datasets.sets.bair import ARCHIVE, FOLDER, Bair
from datasets.transport.partials import PARTIAL
from datasets.transport.sources import Download
from tests.datasets.conftest import Pixels, entries

COUNTS = (3, 2, 2)


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, as its definition has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(name: str, feature: bytes) -> bytes:
    return field(1, field(1, name.encode()) + field(2, feature))


def example(video: Pixels, frames: int = 30) -> bytes:
    """One sequence with all that the official files hold: two cameras, actions, positions."""
    floats = field(2, field(1, struct.pack("<4f", 1, 2, 3, 4)))  # packed
    single = field(2, varint(1 << 3 | 5) + struct.pack("<f", 1))  # not packed
    features = b""
    for number in range(frames):
        features += entry(f"{number}/action", floats)
        features += entry(f"{number}/endeffector_pos", single)
        features += entry(f"{number}/image_main/encoded", field(1, field(1, bytes(12288))))
        image = video[number].tobytes()
        features += entry(f"{number}/image_aux1/encoded", field(1, field(1, image)))
    features += entry("steps", field(3, varint(1 << 3) + varint(300)))
    return field(1, features)


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return b"".join(
        [length, struct.pack("<I", masked_crc(length)), data, struct.pack("<I", masked_crc(data))]
    )


def read(file: Path) -> list[bytes]:
    return list(records(str(file), lambda: file.open("rb")))


def videos(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, 30, 64, 64, 3), dtype=np.uint8)


def write(root: Path, parts: dict[str, list[Pixels]]) -> None:
    for name, sequences in parts.items():
        file = root / "softmotion30_44k" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(framed(example(video)) for video in sequences))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data folder with five training sequences in two files, and two for test."""
    sequences = videos(7)
    root = tmp_path / "data"
    write(root, {"train/traj_0_to_2.tfrecords": list(sequences[:3])})
    write(root, {"train/traj_3_to_4.tfrecords": list(sequences[3:5])})
    write(root, {"test/traj_0_to_1.tfrecords": list(sequences[5:])})
    return root


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Bair:
    """BAIR of seven sequences, under its own name."""
    registry.names()
    loader = Bair()
    vars(loader).update(name="bair", counts=COUNTS, bytes=1)
    monkeypatch.setitem(registry._loaders, "bair", loader)
    return loader


def test_crc() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of the standard
    for data in (b"", b"a", bytes(range(256)) * 3):
        crc = crc32c(data)
        assert masked_crc(data) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def test_a_record_of_tensorflow(tmp_path: Path) -> None:
    """The framing of the four bytes 'test', whose CRCs are computed bit by bit."""

    def masked(data: bytes) -> bytes:
        crc = crc32c(data)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32)

    length = b"\x04\0\0\0\0\0\0\0"
    (tmp_path / "file").write_bytes(length + masked(length) + b"test" + masked(b"test"))
    assert read(tmp_path / "file") == [b"test"]


def test_sequences_in_their_parts(small: Bair, root: Path) -> None:
    data = datasets.load("bair", root)
    items = np.concatenate([part.numpy() for part in (data.train, data.validation, data.test)])
    assert [len(part) for part in (data.train, data.validation, data.test)] == list(COUNTS)
    assert (items == videos(7).transpose(0, 1, 4, 2, 3)).all()
    assert data.shape == datasets.status("bair").shape == (30, 3, 64, 64)
    assert data.train.is_contiguous()
    assert data.labels is None
    assert data.source == "local files, every record verified by its CRC"
    assert data.checksum == datasets.load("bair", root).checksum


def test_tensors_are_mapped(small: Bair, root: Path) -> None:
    datasets.load("bair", root)
    content = small.read(root)
    assert all(isinstance(part, np.memmap) for part in content[:3])
    data = datasets.load("bair", root)
    assert data.train.numpy().base is not None
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert f"{root}/converted/bair-aux1/train.npy" in maps.read_text()


def damaged(content: bytes, damage: str) -> bytes:
    changed = bytearray(content)
    if damage == "header":
        return content[:-1] + content[:5]
    if damage.startswith("flip "):
        changed[int(damage[5:])] ^= 1
    return bytes(changed[:-1] if damage == "truncated" else changed)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("truncated", "record 2: the file ends within it"),
        ("header", "record 2: CRC of its data"),
        ("flip 0", "record 0: CRC of its length"),
        ("flip 9", "record 0: CRC of its length"),
        ("flip 5000", "record 0: CRC of its data"),
        ("flip -1", "record 2: CRC of its data"),
    ],
)
def test_damaged_file(damage: str, reason: str, small: Bair, root: Path) -> None:
    file = root / "softmotion30_44k" / "train" / "traj_0_to_2.tfrecords"
    file.write_bytes(damaged(file.read_bytes(), damage))
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("bair", root)
    message = str(raised.value)
    assert message.startswith(f"{file} is corrupt ({reason}); delete it and fetch bair again")
    assert "\n" not in message
    assert entries(root) == ["softmotion30_44k"]


def test_file_that_ends_within_a_header(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(framed(b"a") + b"\x01\0\0")
    with pytest.raises(datasets.DataError, match=r"record 1: the file ends within it"):
        read(tmp_path / "file")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it lacks 0/image_aux1/encoded"),
        (b"\x0a\x05\x0a", "a field reaches beyond the message"),
        (b"\x80", "an integer reaches beyond the message"),
        (b"\x0b", "wire type 3"),
        (example(videos(1)[0], 29), "it lacks 29/image_aux1/encoded"),
        (example(videos(1)[0][:, :63]), "0/image_aux1/encoded is 12096 bytes, not 12288"),
    ],
)
def test_whole_record_that_is_no_such_video(
    data: bytes, reason: str, small: Bair, root: Path
) -> None:
    file = root / "softmotion30_44k" / "train" / "traj_0_to_2.tfrecords"
    file.write_bytes(framed(data))
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("bair", root)
    start = f"{file} holds no such video (record 0: {reason}); delete it and fetch "
    assert str(raised.value).startswith(start)


@pytest.mark.parametrize(("part", "expected"), [("train", 5), ("test", 2)])
def test_wrong_number_of_sequences(part: str, expected: int, small: Bair, root: Path) -> None:
    write(root, {f"{part}/traj_9_to_9.tfrecords": list(videos(1))})
    reason = f"^{root}/softmotion30_44k/{part} holds {expected + 1} sequences, expected {expected}"
    if part == "test":  # its surplus shows before its end
        reason = r"^the files hold at least 8 items, expected 7"
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("bair", root)


def test_missing(tmp_path: Path) -> None:
    reason = (
        rf"^bair is not in {tmp_path}, and 32.3 GB to fetch, more than the 1.0 GB that are fetched "
        r"unasked: run `python -m bench data fetch bair`, or put the official .*softmotion30_44k$"
    )
    with pytest.raises(datasets.DataError, match=reason):
        datasets.load("bair", tmp_path)
    assert entries(tmp_path) == []
    write(tmp_path, {"train/traj_0_to_0.tfrecords": []})
    assert not datasets.status("bair", tmp_path).present


def archive(root: Path, **more: tarfile.TarInfo) -> bytes:
    """The files of a data folder as the official archive has them, in no order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in sorted(root.rglob("*"), reverse=True):
            tar.add(file, str(file.relative_to(root)), recursive=False)
        for member in more.values():
            tar.addfile(member)
    return buffer.getvalue()


@pytest.fixture
def archived(root: Path, tmp_path: Path) -> Path:
    """A data folder with the archive alone."""
    folder = tmp_path / "archived" / FOLDER
    folder.mkdir(parents=True)
    link = tarfile.TarInfo(f"{FOLDER}/train/traj_9_to_9.tfrecords")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    outside = tarfile.TarInfo("../escape")
    (folder / ARCHIVE).write_bytes(archive(root, link=link, outside=outside))
    return folder.parent


def test_archive_is_read_as_the_files_that_it_holds(
    small: Bair, root: Path, archived: Path
) -> None:
    data = datasets.load("bair", archived)
    assert data.checksum == datasets.load("bair", root).checksum
    assert entries(archived) == ["converted", FOLDER]
    assert list(archived.parent.rglob("escape")) == []


@pytest.mark.parametrize("damage", ["truncated", "flipped", "none", "lacks test"])
def test_damaged_archive(damage: str, small: Bair, root: Path, archived: Path) -> None:
    file = archived / FOLDER / ARCHIVE
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[content.index(b"0/image_aux1/encoded") + 1000] ^= 1
    elif damage == "none":
        content = bytearray(b"<html>Please log in</html>" * 100)
    else:
        shutil.rmtree(root / FOLDER / "test")
        content = bytearray(archive(root))
    file.write_bytes(content)
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("bair", archived)
    where = f"{archived / FOLDER / 'test'} holds 0" if damage == "lacks test" else str(file)
    assert str(raised.value).startswith(where)
    assert "\n" not in str(raised.value)
    assert entries(archived) == [FOLDER]


@pytest.fixture
def official(small: Bair, archived: Path) -> Iterator[Bair]:
    """BAIR, its official source on this machine."""
    folder = archived / FOLDER

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **options)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}).start()
    (source,) = small.sources
    assert isinstance(source, Download)
    address = f"http://127.0.0.1:{http.server_port}/"
    vars(small)["sources"] = (replace(source, mirrors=(address,), bytes=1),)
    yield small
    http.shutdown()
    http.server_close()


def test_interrupted_while_it_is_converted_the_archive_is_kept(
    official: Bair, archived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[bytes]:
        raise KeyboardInterrupt

    fetched = tmp_path / "fetched"
    with monkeypatch.context() as patch:
        patch.setattr(bair, "records", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.fetch("bair", fetched)
    assert entries(fetched) == [PARTIAL]
    (archived / FOLDER / ARCHIVE).unlink()  # from the server
    assert datasets.fetch("bair", fetched).present


def test_fetched_it_is_converted_and_not_kept(official: Bair, root: Path, tmp_path: Path) -> None:
    fetched = tmp_path / "fetched"
    status = datasets.fetch("bair", fetched)
    assert status.source == "official download, verified by checksum"
    assert entries(fetched) == ["converted"]
    assert datasets.load("bair", fetched).checksum == datasets.load("bair", root).checksum
    assert datasets.load("bair", fetched).source == status.source


def test_corrupt_on_arrival(official: Bair, archived: Path, tmp_path: Path) -> None:
    file = archived / FOLDER / ARCHIVE
    content = bytearray(file.read_bytes())
    content[content.index(b"0/image_aux1/encoded") + 1000] ^= 1
    file.write_bytes(content)
    reason = rf"\(official download: {FOLDER}/{ARCHIVE}/{FOLDER}/.* is corrupt \(record 0: CRC"
    with pytest.raises(datasets.DataError, match=reason):
        datasets.fetch("bair", tmp_path / "fetched")
    assert entries(tmp_path / "fetched") == []


def test_other_features_are_passed_over() -> None:
    video = videos(1)[0]
    features = byte_features(example(video))
    assert len(features) == 60  # two cameras; numbers are no bytes
    assert bytes(features["7/image_aux1/encoded"]) == video[7].tobytes()


def test_interruption_leaves_nothing(
    small: Bair, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = records

    def interrupted(file: str, opened: Callable[[], IO[bytes]]) -> Iterator[bytes]:
        yield next(iter(whole(file, opened)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bair, "records", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.load("bair", root)
    assert entries(root) == ["softmotion30_44k"]
    assert datasets.load("bair", root).checksum


def test_memory(small: Bair, tmp_path: Path) -> None:
    """Many sequences take no more memory than few."""
    video = list(videos(1))
    write(tmp_path, {"train/a.tfrecords": video * 30, "test/a.tfrecords": video * 2})
    small.counts = (28, 2, 2)
    tracemalloc.start()
    small.convert(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * video[0].nbytes < 32 * video[0].nbytes

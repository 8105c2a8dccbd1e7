"""The idx format and the family of MNIST, on files written byte for byte."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.formats.idx import NAMES, parse
from tests.datasets.conftest import Tiny, idx_files

MATRIX = bytes.fromhex("00000802 00000002 00000003 010203040506")


def as_array(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(content, np.uint8)


def test_parse() -> None:
    assert parse(as_array(MATRIX)).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an idx file"),
        (b"\x00\x00\x08", "not an idx file"),
        (b"\x00\x00\x0d" + MATRIX[3:], "not an idx file of 8-bit values"),
        (b"PK" + MATRIX[2:], "not an idx file"),
        (MATRIX[:9], "cannot hold the shape"),
        (MATRIX[:-1], r"17 bytes cannot hold the shape \[2, 3\]"),
        (MATRIX + b"\x00", r"19 bytes cannot hold the shape \[2, 3\]"),
        (bytes.fromhex("00000802 ffffffff ffffffff"), "cannot hold the shape"),
    ],
)
def test_parse_refuses(content: bytes, reason: str) -> None:
    with pytest.raises(datasets.DataError, match=reason):
        parse(as_array(content))


def pack(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    (folder / f"{name}.gz").write_bytes(gzip.compress(idx_files()[name], mtime=1))
    return folder / f"{name}.gz"


def test_plain_and_compressed_are_one_data_set(tiny: Tiny, local: Path) -> None:
    tiny()
    plain = datasets.load("tiny", local)
    for name in NAMES[1:]:
        pack(local / "TINY" / "raw", name)
    assert datasets.load("tiny", local).checksum == plain.checksum


def test_plain_is_preferred(tiny: Tiny, local: Path) -> None:
    (local / "TINY" / "raw" / f"{NAMES[0]}.gz").write_bytes(b"never looked at")
    tiny()
    datasets.load("tiny", local)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "not gzip", "empty"])
def test_damaged_archive_is_named(damage: str, tiny: Tiny, local: Path) -> None:
    tiny()
    file = pack(local / "TINY" / "raw", NAMES[0])
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        content[len(content) // 2] ^= 255
    elif damage == "not gzip":
        content[:2] = b"PK"
    else:
        content.clear()
    file.write_bytes(content)
    with pytest.raises(datasets.DataError) as raised:
        datasets.load("tiny", local)
    assert str(raised.value).startswith(f"{file} ")
    assert "\n" not in str(raised.value)


def test_one_file_missing(tiny: Tiny, local: Path) -> None:
    tiny()
    (local / "TINY" / "raw" / NAMES[2]).unlink()
    assert not datasets.status("tiny", local).present
    with pytest.raises(datasets.DataError, match="tiny is not in"):
        datasets.load("tiny", local, download=False)


def test_official_sizes() -> None:
    """Four headers, 70,000 images of 28x28 and as many labels."""
    for name in ("mnist", "fashion_mnist"):
        assert datasets.status(name).bytes == 2 * (16 + 8) + 70_000 * (28 * 28 + 1)

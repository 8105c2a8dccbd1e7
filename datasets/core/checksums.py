"""Checksums of files and of data sets, and an order of items that is fixed by a hash."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from datasets.core.dataset import SPLITS, Bytes, Content, DataError

UNPACKED = 1_000_000_000
"""Bytes at most of a compressed file."""


def read_verified(path: Path, algorithm: str, expected: str, limit: int = UNPACKED) -> Bytes:
    """Read one file, decompressed if it ends in .gz, and verify its hash: uint8 (N,), writable.

    The algorithm is one of hashlib, the hash expected a hex digest of the (decompressed) content.
    A file that is unreadable, damaged, not the one expected, or holds more than `limit` bytes when
    it is decompressed, raises a DataError.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                unpacked = stream.read(limit + 1)
            if len(unpacked) > limit:
                raise DataError(f"{path} cannot be read (it unpacks to more than {limit} bytes)")
            content = np.frombuffer(bytearray(unpacked), np.uint8)
        else:
            content = np.fromfile(path, np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error})") from error
    actual = hashlib.new(algorithm, content.data, usedforsecurity=False).hexdigest()
    _compare(path, algorithm, expected, actual)
    return content


def verify_file(path: Path, algorithm: str, expected: str) -> None:
    """Verify a file that may be larger than memory; see `read_verified`."""
    try:
        with path.open("rb") as stream:
            actual = hashlib.file_digest(stream, algorithm).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error})") from error
    _compare(path, algorithm, expected, actual)


def _compare(path: Path, algorithm: str, expected: str, actual: str) -> None:
    if actual != expected:
        raise DataError(
            f"{path} is corrupt ({algorithm} of its content: expected {expected}, found {actual})"
        )


def checksum(content: Content) -> str:
    """SHA-256 of the three splits: their shapes and their bytes."""
    digest = hashlib.sha256()
    for split, images in zip(SPLITS, content[:3], strict=True):
        digest.update(heading(split, images.shape))
        digest.update(images.data)
    return digest.hexdigest()


def heading(split: str, shape: tuple[int, ...]) -> bytes:
    """Bytes that precede those of a split in the checksum."""
    return f"{split} uint8 {shape}".encode()


def shuffled(count: int, purpose: str) -> list[int]:
    """Order range(count) by a hash of the purpose and of each number.

    Unlike a generator's permutation, the order is the same under every version of every library.
    """
    return sorted(
        range(count), key=lambda index: hashlib.sha256(f"{purpose} {index}".encode()).digest()
    )

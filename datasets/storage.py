"""The data folder: where it is, and how files get into it whole or not at all.

Concurrency: writers take an exclusive lock on the folder itself (`flock`, so nothing is left
behind and a killed process holds nothing); where the system has none, atomic renames alone
keep the folder sound and the work is merely done twice. Readers need no lock.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from datasets.base import Bytes, Content, DataError, FolderError
from datasets.talk import say

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ENVIRONMENT = "LIKELIHOOD_BENCH_DATA"
STAGING = ".likelihood-bench-new-"  # not the start of transfer.PARTIAL, which must last


def default_root() -> Path:
    """$LIKELIHOOD_BENCH_DATA, else likelihood-bench/data in the user's cache folder."""
    if chosen := os.environ.get(ENVIRONMENT):
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "likelihood-bench" / "data"


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Be the only writer of root, which is created if need be.

    Raises:
        FolderError: root cannot be created or written.

    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        raise FolderError(
            f"data folder {root} cannot be written ({error.strerror}): "
            f"choose another by {ENVIRONMENT} or root="
        ) from error
    handle = os.open(root, os.O_RDONLY) if fcntl else None
    try:
        if handle is not None and _exclusive(handle, root):
            for leftover in root.glob(STAGING + "*"):  # of a process that was killed
                shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _exclusive(handle: int, root: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another process is filling {root}: waiting for it")
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        return False
    return True


@contextmanager
def staging(root: Path) -> Iterator[Path]:
    """Lend an empty folder on root's own file system, gone afterwards whatever happens."""
    with tempfile.TemporaryDirectory(prefix=STAGING, dir=root) as folder:
        yield Path(folder)


def publish(files: list[Path], staged: Path, root: Path) -> None:
    """Move finished files from staged to the same places below root, each atomically."""
    for file in files:
        target = root / file.relative_to(staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def read_verified(path: Path, algorithm: str, expected: str) -> Bytes:
    """Read one file, decompressed if it ends in .gz, and verify its content.

    Args:
        path: the file.
        algorithm: name of a hash in hashlib.
        expected: hex digest of the (decompressed) content.

    Returns:
        The content, uint8 (N,), writable.

    Raises:
        DataError: unreadable, damaged, or not the content expected.

    """
    try:
        content = (
            np.frombuffer(bytearray(gzip.decompress(path.read_bytes())), np.uint8)
            if path.suffix == ".gz"
            else np.fromfile(path, np.uint8)
        )
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error})") from error
    found = hashlib.new(algorithm, content.data, usedforsecurity=False).hexdigest()
    _compare(path, algorithm, expected, found)
    return content


def verify_file(path: Path, algorithm: str, expected: str) -> None:
    """Verify a file that may be larger than memory.

    Args:
        path: the file.
        algorithm: name of a hash in hashlib.
        expected: hex digest of the file.

    Raises:
        DataError: unreadable, or not the content expected.

    """
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, algorithm).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error})") from error
    _compare(path, algorithm, expected, found)


def _compare(path: Path, algorithm: str, expected: str, found: str) -> None:
    if found != expected:
        raise DataError(
            f"{path} is corrupt ({algorithm} of its content: expected {expected}, found {found})"
        )


def checksum(content: Content) -> str:
    """SHA-256 of the three splits: their shapes and their bytes."""
    digest = hashlib.sha256()
    for split, images in zip(("train", "validation", "test"), content[:3], strict=True):
        digest.update(heading(split, images.shape))
        digest.update(images.data)
    return digest.hexdigest()


def heading(split: str, shape: tuple[int, ...]) -> bytes:
    """What comes before the bytes of a split in the checksum."""
    return f"{split} uint8 {shape}".encode()


def shuffled(count: int, purpose: str) -> list[int]:
    """Order range(count) for good, by the hash of what each place is for.

    Unlike a generator's permutation it is the same under every version of every library.
    """
    return sorted(
        range(count), key=lambda index: hashlib.sha256(f"{purpose} {index}".encode()).digest()
    )

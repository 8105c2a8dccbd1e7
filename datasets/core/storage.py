"""The data folder: where it is, and how files get into it whole or not at all.

Writers take an exclusive lock on the data folder (filelock: a killed process holds nothing).
Where the file system has no locks, atomic renames alone keep the folder sound, and the work is
merely done twice. Readers need no lock.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from datasets.core.dataset import FolderError
from datasets.transport.partials import megabytes, say

ENVIRONMENT = "LIKELIHOOD_BENCH_DATA"
LOCK = ".likelihood-bench-lock"
STAGING = ".likelihood-bench-new-"  # not the start of LOCK and PARTIAL, which must last


def data_folder(root: str | Path | None = None) -> Path:
    """Path of the data folder: root, $LIKELIHOOD_BENCH_DATA, or a folder in the user's cache."""
    if chosen := root or os.environ.get(ENVIRONMENT):
        return Path(os.path.expanduser(chosen))
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(cache), "likelihood-bench", "data")


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Be the only writer of root, which is created if need be; FolderError if that cannot be."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        raise FolderError(
            f"data folder {root} cannot be written ({error.strerror}): "
            f"choose another by {ENVIRONMENT} or root="
        ) from error
    lock = FileLock(root / LOCK, mode=0o666)  # for all users who share the folder
    try:
        if _acquire(lock, root):
            for leftover in root.glob(STAGING + "*"):  # of a process that was killed
                shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, root: Path) -> bool:
    """Wait for the lock; False if the file system has none."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"another process is filling {root}: waiting for it")
        lock.acquire()
    except (OSError, NotImplementedError):  # a file system without locks: go on without one
        return False
    return True


@contextmanager
def staging(root: Path) -> Iterator[Path]:
    """Lend an empty folder on root's own file system; it is removed afterwards in any case."""
    with tempfile.TemporaryDirectory(prefix=STAGING, dir=root) as folder:
        yield Path(folder)


def publish(files: list[Path], staged: Path, root: Path) -> None:
    """Move finished files from staged to the same places below root, each atomically."""
    for file in files:
        target = root / file.relative_to(staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def lacking_space(folder: Path, needed: int) -> str | None:
    """Say how much space a folder needs and has; None if it is enough."""
    free = shutil.disk_usage(folder).free
    if free >= needed:
        return None
    return f"needs {megabytes(needed)} MB, {megabytes(free)} MB are free"

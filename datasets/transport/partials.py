"""Partial downloads: a transfer that was stopped goes on where it stopped.

The bytes that have arrived of a data set lie in a hidden folder, `PARTIAL`/<name>, until the data
set is complete. Their content is not verified here; the caller does that.
"""

import hashlib
import os
import re
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

PARTIAL = ".likelihood-bench-partial"
STALL = 10.0  # seconds without an answer after which a server counts as gone
RETRIES = 5  # of a transfer that breaks off, as long as each attempt brings something
PAUSE = 1.0  # seconds before a retry


class SourceError(Exception):
    """A source did not deliver; the message is the reason."""


class TransferError(SourceError):
    """A transfer did not end; the bytes that have arrived are kept."""


def say(message: str) -> None:
    """Write one line to stderr without tearing a progress bar."""
    tqdm.write(message, file=sys.stderr)


def megabytes(count: int) -> str:
    """Write a number of bytes as whole megabytes, without the unit."""
    return f"{count / 1e6:.0f}"


@dataclass(frozen=True)
class RemoteFile:
    """A file on a web server or on Google Drive, and its name in messages."""

    url: str
    name: str

    def path(self, folder: Path) -> Path:
        """Path of the file in folder, different for each address."""
        name = re.sub(r"[^\w.-]", "_", self.name)[-80:]
        return folder / f"{name}-{hashlib.sha256(self.url.encode()).hexdigest()[:16]}"


class Partials:
    """The files of one data set that have arrived, as a whole or in part, and are not verified."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / PARTIAL / name
        self.unverified: list[Path] = []

    def bytes(self) -> int:
        """Number of bytes that have arrived."""
        return sum(file.stat().st_size for file in self.folder.glob("*"))

    def get(self, remote: RemoteFile, progress: bool | None) -> Path:
        """Transfer a file, or the rest of it; TransferError if a retry brought no more of it."""
        path = remote.path(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            say(f"{remote.name}: all of it is here, {megabytes(path.stat().st_size)} MB")
        try:
            _transfer(remote, path, progress)
        finally:
            self._tidy()
        self.unverified.append(path)
        return path

    def deliver(self, remote: RemoteFile, target: Path, progress: bool | None) -> None:
        """Transfer a file to a path on the same file system.

        Where the system has links, the file stays here as well: its verification may take long,
        and may be interrupted.
        """
        path = self.get(remote, progress)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
        except OSError:
            path.replace(target)

    def discard(self) -> None:
        """Remove the files that `get` transferred, because their content is wrong."""
        for path in self.unverified:
            path.unlink(missing_ok=True)
        self._tidy()

    def clear(self) -> None:
        """Remove everything: the data set is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._tidy()

    def _tidy(self) -> None:
        for folder in (self.folder, self.folder.parent):
            with suppress(OSError):  # not empty, or never made
                folder.rmdir()


def _transfer(remote: RemoteFile, path: Path, progress: bool | None) -> None:
    retries = 0
    while not path.is_file():
        before = _arrived(path)
        try:
            _attempt(remote, path, progress)
        except TransferError:
            retries += 1
            if retries > RETRIES or _arrived(path) <= before:
                raise
            time.sleep(PAUSE)


def _attempt(remote: RemoteFile, path: Path, progress: bool | None) -> None:
    """Transfer the rest of a file by gdown, once.

    Why gdown: it reads web servers and Google Drive, resumes by range requests, compares the range
    that the server sends with the one that was asked for, and refuses an answer that is too short.
    (pooch does not resume; huggingface_hub and pypdl compare no ranges.) It does not notice that a
    file changed between two commands: then the checksum of the data set fails, and the next
    command starts over.
    """
    import gdown  # noqa: PLC0415 - takes half a second, and most commands do not need it

    before = _arrived(path)
    if before:
        say(f"{remote.name}: resuming at {megabytes(before)} MB")
    hidden = None if progress is None else not progress
    try:
        with tqdm(desc=remote.name, unit="B", unit_scale=True, leave=False, disable=hidden) as bar:

            def show(done: int, total: int | None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            gdown.download(
                url=remote.url,
                output=str(path),
                quiet=True,
                resume=True,
                timeout=STALL,
                progress=show,
            )
    except gdown.exceptions.FileURLRetrievalError as error:  # e.g. too many downloads of it today
        reason = " ".join(str(error.__context__ or error).split())
        raise TransferError(f"{remote.name}: {reason} In a browser: {remote.url}") from error
    except gdown.exceptions.DownloadError as error:
        if not before or _arrived(path) > before or error.__cause__ is not None:
            raise _broken(remote, path, error) from error
        say(f"{remote.name}: starting over, the server cannot resume at {megabytes(before)} MB")
        for part in _parts(path):
            part.unlink()
        _attempt(remote, path, progress)
    except OSError as error:
        if error.errno is not None:  # of this machine, e.g. a full disk; requests sets none
            raise
        raise _broken(remote, path, error) from error


def _broken(remote: RemoteFile, path: Path, error: Exception) -> TransferError:
    cause = getattr(error.args[0], "reason", error) if error.args else error  # urllib3's own text
    message = f"{remote.name}: " + str(cause).partition("\n")[0].rstrip(".")
    if arrived := _arrived(path):
        message += f" after {megabytes(arrived)} MB, the same command goes on from there"
    return TransferError(message)


def _parts(path: Path) -> list[Path]:
    """List the parts of a file; gdown adds a random word to its name."""
    return list(path.parent.glob(f"{path.name}*.part"))


def _arrived(path: Path) -> int:
    return sum(file.stat().st_size for file in [path, *_parts(path)] if file.is_file())

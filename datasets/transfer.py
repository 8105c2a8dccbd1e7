"""Transfers that go on where they stopped, however they were stopped.

What has arrived of a data set lies in a hidden folder of its own, `PARTIAL`/<name>, until the
data set is there. It is no data: whether it is the right content, whoever asked verifies.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from datasets.talk import bar, say

PARTIAL = ".likelihood-bench-partial"
STALL = 10.0  # seconds without an answer after which a server counts as gone
CHUNK = 1 << 16
RETRIES = 5  # of a transfer that breaks off, as long as each brings something
PAUSE = 1.0  # seconds before such a retry


class SourceError(Exception):
    """A source that did not deliver; the message is the reason."""


class TransferError(SourceError):
    """A transfer that did not end; what has arrived is kept."""


@dataclass(frozen=True)
class Transfer(ABC):
    """One file on its way.

    Attributes:
        url: where it comes from; the file here is named after it.
        name: what it is called in messages.

    """

    url: str
    name: str

    def path(self, folder: Path) -> Path:
        """Tell where the file will be."""
        name = re.sub(r"[^\w.-]", "_", self.name)[-80:]
        return folder / f"{name}-{hashlib.sha256(self.url.encode()).hexdigest()[:16]}"

    @abstractmethod
    def arrived(self, path: Path) -> int:
        """Tell how many bytes are here."""

    @abstractmethod
    def complete(self, path: Path) -> bool:
        """Tell whether these are all."""

    @abstractmethod
    def attempt(self, path: Path, progress: bool | None) -> None:
        """Transfer what is not here yet.

        Raises:
            TransferError: it broke off.

        """

    def say_anew(self, here: int) -> None:
        """Tell that what is here is of no use."""
        say(f"{self.name}: starting over, the {_mb(here)} MB that are here cannot be resumed")


class Partials:
    """What has arrived for one data set, and is not yet verified."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / PARTIAL / name
        self.unverified: list[Path] = []

    def bytes(self) -> int:
        """Tell how much has arrived."""
        return sum(file.stat().st_size for file in self.folder.glob("*"))

    def get(self, transfer: Transfer, progress: bool | None) -> Path:
        """Have a file transferred, or what is missing of it.

        Raises:
            TransferError: it broke off, and going on brought no more.

        """
        path = transfer.path(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if transfer.complete(path):
            say(f"{transfer.name}: all of it is here, {_mb(transfer.arrived(path))} MB")
        try:
            _until_complete(transfer, path, progress)
        finally:
            self._tidy()
        self.unverified.append(path)
        return path

    def deliver(self, transfer: Transfer, target: Path, progress: bool | None) -> None:
        """Have a file transferred to a place on the same file system.

        It stays here as well, where the system has links: to be verified may take long, and be
        interrupted.
        """
        path = self.get(transfer, progress)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
        except OSError:
            path.replace(target)

    def discard(self) -> None:
        """Remove the files that were transferred, because their content is wrong."""
        for path in self.unverified:
            path.unlink(missing_ok=True)
            _record(path).unlink(missing_ok=True)
        self._tidy()

    def clear(self) -> None:
        """Remove everything: the data set is there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._tidy()

    def _tidy(self) -> None:
        with suppress(OSError):  # not empty, or never made
            self.folder.rmdir()
        with suppress(OSError):
            self.folder.parent.rmdir()


def _until_complete(transfer: Transfer, path: Path, progress: bool | None) -> None:
    retries = 0
    while not transfer.complete(path):
        before = transfer.arrived(path)
        try:
            transfer.attempt(path, progress)
        except TransferError:
            retries += 1
            if retries > RETRIES or transfer.arrived(path) <= before:
                raise
            time.sleep(PAUSE)


@dataclass(frozen=True)
class Answer:
    """What a server said of a file: its length and what changes with its content, if known."""

    length: int | None
    validator: str | None

    @property
    def resumable(self) -> bool:
        """Whether a part of the file can be told from a part of another."""
        return self.length is not None and self.validator is not None


@dataclass(frozen=True)
class Http(Transfer):
    """One file of a web server, resumed by a range request (RFC 9110, section 14)."""

    def arrived(self, path: Path) -> int:
        """See `Transfer.arrived`."""
        return path.stat().st_size if path.is_file() else 0

    def complete(self, path: Path) -> bool:
        """See `Transfer.complete`."""
        known = _read(path)
        return known is not None and path.is_file() and self.arrived(path) == known.length

    def attempt(self, path: Path, progress: bool | None) -> None:
        """See `Transfer.attempt`."""
        known = _read(path)
        answer, start = self._open(known, self.arrived(path))
        if known is None or not start:
            known = Answer(answer.length, _validator(answer.headers))
        with answer, path.open("ab" if start else "wb") as file:
            if not start:  # only now: this record must never stand beside a part of another file
                _write(path, known)
            with bar(self.name, progress, known.length, start) as shown:
                while chunk := self._chunk(answer, path, known):
                    file.write(chunk)
                    file.flush()
                    shown.update(len(chunk))
        if known.length is None:
            known = Answer(self.arrived(path), known.validator)
            _write(path, known)
        if self.arrived(path) != known.length:  # which urllib does not notice
            raise self._broken("the connection was closed", path, known)

    def _chunk(self, answer: http.client.HTTPResponse, path: Path, known: Answer) -> bytes:
        try:
            return answer.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise self._broken(reason, path, known) from error

    def _broken(self, reason: str, path: Path, known: Answer) -> TransferError:
        told = f"{self.url}: {reason}"
        if known.resumable:
            here = f"{_mb(self.arrived(path))} of {_mb(known.length or 0)} MB"
            told += f" after {here}, the same command goes on from there"
        return TransferError(told)

    def _open(self, known: Answer | None, here: int) -> tuple[http.client.HTTPResponse, int]:
        """Ask for what is missing; tells where the answer starts, too."""
        if known is None or not 0 < here < (known.length or 0):
            return self._whole(), 0
        answer = None
        if known.resumable:
            answer = self._ask({"Range": f"bytes={here}-", "If-Range": known.validator or ""})
            if _continues(answer, known, here):
                say(f"{self.name}: resuming at {_mb(here)} of {_mb(known.length or 0)} MB")
                return answer, here
        self.say_anew(here)
        if answer and answer.status == HTTPStatus.OK:
            return answer, 0
        if answer:
            answer.close()
        return self._whole(), 0

    def _whole(self) -> http.client.HTTPResponse:
        answer = self._ask({})
        if answer.status != HTTPStatus.OK:
            answer.close()
            raise TransferError(f"{self.url}: {answer.status} {answer.reason}")
        return answer

    def _ask(self, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        request = urllib.request.Request(self.url, headers=dict(headers))
        try:
            answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=STALL)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return error  # type: ignore[return-value] # an answer too
            raise TransferError(f"{self.url}: {error.reason}") from error
        except urllib.error.URLError as error:
            raise TransferError(f"{self.url}: {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            raise TransferError(f"{self.url}: {error}") from error
        return answer


def _continues(answer: http.client.HTTPResponse, known: Answer, start: int) -> bool:
    told = [answer.headers[name] for name in ("ETag", "Last-Modified") if name in answer.headers]
    return (
        answer.status == HTTPStatus.PARTIAL_CONTENT
        and answer.headers["Content-Range"]
        == f"bytes {start}-{(known.length or 0) - 1}/{known.length}"
        and (not told or known.validator in told)
    )


def _validator(headers: Any) -> str | None:
    """What If-Range takes: a strong ETag, else the time of the last change."""
    tag: str | None = headers["ETag"]
    changed: str | None = headers["Last-Modified"]
    return tag if tag and not tag.startswith("W/") else changed


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read(path: Path) -> Answer | None:
    try:
        return Answer(**json.loads(_record(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or half-written by a killed process
        return None


def _write(path: Path, known: Answer) -> None:
    _record(path).write_text(json.dumps(asdict(known)), encoding="utf-8")


@dataclass(frozen=True)
class Drive(Transfer):
    """One file of Google Drive, transferred and resumed by gdown; `url` is what a browser takes."""

    id: str

    def arrived(self, path: Path) -> int:
        """See `Transfer.arrived`."""
        return sum(file.stat().st_size for file in [path, *_parts(path)] if file.is_file())

    def complete(self, path: Path) -> bool:
        """See `Transfer.complete`."""
        return path.is_file()

    def attempt(self, path: Path, progress: bool | None) -> None:
        """See `Transfer.attempt`."""
        import gdown  # noqa: PLC0415 - takes half a second, and few data sets need it

        before = self.arrived(path)
        if before:
            say(f"{self.name}: resuming at {_mb(before)} MB")
        try:
            self._download(path, progress)
        except gdown.exceptions.FileURLRetrievalError as error:  # e.g. too many have had it today
            told = " ".join(str(error.__context__ or error).split())
            raise TransferError(f"{self.name}: {told} In a browser: {self.url}") from error
        except gdown.exceptions.DownloadError as error:
            stuck = self.arrived(path) == before and error.__cause__ is None
            if before and stuck:  # the server does not resume, which gdown leaves to us
                self.say_anew(before)
                for part in _parts(path):
                    part.unlink()
                self.attempt(path, progress)
                return
            raise self._broken(error, path) from error
        except OSError as error:
            if error.errno is not None:  # of this machine, e.g. a full disk; requests has none
                raise
            raise self._broken(error, path) from error

    def _download(self, path: Path, progress: bool | None) -> None:
        import gdown  # noqa: PLC0415 - see above

        with bar(self.name, progress) as shown:

            def show(done: int, total: int | None) -> None:
                shown.total = total
                shown.update(done - shown.n)

            gdown.download(
                id=self.id,
                output=str(path),
                quiet=True,
                resume=True,
                timeout=STALL,
                progress=show,
            )

    def _broken(self, error: Exception, path: Path) -> TransferError:
        reason = str(error).partition("\n")[0].rstrip(".")
        here = f"{_mb(self.arrived(path))} MB"
        return TransferError(
            f"{self.name}: {reason} after {here}, the same command goes on from there"
        )


def _parts(path: Path) -> list[Path]:
    """What gdown has of a file: it draws a name for the part."""
    return list(path.parent.glob(f"{path.name}*.part"))


def _mb(count: int) -> str:
    return f"{count / 1e6:.0f}"

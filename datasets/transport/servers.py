"""Official sources: web servers and Google Drive."""

import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.transport.partials import Partials, RemoteFile, SourceError
from datasets.transport.source import Source, extract


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
            extract(tar.extractfile, self.members, folder)


@dataclass(frozen=True, kw_only=True)
class GoogleDrive(Download):
    """Single files of Google Drive."""

    ids: Callable[[], Mapping[str, str]]  # name of each file -> its id; called when it is fetched
    mirrors: Sequence[str] = ("https://drive.google.com/uc?id=",)
    title: str = "official files on Google Drive"

    def address(self, mirror: str, name: str) -> str:
        """See `Download.address`."""
        return mirror + self.ids()[name]

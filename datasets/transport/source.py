"""What a source of a data set is.

A source puts files into a folder and promises nothing about their content, which the caller
verifies. That it fails is normal and cheap: no client, no network, no such package.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from datasets.transport.partials import Partials, SourceError


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """Somewhere the files of one data set can be had.

    Attributes:
        bytes: size of the transfer.
        members: name of each file at the source -> its path below the data folder.
    """

    bytes: int
    members: Mapping[str, str]

    @property
    @abstractmethod
    def title(self) -> str:
        """Its name in messages and in `Dataset.source`."""

    @property
    def room(self) -> int:
        """Bytes on disk at most: by default those of an archive and of its content beside it."""
        return 2 * self.bytes

    @abstractmethod
    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """Put every member below folder.

        Args:
            folder: an empty folder that is thrown away if this fails.
            partials: keeps what an interruption leaves of a download.
            progress: show a bar on stderr; None: only on a terminal.

        Raises:
            SourceError, OSError, tarfile.TarError, zipfile.BadZipFile: the source did not
                deliver; the text is the reason.
        """


def extract(
    member: Callable[[str], IO[bytes] | None], paths: Mapping[str, str], folder: Path
) -> None:
    """Copy the named members of an archive: no name inside it decides where a file is written.

    Args:
        member: opens a member; None or a KeyError means that there is none of this name.
        paths: name of each member -> its path below folder.
        folder: where they go.
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
        with stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file)

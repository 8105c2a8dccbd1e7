"""What a data set is to its author: a `Loader`."""

from abc import ABC, abstractmethod
from pathlib import Path

from datasets.core.dataset import Content
from datasets.transport.source import Source

RECEIPT = "source.txt"


def complete(*files: Path) -> list[Path]:
    """Return the files if all of them are there, else none."""
    return list(files) if all(file.is_file() for file in files) else []


class Loader(ABC):
    """One data set: where its files lie, which sources have them, how they are read.

    Attributes:
        name: set by `register`.
        shape: of one item, (C, H, W) or (T, C, H, W).
        counts: number of training, validation and test items.
        description: see `Dataset`.
        folder: where the files lie, below the data folder.
        bytes: size of the files on disk.
        advice: what to do by hand if nothing else works; {folder} stands for the folder's path.
        checksum: of the content that `read` must return; None where it may differ by machine.
        sources: tried in this order when the files are missing.
        local: origin of files that `fetch` did not bring.
    """

    name: str
    shape: tuple[int, ...]
    counts: tuple[int, int, int]
    description: str
    folder: str
    bytes: int
    advice: str
    checksum: str | None = None
    sources: tuple[Source, ...] = ()
    local: str = "local files, verified by checksum on load"

    @property
    def transfer(self) -> int | None:
        """Bytes that a fetch transfers at most, from the largest source; None without a source."""
        return max((source.bytes for source in self.sources), default=None)

    @abstractmethod
    def files(self, root: Path) -> list[Path]:
        """List the files of a complete copy below root, none if there is none. Opens nothing."""

    @abstractmethod
    def read(self, root: Path) -> Content:
        """Read the files of a complete copy; a DataError tells that one is unreadable or wrong."""

    def prepare(self, root: Path) -> None:  # noqa: B027 - a hook that most do not need
        """Bring what a source left below root into the layout that `files` looks for."""

    def verify(self, root: Path) -> None:
        """Verify what a source brought: by reading it, or less where that is enough.

        If this makes new files below root, which `files` then lists in place of those that the
        source brought, only the new ones are kept. It raises what `read` raises.
        """
        self.read(root)

    def convert(self, root: Path) -> None:  # noqa: B027 - a hook that most do not need
        """Make below root what `read` reads, if it is not there yet (see `formats.converted`).

        It raises what `read` raises, and a FolderError where root cannot be written.
        """

    def describe(self, root: Path) -> str:
        """Return `Dataset.description` of the copy below root."""
        return self.description

    def origin(self, root: Path) -> str:
        """Return where the copy below root came from: the receipt of `fetch`, if it left one."""
        receipt = self.files(root)[0].parent / RECEIPT
        if receipt.is_file():
            return receipt.read_text(encoding="utf-8").strip()
        return self.local

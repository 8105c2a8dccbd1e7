"""What a data set is to its author: a `Loader`, which every file of `sets/` registers by a name."""

import difflib
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from datasets.core.dataset import Content, DataError
from datasets.transport.sources import Source

RECEIPT = "source.txt"


def complete(*files: Path) -> list[Path]:
    """Return the files if all of them are there, else none."""
    return list(files) if all(file.is_file() for file in files) else []


class Loader(ABC):
    """One data set: where its files lie, which sources have them, how they are read."""

    name: str  # set by `register`
    shape: tuple[int, ...]  # of one item, (C, H, W) or (T, C, H, W)
    counts: tuple[int, int, int]  # number of training, validation and test items
    description: str  # see `Dataset`
    folder: str  # where the files lie, below the data folder
    bytes: int  # size of the files on disk
    advice: str  # what to do by hand if nothing else works; {folder} stands for the folder's path
    checksum: str | None = None  # of what `read` must return; None where it may differ by machine
    sources: tuple[Source, ...] = ()  # tried in this order when the files are missing
    local: str = "local files, verified by checksum on load"  # origin of what `fetch` did not bring

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


LoaderType = TypeVar("LoaderType", bound=type[Loader])

_loaders: dict[str, Loader] = {}


def register(name: str) -> Callable[[LoaderType], LoaderType]:
    """Class decorator: register a `Loader` under a name; one that is taken raises a ValueError."""

    def decorate(cls: LoaderType) -> LoaderType:
        taken = type(_loaders[name]) if name in _loaders else cls
        # A class may replace itself, when its file is read again.
        if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"data set {name!r} is registered twice")
        enter(name, cls())
        return cls

    return decorate


def enter(name: str, loader: Loader) -> None:
    """Make a loader known under a name, in place of any that had it."""
    loader.name = name
    _loaders[name] = loader


@cache
def _discover() -> None:
    folder = Path(__file__).parent.parent / "sets"
    for module in pkgutil.iter_modules([str(folder)]):
        importlib.import_module(f"datasets.sets.{module.name}")


def names() -> list[str]:
    """Names of all data sets, sorted."""
    _discover()
    return sorted(_loaders)


def find(name: str) -> Loader:
    """Return the loader of a data set; the DataError of an unknown name lists them."""
    if name not in names():
        near = difflib.get_close_matches(name.casefold(), names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"unknown data set {name!r}: allowed are {', '.join(names())}{hint}")
    return _loaders[name]

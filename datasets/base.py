"""What a data set is, to its users (`Dataset`, `Status`) and to its author (`Loader`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.sources import Source

if TYPE_CHECKING:  # torch takes seconds to import, and names, status and fetch need none of it
    from torch import Tensor

Bytes = NDArray[np.uint8]
RECEIPT = "source.txt"


class DataError(RuntimeError):
    """Data that cannot be had: unknown, missing, corrupt, or nowhere to put it. One line."""


class FolderError(DataError):
    """Nowhere to put it: the data folder cannot be written, or is full."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in memory, or mapped into it (see `converted.py`), split once and for all.

    Attributes:
        name: registered name.
        train: uint8 (N, C, H, W), or (N, T, C, H, W) for video; contiguous, in a fixed order.
        validation: like train; never part of it.
        test: like train; the official test part where there is one.
        labels: split -> int64 (N,), or None where no labels are known.
        source: where the content came from, a sentence for people.
        checksum: SHA-256 (hex) of the three tensors, equal on every machine with equal content.
        description: one sentence for a report: what is shown, how resized or padded, how split.

    """

    name: str
    train: Tensor = field(repr=False)
    validation: Tensor = field(repr=False)
    test: Tensor = field(repr=False)
    labels: Mapping[str, Tensor] | None = field(repr=False)
    source: str
    checksum: str
    description: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item: (C, H, W), or (T, C, H, W) for video."""
        return tuple(self.train.shape[1:])


@dataclass(frozen=True)
class Status:
    """What is on disk, told without reading it: `load` is what verifies the content.

    Attributes:
        name: registered name.
        present: whether every file is there.
        source: where the content came from or, while absent, what `fetch` would try in turn.
        bytes: size on disk or, while absent, the size it will have there.
        path: the folder of the files.
        train: number of training items; likewise validation and test.
        validation: see train.
        test: see train.
        shape: shape of one item, (C, H, W) or (T, C, H, W).
        checksum: what `Dataset.checksum` will be; None where only loading can tell.
        arrived: bytes that a `fetch` which was interrupted left, and the next one goes on from.

    """

    name: str
    present: bool
    source: str
    bytes: int
    path: Path
    train: int
    validation: int
    test: int
    shape: tuple[int, ...]
    checksum: str | None
    arrived: int = 0


class Content(NamedTuple):
    """What a loader reads: uint8 arrays shaped like the tensors of `Dataset`.

    Attributes:
        train: see `Dataset`; likewise validation, test and labels.
        validation: see train.
        test: see train.
        labels: see train.
        checksum: of the three arrays, where it is known without hashing them; else None.

    """

    train: Bytes
    validation: Bytes
    test: Bytes
    labels: Mapping[str, NDArray[Any]] | None = None
    checksum: str | None = None


def split(images: Bytes, labels: NDArray[Any], counts: tuple[int, int, int]) -> Content:
    """Cut images (N, C, H, W) and labels (N,) into three parts of the given sizes, in order."""
    train, validation = counts[0], counts[0] + counts[1]
    return Content(
        images[:train],
        images[train:validation],
        images[validation:],
        labels={
            "train": labels[:train],
            "validation": labels[train:validation],
            "test": labels[validation:],
        },
    )


class Loader(ABC):
    """One data set: where its files lie, who carries them, how they are read.

    Attributes:
        name: set by `register`.
        shape: of one item, (C, H, W) or (T, C, H, W).
        counts: number of training, validation and test items.
        description: see `Dataset`.
        folder: where the files lie, below the data folder.
        bytes: size of the files on disk.
        advice: what to do by hand if nothing else works; {folder} stands for the folder's path.
        checksum: of the content that `read` must give; None where it may differ by machine.
        sources: tried in this order when the files are missing.
        local: what is said of the origin of files that `fetch` did not bring.

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

    @abstractmethod
    def files(self, root: Path) -> list[Path]:
        """List the files of a complete copy below root, none if there is none. Opens nothing."""

    @abstractmethod
    def read(self, root: Path) -> Content:
        """Read and verify the files of a complete copy.

        Raises:
            DataError: a file cannot be read, or its content is not the one that is known.

        """

    def prepare(self, root: Path) -> None:  # noqa: B027 - a hook that most do not need
        """Bring what a source left below root into the layout that `files` looks for."""

    def verify(self, root: Path) -> None:
        """Verify what a source brought: by reading it, or less where that is enough.

        What this makes below root, so that `files` lists it and not what the source brought any
        more, is kept in its stead.

        Raises:
            DataError: as for `read`.

        """
        self.read(root)

    def convert(self, root: Path) -> None:  # noqa: B027 - a hook that most do not need
        """Make below root what `read` reads, if it is not there yet (see `converted.py`).

        Raises:
            DataError: as for `read`; FolderError: it cannot be written.

        """

    def describe(self, root: Path) -> str:
        """Tell what the copy below root shows: see `Dataset.description`."""
        return self.description

    def origin(self, root: Path) -> str:
        """Tell where the copy below root came from: the receipt of `fetch`, if it left one."""
        receipt = self.files(root)[0].parent / RECEIPT
        if receipt.is_file():
            return receipt.read_text(encoding="utf-8").strip()
        return self.local

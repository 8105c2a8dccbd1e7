"""What a data set is to its users: `Dataset`, `Status`, the errors; and to loaders: `Content`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to import, and names, status and fetch need none of it
    from torch import Tensor

Bytes = NDArray[np.uint8]
SPLITS = ("train", "validation", "test")
AUTOMATIC = 1_000_000_000  # bytes that are transferred unasked


class DataError(RuntimeError):
    """Data that cannot be had: unknown, missing, corrupt, or nowhere to put it. One line."""


class FolderError(DataError):
    """The data folder cannot be written, or is full."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images in memory, or memory-mapped (see `formats.converted`), in fixed, disjoint splits.

    The splits are uint8 (N, C, H, W), or (N, T, C, H, W) for video; contiguous, in a fixed order.
    """

    name: str  # the registered one
    train: Tensor = field(repr=False)
    validation: Tensor = field(repr=False)
    test: Tensor = field(repr=False)  # the official test part where there is one
    labels: Mapping[str, Tensor] | None = field(repr=False)  # split -> int64 (N,); None: not known
    source: str  # origin of the content, a sentence for people
    checksum: str  # SHA-256 (hex) of the splits, equal on every machine with equal content
    description: str  # one sentence for a report: what is shown, how resized or padded, how split

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item: (C, H, W), or (T, C, H, W) for video."""
        return tuple(self.train.shape[1:])


@dataclass(frozen=True)
class Status:
    """What is on disk, and what a fetch would transfer; only `load` verifies the content."""

    name: str  # the registered one
    present: bool  # whether every file is there
    source: str  # origin of the content or, while absent, what `fetch` would try in turn
    bytes: int  # size on disk or, while absent, the size it will have there
    path: Path  # the folder of the files
    train: int  # number of items
    validation: int
    test: int
    shape: tuple[int, ...]  # of one item, (C, H, W) or (T, C, H, W)
    checksum: str | None  # what `Dataset.checksum` will be; None where only loading can tell
    description: str  # one sentence, as of `Dataset`; that of a copy may say more
    arrived: int = 0  # bytes that an interrupted `fetch` left, from which the next one goes on
    transfer: int | None = 0  # bytes that `fetch` would transfer at most; None without a source

    @property
    def automatic(self) -> bool:
        """Whether `load` gets the data: they are present, or at most `AUTOMATIC` bytes away."""
        return self.transfer is not None and self.transfer <= AUTOMATIC


class Content(NamedTuple):
    """What a loader reads: uint8 arrays shaped like the tensors of `Dataset`.

    The checksum is None where it is not known without hashing the arrays.
    """

    train: Bytes
    validation: Bytes
    test: Bytes
    labels: Mapping[str, NDArray[Any]] | None = None
    checksum: str | None = None


def split(images: Bytes, labels: NDArray[Any], counts: tuple[int, int, int]) -> Content:
    """Cut images (N, C, H, W) and labels (N,) into three parts of the given sizes, in order."""
    train, validation, test = np.split(images, np.cumsum(counts)[:-1])
    return Content(train, validation, test, split_labels(labels, counts))


def split_labels(labels: NDArray[Any], counts: tuple[int, int, int]) -> Mapping[str, NDArray[Any]]:
    """Cut labels (N,) likewise."""
    return dict(zip(SPLITS, np.split(labels, np.cumsum(counts)[:-1]), strict=True))

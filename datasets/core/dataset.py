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

    Attributes:
        name: registered name.
        train: uint8 (N, C, H, W), or (N, T, C, H, W) for video; contiguous, in a fixed order.
        validation: like train; never part of it.
        test: like train; the official test part where there is one.
        labels: split -> int64 (N,), or None where no labels are known.
        source: origin of the content, a sentence for people.
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
    """What is on disk, and what a fetch would transfer; only `load` verifies the content.

    Attributes:
        name: registered name.
        present: whether every file is there.
        source: origin of the content or, while absent, the sources that `fetch` would try in turn.
        bytes: size on disk or, while absent, the size it will have there.
        path: the folder of the files.
        train: number of training items; likewise validation and test.
        shape: shape of one item, (C, H, W) or (T, C, H, W).
        checksum: what `Dataset.checksum` will be; None where only loading can tell.
        arrived: bytes that an interrupted `fetch` left, from which the next one goes on.
        transfer: bytes that `fetch` would transfer at most; 0 while present, None without a source.
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
    transfer: int | None = 0

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

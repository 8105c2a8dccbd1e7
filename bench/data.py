"""Data on the device, and data that users bring.

On the device uint8 items are moved there once, and batches are indexed there.

What is too large for that (video, which is mapped from a file) stays where it is: its batches are
indexed there and moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import datasets
from bench.errors import UsageError
from bench.seeds import generator
from likelihoods import described
from likelihoods.outside.files import class_of_file

RESIDENT = 4 << 30
"""Bytes up to which a data set is moved to the device as a whole."""


class OwnData(NamedTuple):
    """Data that a user brings."""

    place: str
    """FOLDER, FILE.npz or FILE.py:Class, a `datasets.Loader`."""
    size: tuple[int, int] | None = None
    """Height and width; see `datasets.add`."""
    crop: str = "centre"


_brought: list[OwnData] = []


def bring(own: OwnData) -> str:
    """Make data of a user's known to this process; returns the name of the data set.

    Raises:
        datasets.DataError: no such folder or file, or not one that can be used.
        likelihoods.LikelihoodError: FILE.py cannot be imported, or has no such class.
        UsageError: the class cannot be made, or its name is taken.
    """
    if ".py:" in own.place or own.place.endswith(".py"):
        name, cls, path = class_of_file(own.place, datasets.Loader, "data set")  # type: ignore[type-abstract]
        taken = name in datasets.names()  # also: all others are known by now
        try:
            datasets.register(name)(cls)
        except Exception as error:  # the user's code may raise anything
            hint = "; rename the class" if taken else ""
            raise UsageError(f"{own.place}: {described(error)}{hint}") from error
        own = own._replace(place=f"{path}:{name}")
    else:
        own = own._replace(place=str(Path(own.place).expanduser().absolute()))
        name = datasets.add(own.place, own.size, own.crop)
    if own not in _brought:
        _brought.append(own)
    return name


def brought() -> list[OwnData]:
    """All that users brought; another process may need it too."""
    return list(_brought)


class Data(NamedTuple):
    """The three parts of a data set: uint8 (N, C, H, W), or (N, T, C, H, W) for video."""

    train: Tensor
    validation: Tensor
    test: Tensor
    device: torch.device = torch.device("cpu")
    """Where batches of it belong."""
    labels: Mapping[str, Tensor] | None = None
    """Name of a part -> int64 (N,), the classes of its items, on the CPU; None: not known."""
    checksum: str | None = None
    """Of the three parts, as `datasets` takes it; None for data that were made by hand."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image, or of a frame."""
        channels, height, width = self.train.shape[-3:]
        return channels, height, width


Source = Callable[[str], datasets.Dataset]

_source: Source = datasets.load


def take_from(source: Source) -> None:
    """From now on this process has its data sets from there."""
    global _source  # noqa: PLW0603 - whoever needs data does not know who carries out its task
    _source = source


@lru_cache(maxsize=2)
def on_device(name: str, device: torch.device) -> Data:
    """Load a data set for a device (kept for the next run on the same data)."""
    data = _source(name)
    parts = (data.train, data.validation, data.test)
    if sum(part.nbytes for part in parts) <= RESIDENT:
        parts = (parts[0].to(device), parts[1].to(device), parts[2].to(device))
    return Data(*parts, device, data.labels, data.checksum)


def subset(items: Tensor, count: int, purpose: str) -> Tensor:
    """A fixed random choice of `count` items (0: all), the same for every run."""
    if count == 0 or count >= len(items):
        return items
    order = torch.randperm(len(items), generator=generator("cpu", 0, "subset", purpose))
    return items[order[:count].to(items.device)]


def images(items: Tensor) -> Tensor:
    """Items as images (N, C, H, W): the frames of videos (N, T, C, H, W), one after the other."""
    return items.flatten(0, -4)


def to_float(items: Tensor, device: torch.device | None = None) -> Tensor:
    """Items uint8 as float in [0, 1], in the memory layout that convolutions like.

    Args:
        items: (B, C, H, W) or (B, T, C, H, W).
        device: where they are wanted; None: where they are.
    """
    values = moved(images(items), device or items.device)
    values = values.to(torch.float32, memory_format=torch.channels_last).div_(255)
    return values.view(items.shape)


def moved(values: Tensor, device: torch.device) -> Tensor:
    """Values on a device; nobody waits for their way to a GPU."""
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)

"""Data on the device: uint8 images are moved there once, and batches are indexed there."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

import datasets
from bench.seeds import derive


class Data(NamedTuple):
    """The three parts of a data set, uint8 (N, C, H, W), on one device."""

    train: Tensor
    validation: Tensor
    test: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.shape[1:]
        return channels, height, width


@lru_cache(maxsize=2)
def on_device(name: str, device: torch.device) -> Data:
    """Load a data set and move it to the device (kept for the next run on the same data)."""
    data = datasets.load(name)
    return Data(*(part.to(device) for part in (data.train, data.validation, data.test)))


def subset(images: Tensor, count: int, purpose: str) -> Tensor:
    """A fixed random choice of `count` images (0: all), the same for every run."""
    if count == 0 or count >= len(images):
        return images
    order = torch.randperm(
        len(images), generator=torch.Generator().manual_seed(derive(0, "subset", purpose))
    )
    return images[order[:count].to(images.device)]


def to_float(images: Tensor) -> Tensor:
    """Images uint8 (B, C, H, W) as float in [0, 1], in the memory layout that convolutions like."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)

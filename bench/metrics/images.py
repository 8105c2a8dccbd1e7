"""The step from a decoder's mean to an image that a metric may look at."""

import torch
from torch import Tensor


def quantise(images: Tensor) -> Tensor:
    """Round images in [0, 1], any shape, to the nearest 8-bit level, uint8; clips what is outside.

    Real images are on that grid; generated ones must be too, or a metric sees the difference.

    Raises:
        ValueError: an image contains NaN.
    """
    if images.isnan().any():
        raise ValueError("images contain NaN")
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)

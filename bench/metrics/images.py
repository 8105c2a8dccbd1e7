"""The step from a decoder's mean to an 8-bit image, of which metrics are taken."""

import torch
from torch import Tensor


def quantise(images: Tensor) -> Tensor:
    """Round images in [0, 1], any shape, to the nearest 8-bit level, uint8; clips other values.

    Real images are on that grid; generated ones must be too, or a metric sees the difference. An
    image that contains NaN raises a ValueError.

    Example:
        >>> import torch
        >>> from bench.metrics.images import quantise
        >>> quantise(torch.tensor([-0.1, 0.5, 1.0])).tolist()
        [0, 128, 255]
    """
    if images.isnan().any():
        raise ValueError("images contain NaN")
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)

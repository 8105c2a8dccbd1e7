"""The 8-bit grid on which images live: 256 levels, 1/255 apart, from 0 to 1."""

from typing import Final

from torch import Tensor

LEVELS: Final = 256
STEP: Final = 1 / 255  # distance of two levels, and so the width of the bin around each


def to_levels(x: Tensor) -> Tensor:
    """Return the level 0 ... 255 (int64) of each value of ``x``, a float tensor on the grid."""
    return (x * (LEVELS - 1)).round().long()


def quantise(x: Tensor) -> Tensor:
    """Return ``x`` clipped to [0, 1] and moved to the nearest level of the grid."""
    return (x.clamp(0, 1) * (LEVELS - 1)).round() * STEP

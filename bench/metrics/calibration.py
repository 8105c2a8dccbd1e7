"""Calibration: whether what a decoder calls improbable happens as rarely as it says.

The probability integral transform of a value under its own distribution is uniform if that
distribution is the true one (Rosenblatt 1952; Dawid 1984). Values on a grid are put at a random
place between the cdf without and with their own level, which makes the transform exactly uniform
for discrete distributions too (Czado, Gneiting & Held 2009, section 2).
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

BINS: Final = 20
"""Of the histogram, equally wide."""
INTERVALS: Final = (50, 90, 99)
"""Percent of the central intervals whose coverage is counted."""


@dataclass(frozen=True)
class Calibration:
    """How uniform the transforms are.

    Attributes:
        histogram: share of the values in each of the `BINS` bins; they sum to one, and each is
            1 / `BINS` under calibration.
        error: mean over the inner edges p of the bins of |F(p) - p|, F the empirical cdf of the
            transforms: 0 under calibration, at most 1/2 (Kuleshov et al. 2018, section 3.5, with
            absolute differences in place of squared ones).
        coverage: percent of the interval -> percent of the values in it: of transforms in
            [(1 - c) / 2, (1 + c) / 2], counted one by one.
        count: values.
    """

    histogram: tuple[float, ...]
    error: float
    coverage: dict[int, float]
    count: int


class Transforms:
    """Counts transforms as they come; its memory does not depend on how many."""

    def __init__(self) -> None:
        self._bins = torch.zeros(BINS, dtype=torch.int64)
        self._covered = torch.zeros(len(INTERVALS), dtype=torch.int64)

    def update(self, transforms: Tensor) -> None:
        """Count transforms of any shape.

        Raises:
            ValueError: one of them is not in [0, 1].
        """
        found = transforms.flatten()
        if not bool(((found >= 0) & (found <= 1)).all()):
            raise ValueError("a transform is not in [0, 1]")
        bins = (found * BINS).long().clamp(max=BINS - 1)
        self._bins += torch.bincount(bins, minlength=BINS).cpu()
        inside = [
            ((found >= (1 - c / 100) / 2) & (found <= (1 + c / 100) / 2)).sum() for c in INTERVALS
        ]
        self._covered += torch.stack(inside).cpu()

    def result(self) -> Calibration:
        """Return what was counted so far.

        Raises:
            ValueError: nothing was.
        """
        count = int(self._bins.sum())
        if count == 0:
            raise ValueError("no transform was counted")
        shares = self._bins.double() / count
        edges = torch.arange(1, BINS, dtype=torch.float64) / BINS
        covered = (100 * self._covered.double() / count).tolist()
        return Calibration(
            histogram=tuple(shares.tolist()),
            error=float((shares.cumsum(0)[:-1] - edges).abs().mean()),
            coverage=dict(zip(INTERVALS, covered, strict=True)),
            count=count,
        )


def transform(below: Tensor, above: Tensor, generator: torch.Generator) -> Tensor:
    """Return the randomised probability integral transform of each value, of the shape of `below`.

    u = below + v (above - below), v uniform in [0, 1), one for each value.

    Args:
        below: the cdf of each value without its own level, in [0, 1].
        above: likewise with it, at least `below`.
        generator: source of v, on the device of `below`.
    """
    uniform = torch.rand(
        below.shape, generator=generator, dtype=below.dtype, device=generator.device
    )
    return below + uniform * (above - below)

"""Calibration: whether events are as frequent as a decoder says.

The probability integral transform (PIT) of a value under its own distribution is uniform if that
distribution is the true one (Rosenblatt 1952, Ann. Math. Statist. 23; Dawid 1984, J. R. Statist.
Soc. A 147). Of a value on a grid it is a random number between the cdf without and with its own
level, which makes it exactly uniform for discrete distributions too (Czado, Gneiting & Held 2009,
Biometrics 65, section 2).
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

BINS: Final = 20  # number of bins of the histogram, equally wide
INTERVALS: Final = (50, 90, 99)  # percent of the central intervals whose coverage is counted
ROUNDING: Final = 1e-9  # of a sum of 256 probabilities


@dataclass(frozen=True)
class Calibration:
    """How uniform the transforms are.

    The error is the mean over the inner edges p of the bins of |F(p) - p|, F the empirical cdf of
    the transforms: 0 under calibration, at most 1/2 (Kuleshov et al. 2018, section 3.5,
    arXiv:1807.00263, with absolute differences in place of squared ones).
    """

    histogram: tuple[float, ...]  # share of the values in each bin, 1 / `BINS` under calibration
    error: float
    coverage: dict[int, float]  # percent c -> percent of transforms in [(1 - c) / 2, (1 + c) / 2]
    count: int  # of values


class Transforms:
    """Counts transforms in batches; its memory does not depend on how many.

    Example:
        >>> import torch
        >>> from bench.metrics.calibration import Transforms
        >>> transforms = Transforms()
        >>> transforms.update((torch.arange(1000) + 0.5) / 1000)  # uniform
        >>> result = transforms.result()
        >>> result.coverage, round(result.error, 6), result.count
        ({50: 50.0, 90: 90.0, 99: 99.0}, 0.0, 1000)
    """

    def __init__(self) -> None:
        self._bins = torch.zeros(BINS, dtype=torch.int64)
        self._covered = torch.zeros(len(INTERVALS), dtype=torch.int64)

    def update(self, transforms: Tensor) -> None:
        """Count transforms of any shape; a ValueError if one of them is not in [0, 1]."""
        values = transforms.flatten()
        if not bool(((values >= -ROUNDING) & (values <= 1 + ROUNDING)).all()):
            raise ValueError("a transform is not in [0, 1]")
        values = values.clamp(0, 1)
        bins = (values * BINS).long().clamp(max=BINS - 1)
        self._bins += torch.bincount(bins, minlength=BINS).cpu()
        inside = [
            ((values >= (1 - c / 100) / 2) & (values <= (1 + c / 100) / 2)).sum() for c in INTERVALS
        ]
        self._covered += torch.stack(inside).cpu()

    def result(self) -> Calibration:
        """Return the calibration of all transforms so far; a ValueError if there are none."""
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

    u = below + v (above - below), with the cdf of each value without and with its own level, and v
    uniform in [0, 1), one for each value, from the generator, which is on the device of both.

    Source: Czado, Gneiting & Held 2009, Biometrics 65, section 2.

    Example:
        >>> import torch
        >>> from bench.metrics.calibration import transform
        >>> below, above = torch.tensor([0.0, 0.5]), torch.tensor([0.5, 0.5])
        >>> u = transform(below, above, torch.Generator().manual_seed(0))
        >>> bool(0 <= u[0] <= 0.5), u[1].item()
        (True, 0.5)
    """
    uniform = torch.rand(
        below.shape, generator=generator, dtype=below.dtype, device=generator.device
    )
    return below + uniform * (above - below)

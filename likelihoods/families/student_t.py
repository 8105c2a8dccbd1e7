"""Student-t decoder."""

import math
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Final

import numpy as np
import torch
from torch import Tensor

from likelihoods.core.base import Likelihood
from likelihoods.core.distributions import ImageDistribution, sum_image
from likelihoods.core.numerics import levels_of_cdf, log1mexp, soft_clip, softplus, wide
from likelihoods.core.registry import register

DF_MIN: Final = 1.001  # least degrees of freedom; above one, so that the mean exists
SHIFT: Final = 4  # how often `log_gamma_ratio` adds one to its argument before it uses its series
FAR: Final = 1e6  # stands for an infinite distance, for which `log_tail` has no value
NARROW: Final = 1.0  # half width, in scales, up to which `log_interval` is accurate
TAIL: Final = 4.0  # distance from the centre beyond which the cdf is a continued fraction


@register("student_t")
class StudentT(Likelihood):
    """Student-t with a location, a scale and degrees of freedom for each value.

    The location is a sigmoid; ln scale is soft-clipped to [-6, 0]; the degrees of freedom are
    1.001 + softplus of the output, so that the mean exists.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("student_t", shape=(1, 1, 1))
        >>> outputs, x = torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1, 1)
        >>> likelihood(outputs).log_prob(x)
        tensor([-0.9917])
    """

    outputs_per_value = 3
    reference = "Takahashi et al. 2018, Student-t Variational Autoencoder, IJCAI, section 4"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "StudentTImages":
        """Return the Student-t images."""
        location, log_scale, excess = self.split(outputs)
        df = DF_MIN + softplus(excess)
        return StudentTImages(location.sigmoid(), soft_clip(log_scale), df)


class StudentTImages(ImageDistribution):
    """Independent Student-t values: location, log scale, degrees of freedom, each (B, C, H, W).

    The log scale is at least -6 (the masses are integrated on that premise), and df above one.
    """

    def __init__(self, location: Tensor, log_scale: Tensor, df: Tensor) -> None:
        super().__init__(location)
        self._location = location
        self._log_scale = log_scale
        self._df = df

    @property
    def mean(self) -> Tensor:
        """The locations, (B, C, H, W)."""
        return self._location

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, (B,), in nats."""
        z = (value - self._location) * torch.exp(-self._log_scale)
        return sum_image(log_density(z, self._df) - self._log_scale)

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that every value lies between its edges, (B,), in float64.

        An interval that is wider than two scales is a tail, or has the location in it. Waits for
        the device.
        """
        location, df, scale = wide(self._location), wide(self._df), wide(self._log_scale).exp()
        below, above, df = torch.broadcast_tensors(
            (lower - location) / scale, (upper - location) / scale, df
        )
        narrow, tail = (above - below) / 2 < NARROW, below.isinf() | above.isinf()
        cases = (
            (narrow, _log_narrow_mass),
            (tail, _log_tail_mass),
            (~(narrow | tail), _log_broad_mass),
        )
        return sum_image(_by_case(cases, below, above, df))

    def cdf(self, value: Tensor) -> Tensor:
        """Return the cdf of each value, (B, C, H, W), in float64."""
        location, df, scale = wide(self._location), wide(self._df), wide(self._log_scale).exp()
        return log_cdf(((value - location) / scale).clamp(-FAR, FAR), df).exp()

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        return levels_of_cdf(self.cdf, x)

    def _draw(self, shape: torch.Size) -> Tensor:
        half_df = (self._df / 2).expand(shape)
        chi_squared = 2 * torch._standard_gamma(half_df).clamp(min=torch.finfo(half_df.dtype).tiny)
        noise = torch.randn_like(half_df) * (2 * half_df / chi_squared).sqrt()
        return self._location + self._log_scale.exp() * noise


Formula = Callable[..., Tensor]


def _by_case(cases: Iterable[tuple[Tensor, Formula]], *values: Tensor) -> Tensor:
    """Return what formulas make of values (...), each in its own places.

    A formula without a place costs nothing. Waits for the device.
    """
    result = torch.empty_like(values[0])
    for where, formula in cases:
        places = where.nonzero(as_tuple=True)
        if len(places[0]):
            result[places] = formula(*(each[places] for each in values))
    return result


def _log_narrow_mass(below: Tensor, above: Tensor, df: Tensor) -> Tensor:
    return log_interval((below + above) / 2, (above - below) / 2, df)


def _log_tail_mass(below: Tensor, above: Tensor, df: Tensor) -> Tensor:
    return log_cdf(torch.where(below.isinf(), above, -below).clamp(-FAR, FAR), df)


def _log_broad_mass(below: Tensor, above: Tensor, df: Tensor) -> Tensor:
    edges = torch.stack([below, -above]).clamp(min=-FAR)
    return torch.log1p(-log_cdf(edges, df.expand_as(edges)).exp().sum(0))


def log_gamma_ratio(a: Tensor) -> Tensor:
    """Return ln Gamma(a + 1/2) - ln Gamma(a) for a >= 1/2, to 1e-8.

    The difference of two lgamma loses all digits of float32 where a is large. Here: four steps of
    Gamma(a + 1) = a Gamma(a), then the series in 1/a (Tricomi and Erdelyi 1951). And it is faster.
    """
    steps = 1.0 + 0.5 / a
    for step in range(1, SHIFT):
        steps = steps * (1.0 + 0.5 / (a + step))
    a = a + SHIFT
    inverse = 1 / a
    square = inverse * inverse
    series = 0.125 + square * (-1 / 192 + square * (1 / 640 - square * (17 / 14336)))
    return 0.5 * a.log() - inverse * series - steps.log()


def log_density(z: Tensor, df: Tensor) -> Tensor:
    """Return the log density of the standard Student-t at ``z``."""
    return _log_constant(df) - 0.5 * (df + 1) * torch.log1p(z * z / df)


def log_interval(z: Tensor, half: Tensor, df: Tensor) -> Tensor:
    """Return the log of the standard Student-t's mass in [z - half, z + half], for half < 1.

    Gauss-Legendre, relative to the density at the centre so that no tail underflows. Where the
    scale is at its clip, half is 0.8, the density's poles are at a distance of one at least, and
    ten nodes give eight digits (three where the mass is below e^-400).
    """
    total = torch.zeros_like(z)
    for node, weight in _legendre(10):
        step = half * node
        ratio = torch.log1p(step * (2 * z + step) / (df + z * z))
        total = total + weight * torch.exp(-0.5 * (df + 1) * ratio)
    return log_density(z, df) + torch.log(half * total)


def log_cdf(z: Tensor, df: Tensor) -> Tensor:
    """Return the log cdf of the standard Student-t, for float64. Waits for the device.

    About the centre by Gauss-Legendre, further out by `log_tail`. On the device, differentiable,
    and finite in the tails, none of which holds of scipy's stdtr.
    """
    distance = z.abs()
    near = distance < TAIL
    log_lower = _by_case(((near, _log_lower_half), (~near, log_tail)), distance, df)
    upper = (z >= 0).nonzero(as_tuple=True)
    return log_lower.index_put(upper, log1mexp(-log_lower[upper]))


def _log_lower_half(distance: Tensor, df: Tensor) -> Tensor:
    half = distance / 2
    inner = torch.zeros_like(half)
    power, square = -0.5 * (df + 1), half.square() / df
    for node, weight in _legendre(24):
        inner = inner + weight * torch.exp(power * torch.log1p(square * (1 + node) ** 2))
    return (0.5 - inner * half * _log_constant(df).exp()).log()


def log_tail(distance: Tensor, df: Tensor) -> Tensor:
    """Return ln P(X < -distance) of the standard Student-t, for distance of at least `TAIL`.

    Half the regularised incomplete beta function I_y(df / 2, 1 / 2), y = df / (df + distance^2), by
    its continued fraction (DLMF 8.17.22). Two terms divide its error by ((1 + s) / (1 - s))^2 with
    s = sqrt(1 - y): 14 leave 1e-12 where y is below 0.2, 40 settle it where y is not near one.
    """
    y = df / (df + distance.square())
    heavy = y < 0.2
    cases = ((heavy, partial(_log_tail, pairs=7)), (~heavy, partial(_log_tail, pairs=20)))
    return _by_case(cases, distance, df, y)


def _log_tail(distance: Tensor, df: Tensor, y: Tensor, pairs: int) -> Tensor:
    a, fraction = 0.5 * df, torch.ones_like(y)
    for m in range(pairs, 0, -1):
        odd = (a + m) * (a + m + 0.5) * y / ((a + 2 * m) * (a + 2 * m + 1))
        even = m * (0.5 - m) * y / ((a + 2 * m - 1) * (a + 2 * m))
        fraction = 1 + even / (1 - odd / fraction)
    fraction = 1 - (a + 0.5) * y / ((a + 1) * fraction)
    log_power = -a * torch.log1p(distance.square() / df)
    log_front = distance.log() - 0.5 * torch.log(df + distance.square()) - torch.log(df)
    return log_power + log_front + log_gamma_ratio(a) - 0.5 * math.log(math.pi) - fraction.log()


def _log_constant(df: Tensor) -> Tensor:
    """Return the log density of the standard Student-t at its centre."""
    return log_gamma_ratio(0.5 * df) - 0.5 * torch.log(math.pi * df)


@cache
def _legendre(count: int) -> list[tuple[float, float]]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return list(zip(nodes.tolist(), weights.tolist(), strict=True))

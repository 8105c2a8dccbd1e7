"""Formulas that stay accurate where the plain ones cancel, overflow or underflow."""

import math
from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.options import LikelihoodError, interval

Function = Callable[[Tensor], Tensor]
Mass = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""The log mass of intervals, from their edges, and the locations and scales of values."""

LOG_SIGMA_MIN: Final = -6.0
"""Lower soft clip of a learned log scale: sigma is about half a grey level (the paper's choice)."""
LOG_SIGMA_MAX: Final = 0.0
"""Upper soft clip: no scale exceeds one, that of the plain Gaussian decoder."""
RANGE: Final = (-STEP / 2, 1 + STEP / 2)
"""Where the bins of the 256 levels lie, in units of x."""
OPEN: Final = (-math.inf, math.inf)
FAR: Final = 1e30  # stands for an infinite edge
FLAT: Final = 0.1  # rate below which `log_mean_decay` uses its series


def wide(values: Tensor) -> Tensor:
    """Return ``values`` in float64, where the device has it."""
    return values.float() if values.device.type == "mps" else values.double()


def bin_edges(x: Tensor, ends: tuple[float, float] = RANGE) -> tuple[Tensor, Tensor]:
    """Return the edges of the bin around each value on the 8-bit grid, in units of x, in float64.

    The first bin begins and the last one ends at the ``ends``: half a level outside of [0, 1], or
    infinitely far where the end bins are open (`OPEN`).
    """
    low, high = ends
    level = to_levels(x)
    centre = wide(level)
    lower = torch.where(level == 0, low, (centre - 0.5) * STEP)
    upper = torch.where(level == LEVELS - 1, high, (centre + 0.5) * STEP)
    return lower, upper


class _Softplus(torch.autograd.Function):
    """ln(1 + e^x) from exp and log, which a CPU has in float32; its log1p takes ten times as long.

    To 6e-8 beside max(x, 0), which is float32's rounding where x is near zero; the gradient is
    exact in both tails.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs().neg_().exp_().add_(1).log_().add_(x.clamp(min=0))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]
        return grad * x.sigmoid()


def softplus(x: Tensor) -> Tensor:
    """Return ln(1 + e^x)."""
    if x.device.type == "cpu" and x.dtype == torch.float32:
        result: Tensor = _Softplus.apply(x)
        return result
    return F.softplus(x)


def soft_clip(log_scale: Tensor, low: float = LOG_SIGMA_MIN, high: float = LOG_SIGMA_MAX) -> Tensor:
    """Clip to [low, high] smoothly, from above first (Rybkin et al. 2021, arXiv:2006.13202).

    Example:
        >>> import torch
        >>> from likelihoods import soft_clip
        >>> soft_clip(torch.tensor([-100.0, -3.0, 100.0]), -6.0, 0.0).round(decimals=2)
        tensor([-6., -3.,  0.])
    """
    log_scale = high - softplus(high - log_scale)
    return low + softplus(log_scale - low)


def clip_bounds(option: str, value: object) -> tuple[float, float] | None:
    """Return the bounds of a log scale, or None for None and for "none", as TOML has no null."""
    if value is None or value == "none":
        return None
    low, high = interval(option, value)
    if low < -40 or high > 40:  # squares of the scales would leave float32
        raise LikelihoodError(f"{option}={value!r} goes beyond -40 ... 40")
    return low, high


def log1mexp(depth: Tensor) -> Tensor:
    """Return ln(1 - exp(-depth)) for depth > 0."""
    if depth.dtype != torch.float32:
        return torch.log(-torch.expm1(-depth))
    half = torch.tanh(0.5 * depth)  # expm1 of float32 takes four times as long on a CPU
    return torch.log(2 * half / (1 + half))


def log_mean_decay(rate: Tensor) -> Tensor:
    """Return ln((1 - e^-t) / t), the log of the mean of e^(-t x) over [0, 1], for rates t >= 0.

    From its series where t is small, where the gradient would cancel (error 1e-15).
    """
    steep, flat = rate.clamp(min=FLAT), rate.clamp(max=FLAT)
    square = flat.square()
    series = -flat / 2 + square * (1 / 24 - square * (1 / 2880 - square / 181440))
    return torch.where(rate < FLAT, series, log1mexp(steep) - steep.log())


def log_interval_mass(
    lower: Tensor, upper: Tensor, location: Tensor, scale: Tensor, log_cdf: Function
) -> Tensor:
    """Return the log mass of intervals under a symmetric distribution, in float64.

    Of the two edges of an interval, both mirrored to the lower tail where its middle is in the
    upper one, ln(F(near) - F(far)) = ln F(near) + ln(1 - F(far) / F(near)): the ratio is formed in
    log space, so nothing cancels or underflows in either tail.

    Edges, of which one may be infinite, locations and scales are of shapes that broadcast. The
    ``log_cdf`` is that of location 0 and scale 1, accurate in the lower tail.
    """
    location, scale = wide(location), wide(scale)
    below, above = lower - location, upper - location
    mirrored = below + above > 0
    near, far = torch.where(mirrored, -below, above), torch.where(mirrored, -above, below)
    is_tail = far.isinf()
    far = torch.where(is_tail, near, far)
    log_near, log_far = log_cdf(near / scale), log_cdf(far / scale)
    depth = torch.where(is_tail, 1.0, log_near - log_far)  # 1: any number with a gradient
    return log_near + torch.where(is_tail, 0.0, log1mexp(depth))


def log_gaussian_mass(lower: Tensor, upper: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return the log mass of intervals under a Gaussian, in float64; see `log_interval_mass`.

    On a CPU, to 1e-10, the log of a difference of two erfc, of both edges mirrored to the upper
    tail; log space, several times slower, is left to where that underflows. Finding where would
    wait for another device.
    """
    if mean.device.type != "cpu":
        return log_interval_mass(lower, upper, mean, scale, torch.special.log_ndtr)
    root = math.sqrt(2) * wide(scale)
    # An infinite edge would have a gradient that is not a number.
    below, above = ((e.clamp(-FAR, FAR) - wide(mean)) / root for e in (lower, upper))
    mass = torch.erfc(below.maximum(-above)) - torch.erfc(above.maximum(-below))
    least = torch.finfo(mass.dtype).tiny / torch.finfo(mass.dtype).eps
    log_mass = (mass.clamp(min=least) / 2).log()
    lost = mass < least
    if lost.any():
        low, high, at, width = (e.expand_as(lost)[lost] for e in (lower, upper, mean, scale))
        log_mass[lost] = log_interval_mass(low, high, at, width, torch.special.log_ndtr)
    return log_mass


def levels_of_cdf(cdf: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cdf of 8-bit values without and with their level, under closed, renormalised bins.

    (cdf(edge) - cdf(start)) / (cdf(end) - cdf(start)) at the edges of the bins, from the start to
    the end of `RANGE`; of the shape of ``x``.
    """
    level = to_levels(x)
    start, end = (cdf(torch.full_like(wide(x), edge)) for edge in RANGE)
    below, above = (((cdf(edge) - start) / (end - start)).clamp(0, 1) for edge in bin_edges(x))
    return torch.where(level == 0, 0.0, below), torch.where(level == LEVELS - 1, 1.0, above)


def mean_level(location: Tensor, scale: Tensor, ramp: Function, density: Function) -> Tensor:
    """Return the mean of values that are moved to the nearest of the 256 levels, in levels.

    It is the sum of P(X > e) = F((location - e) / scale) over the 255 edges e between levels. For
    a scale of half a level or more that is a midpoint rule: its integral, with the first term of
    Euler and Maclaurin, is within 0.002 levels.

    Locations and scales are in levels, the latter at least one half. Of the symmetric distribution
    with location 0 and scale 1, ``ramp`` is the integral of the cdf F from minus infinity, and
    ``density`` its derivative.
    """
    at_first, at_last = location / scale, (location - (LEVELS - 1)) / scale
    integral = scale * (ramp(at_first) - ramp(at_last))
    return integral + (density(at_last) - density(at_first)) / (24 * scale)

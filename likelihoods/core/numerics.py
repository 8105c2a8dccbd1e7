"""Formulas that stay accurate where the plain ones cancel, overflow or underflow."""

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.options import LikelihoodError, interval

LOG_SIGMA_MIN: Final = -6.0
"""Lower soft clip of a learned log scale: sigma is about half a grey level (the paper's choice)."""
LOG_SIGMA_MAX: Final = 0.0
"""Upper soft clip: no scale exceeds one, that of the plain Gaussian decoder."""


def wide(values: Tensor) -> Tensor:
    """Return ``values`` in float64, where the device has it."""
    return values.float() if values.device.type == "mps" else values.double()


def bin_edges(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the edges of the bin around each value on the 8-bit grid, in float64.

    In units of x; those of the first and the last bin that are open are infinite.
    """
    level = to_levels(x)
    centre = wide(level)
    lower = torch.where(level == 0, -math.inf, centre - 0.5)
    upper = torch.where(level == LEVELS - 1, math.inf, centre + 0.5)
    return lower * STEP, upper * STEP


def soft_clip(log_scale: Tensor, low: float, high: float) -> Tensor:
    """Clip to [low, high] smoothly, from above first (Rybkin et al. 2021, appendix)."""
    log_scale = high - F.softplus(high - log_scale)
    return low + F.softplus(log_scale - low)


def clip_bounds(option: str, value: object) -> tuple[float, float]:
    """Return the bounds of a log scale; beyond +-40 their squares would leave float32."""
    low, high = interval(option, value)
    if low < -40 or high > 40:
        raise LikelihoodError(f"{option}={value!r} goes beyond -40 ... 40")
    return low, high


def log1mexp(depth: Tensor) -> Tensor:
    """Return ln(1 - exp(-depth)) for depth > 0."""
    return torch.log(-torch.expm1(-depth))


def log_gaussian_mass(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return the log mass of each value's bin under a Gaussian, in float64.

    Of the two edges of a bin, both mirrored to the lower tail where the bin is in the upper one,
    ln(Phi(near) - Phi(far)) = ln Phi(near) + ln(1 - Phi(far) / Phi(near)): the ratio is formed in
    log space, so nothing cancels or underflows in either tail.

    Args:
        x: values on the 8-bit grid.
        mean: means, of a shape that broadcasts with ``x``.
        scale: standard deviations, likewise.
    """
    level = to_levels(x)
    mean, scale = wide(mean), wide(scale)
    first, last = level == 0, level == LEVELS - 1
    distance = level.to(mean.dtype) * STEP - mean
    # The open end bins are tails already; each is taken from its own side.
    mirrored = ((distance > 0) & ~first) | last
    distance = torch.where(mirrored, -distance, distance)
    log_near = torch.special.log_ndtr((distance + STEP / 2) / scale)
    log_far = torch.special.log_ndtr((distance - STEP / 2) / scale)
    closed = ~(first | last)
    depth = torch.where(closed, log_near - log_far, 1.0)  # 1: any number with a gradient
    log_mass: Tensor = log_near + torch.where(closed, log1mexp(depth), 0.0)
    return log_mass

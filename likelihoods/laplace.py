"""Laplace decoder."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace

from likelihoods import Likelihood, register
from likelihoods.core.distributions import sum_image
from likelihoods.core.numerics import LOG_SIGMA_MAX, LOG_SIGMA_MIN, log_bin_mass, soft_clip, wide


@register("laplace")
class LaplaceLikelihood(Likelihood):
    """Laplace with a location and a scale for each value: p(x) = e^(-|x - location| / b) / (2 b).

    The location is a sigmoid, ln b is soft-clipped to [-6, 0].
    """

    outputs_per_value = 2
    reference = "Kotz, Kozubowski and Podgorski 2001, The Laplace Distribution, chapter 2"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the Laplace images."""
        return Independent(Laplace(*self._location_and_scale(outputs), validate_args=False), 3)

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, in nats, (B,); accurate in both tails."""
        masses = log_bin_mass(x, *self._location_and_scale(wide(outputs)), log_cdf)
        return sum_image(masses).to(x.dtype)

    def _location_and_scale(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the locations and the scales, each (B, C, H, W)."""
        location, log_scale = self.split(outputs)
        return location.sigmoid(), soft_clip(log_scale, LOG_SIGMA_MIN, LOG_SIGMA_MAX).exp()


def log_cdf(z: Tensor) -> Tensor:
    """Return the log cdf of the standard Laplace."""
    upper = torch.log1p(-0.5 * torch.exp(-z.clamp(min=0)))
    return torch.where(z < 0, z - math.log(2), upper)

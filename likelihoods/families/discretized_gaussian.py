"""Discretised Gaussian."""

import math

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood
from likelihoods.core.distributions import GaussianImages, ImageDistribution
from likelihoods.core.grid import STEP, quantise
from likelihoods.core.numerics import OPEN, bin_edges, mean_level, soft_clip
from likelihoods.core.registry import register


@register("discretized_gaussian")
class DiscretizedGaussian(Likelihood):
    """One Gaussian a value, integrated over the bins of the levels, in training too.

    P(k) = Phi(((k + 1/2) / 255 - location) / sigma) - Phi(((k - 1/2) / 255 - location) / sigma),
    the first and the last bin open. The location is a sigmoid, ln sigma is soft-clipped to [-6, 0].

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("discretized_gaussian", shape=(1, 1, 1))
        >>> outputs = torch.zeros(256, 2, 1, 1)
        >>> levels = torch.arange(256).view(256, 1, 1, 1) / 255
        >>> likelihood(outputs).log_prob(levels).exp().sum().round(decimals=4)
        tensor(1.)
    """

    measure = "mass"
    outputs_per_value = 2
    reference = "Ho et al. 2020, Denoising Diffusion, equation 13, arXiv:2006.11239"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "DiscretizedGaussianImages":
        """Return the discretised Gaussian images."""
        location, log_scale = self.split(outputs)
        return DiscretizedGaussianImages(location.sigmoid(), soft_clip(log_scale))


class DiscretizedGaussianImages(ImageDistribution):
    """Gaussian values, clipped to [0, 1] and moved to the nearest level.

    Locations and log scales are (B, C, H, W), the latter at least -6: the premise of the mean.
    """

    def __init__(self, location: Tensor, log_scale: Tensor) -> None:
        super().__init__(location)
        self._gaussian = GaussianImages(location, log_scale)

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W), to 0.01 of a grey level."""
        location, scale = self._gaussian.mean / STEP, self._gaussian.stddev / STEP
        return mean_level(location, scale, _ramp, _density) * STEP

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats, by way of float64."""
        log_mass = self._gaussian.log_interval_mass(*bin_edges(value, OPEN))
        return log_mass.to(value.dtype)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        below, above = map(self._gaussian.cdf, bin_edges(x, OPEN))
        return below, above

    def _draw(self, shape: torch.Size) -> Tensor:
        return quantise(self._gaussian._draw(shape))


def _density(z: Tensor) -> Tensor:
    return torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)


def _ramp(z: Tensor) -> Tensor:
    ramp: Tensor = z * torch.special.ndtr(z) + _density(z)
    return ramp

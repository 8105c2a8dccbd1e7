"""Laplace decoder."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace

from likelihoods.core.base import Likelihood
from likelihoods.core.numerics import log_interval_mass, soft_clip
from likelihoods.core.registry import register


@register("laplace")
class LaplaceLikelihood(Likelihood):
    """Laplace with a location and a scale for each value: p(x) = e^(-|x - location| / b) / (2 b).

    The location is a sigmoid, ln b is soft-clipped to [-6, 0].

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("laplace", shape=(1, 1, 1))
        >>> outputs = torch.tensor([0.0, -3.0]).view(1, 2, 1, 1)
        >>> likelihood(outputs).mean, likelihood(outputs).stddev  # 1/2, b sqrt(2)
        (tensor([[[[0.5000]]]]), tensor([[[[0.0706]]]]))
    """

    outputs_per_value = 2
    reference = "Kotz, Kozubowski and Podgorski 2001, The Laplace Distribution, chapter 2"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the Laplace images."""
        location, log_scale = self.split(outputs)
        scale = soft_clip(log_scale).exp()
        return Independent(LaplaceWithMass(location.sigmoid(), scale, validate_args=False), 3)


class LaplaceWithMass(Laplace):
    """Laplace of torch, with accurate masses of intervals."""

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that a value lies between its edges."""
        return log_interval_mass(lower, upper, self.loc, self.scale, log_cdf)


def log_cdf(z: Tensor) -> Tensor:
    """Return the log cdf of the standard Laplace."""
    upper = torch.log1p(-0.5 * torch.exp(-z.clamp(min=0)))
    return torch.where(z < 0, z - math.log(2), upper)

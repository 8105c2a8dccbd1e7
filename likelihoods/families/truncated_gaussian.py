"""Gaussian decoder truncated to [0, 1]."""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from likelihoods.core.base import Likelihood
from likelihoods.core.distributions import LOG_TWO_PI
from likelihoods.core.numerics import log_gaussian_mass, soft_clip, wide
from likelihoods.core.registry import register


@register("truncated_gaussian")
class TruncatedGaussianLikelihood(Likelihood):
    """Gaussian with a location and a scale for each value, truncated to [0, 1].

    p(x) = N(x; location, sigma^2) / Z for x in [0, 1], with Z its mass there. The location is a
    sigmoid, ln sigma is soft-clipped to [-6, 0], as of the Gaussian that is not truncated.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("truncated_gaussian", shape=(1, 1, 1))
        >>> outputs = torch.zeros(3, 2, 1, 1)
        >>> x = torch.tensor([-0.1, 0.5, 1.1]).view(3, 1, 1, 1)
        >>> likelihood(outputs).log_prob(x)
        tensor([  -inf, 0.1545,   -inf])
    """

    outputs_per_value = 2
    reference = "Johnson, Kotz and Balakrishnan 1994, Continuous Univariate Distributions, ch. 13"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the images of truncated Gaussians."""
        location, log_scale = self.split(outputs)
        return Independent(TruncatedGaussian(location.sigmoid(), soft_clip(log_scale)), 3)


class TruncatedGaussian(Distribution):
    """Gaussian truncated to [0, 1], its location inside and its log scale at most 0."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.unit_interval

    def __init__(self, location: Tensor, log_scale: Tensor) -> None:
        super().__init__(location.shape, validate_args=False)
        self._location = location
        self._log_scale = log_scale
        self._scale = log_scale.exp()
        self._ends = -location / self._scale, (location - 1) / self._scale
        # Of the Gaussian, at least 0.34 are inside: nothing cancels.
        tails: list[Tensor] = [torch.special.ndtr(end) for end in self._ends]
        self._below, above = tails
        self._inside = 1 - self._below - above

    @property
    def mean(self) -> Tensor:
        """The location + sigma (phi(at 0) - phi(at 1)) / Z."""
        at_zero, at_one = (torch.exp(-0.5 * end.square()) for end in self._ends)
        shift = self._scale * (at_zero - at_one) / (math.sqrt(2 * math.pi) * self._inside)
        return (self._location + shift).clamp(0, 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, -inf outside of [0, 1]."""
        z = (value - self._location) / self._scale
        log_prob = -0.5 * (z.square() + LOG_TWO_PI) - self._log_scale - self._inside.log()
        return torch.where((value < 0) | (value > 1), -math.inf, log_prob)

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that a value lies between its edges, the part in [0, 1]."""
        edges = lower.clamp(0, 1), upper.clamp(0, 1)
        return log_gaussian_mass(*edges, self._location, self._scale) - self._inside.log()

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to ``value``."""
        lower: Tensor = torch.special.ndtr((value - self._location) / self._scale)
        return ((lower - self._below) / self._inside).clamp(0, 1)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw values by inversion of the cdf, in float64."""
        with torch.no_grad():
            below, inside = wide(self._below), wide(self._inside)
            shape = self._extended_shape(torch.Size(sample_shape))
            uniform = torch.rand(shape, dtype=below.dtype, device=below.device)
            z: Tensor = torch.special.ndtri((below + uniform * inside).clamp(max=1))
            return (self._location + self._scale * z.to(self._scale.dtype)).clamp(0, 1)

"""Continuous Bernoulli decoder."""

import math
from typing import ClassVar, Final

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from likelihoods.core.base import Likelihood
from likelihoods.core.numerics import FLAT, log_mean_decay
from likelihoods.core.registry import register

TINY: Final = 1e-30  # least rate, so that nothing is divided by zero


@register("continuous_bernoulli")
class ContinuousBernoulliLikelihood(Likelihood):
    """The Bernoulli of grey values, normalised over [0, 1].

    p(x) = C p^x (1 - p)^(1 - x) for x in [0, 1], with p = sigmoid(a) of the output a, which is
    e^(a x) a / (e^a - 1).

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("continuous_bernoulli", shape=(1, 1, 1))
        >>> outputs, x = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
        >>> likelihood(outputs).log_prob(x)  # of the uniform density
        tensor([0.])
    """

    reference = "Loaiza-Ganem and Cunningham 2019, continuous Bernoulli, arXiv:1907.06845"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the continuous Bernoulli images."""
        (logits,) = self.split(outputs)
        return Independent(ContinuousBernoulli(logits), 3)


class ContinuousBernoulli(Distribution):
    """Density on [0, 1] that falls by e^-t, t = |a|, from its likelier end to the other.

    At a distance d from that end it is e^(-t d) / c(t), with c(t) = (1 - e^-t) / t. The logits a
    are of the batch's shape.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.unit_interval

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits.shape, validate_args=False)
        self._rising = logits >= 0
        self._rate = torch.where(self._rising, logits, -logits)

    @property
    def mean(self) -> Tensor:
        """The mean distance 1/t - 1/(e^t - 1) from the likelier end, from its series near 0."""
        steep, square = self._rate.clamp(min=FLAT), self._rate.square()
        exact = 1 / steep + torch.exp(-steep) / torch.expm1(-steep)
        series = 0.5 - self._rate * (1 / 12 - square * (1 / 720 - square / 30240))
        return self._from_end(torch.where(self._rate < FLAT, series, exact))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density, -inf outside of [0, 1]."""
        log_prob = -self._rate * self._from_end(value) - log_mean_decay(self._rate)
        return torch.where((value < 0) | (value > 1), -math.inf, log_prob)

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that a value lies between its edges, the part in [0, 1].

        From distance s on, over a width w, it is w e^(-t s) c(t w) / c(t).
        """
        lower, upper = lower.clamp(0, 1), upper.clamp(0, 1)
        width, rate = upper - lower, self._rate
        start = torch.where(self._rising, 1 - upper, lower)
        shape = log_mean_decay(rate * width) - log_mean_decay(rate)
        return width.log() - rate * start + shape

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of values up to ``value``."""
        rate = self._rate.clamp(min=TINY)
        share = torch.expm1(-rate * self._from_end(value.clamp(0, 1))) / torch.expm1(-rate)
        return torch.where(self._rising, 1 - share, share)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw values by inversion of the cdf: d = -ln(1 - u (1 - e^-t)) / t, u uniform."""
        with torch.no_grad():
            rate = self._rate.clamp(min=TINY)
            shape = self._extended_shape(torch.Size(sample_shape))
            uniform = torch.rand(shape, dtype=rate.dtype, device=rate.device)
            distance = torch.log1p(uniform * torch.expm1(-rate)) / -rate
            return self._from_end(distance.clamp(0, 1))

    def _from_end(self, value: Tensor) -> Tensor:
        """Turn values into distances from the likelier end, or back."""
        return torch.where(self._rising, 1 - value, value)

"""Bernoulli decoder on grey values."""

import math
from typing import Final

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood
from likelihoods.core.distributions import ImageDistribution, sum_image
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import log_mean_decay, softplus, wide
from likelihoods.core.registry import register

TINY: Final = 1e-30  # least slope of the log mass a level, so that nothing is divided by zero


@register("bernoulli")
class Bernoulli(Likelihood):
    """Grey value read as a probability: x ln p + (1 - x) ln(1 - p), with p = sigmoid(a).

    Over the grey levels this is not normalised. Renormalised, with the logit a,
    P(k) = e^(a k/255) / sum_j e^(a j/255) is a probability; ``log_mass`` and ``sample`` use it.
    ``mean`` is p, as in the literature: this loss fits it to the expected grey value, and it is
    shown and measured as the decoded image. The mean of the renormalised mass is nearer to 1/2.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("bernoulli", shape=(1, 1, 1))
        >>> outputs, x = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
        >>> likelihood(outputs).log_prob(x), likelihood.log_mass(outputs, x)  # -ln 2, -ln 256
        (tensor([-0.6931]), tensor([-5.5452]))
    """

    measure = "unnormalised"
    reference = "Gregor et al. 2015, DRAW, arXiv:1502.04623"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "BernoulliImages":
        """Return the Bernoulli images of the logits."""
        (logits,) = self.split(outputs)
        return BernoulliImages(logits)


class BernoulliImages(ImageDistribution):
    """Grey values as probabilities of a bit, of logits (B, C, H, W)."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits)
        self._logits = logits

    @property
    def mean(self) -> Tensor:
        """p, (B, C, H, W), in [0, 1]; not the mean of the renormalised mass."""
        return self._logits.sigmoid()

    def log_prob(self, value: Tensor) -> Tensor:
        """Return x ln p + (1 - x) ln(1 - p), (B,), not normalised over x."""
        return sum_image(value * self._logits - softplus(self._logits))

    def log_mass(self, x: Tensor) -> Tensor:
        """Return the log of the renormalised probability of 8-bit images, (B,), in nats.

        With u = |a| / 255 and the sum taken from its largest term,
        ln sum_j e^(-u j) = ln(1 - e^(-256 u)) - ln(1 - e^(-u)).
        """
        logits, x = wide(self._logits), wide(x)
        rising = logits >= 0
        slope = torch.where(rising, logits, -logits) * STEP
        log_sum = math.log(LEVELS) + log_mean_decay(LEVELS * slope) - log_mean_decay(slope)
        log_mass = torch.where(rising, x - 1, x) * logits - log_sum
        return sum_image(log_mass).to(self._logits.dtype)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of the renormalised mass, without and with each 8-bit value's level.

        The distance j from the likelier end has P(j < n) = (1 - e^(-u n)) / (1 - e^(-256 u)) with
        u = |a| / 255; each (B, C, H, W).
        """
        logits, level = wide(self._logits), to_levels(x)
        slope = (logits.abs() * STEP).clamp(min=TINY)
        whole = torch.expm1(-LEVELS * slope)
        rising = logits >= 0

        def less_than(limit: Tensor) -> Tensor:
            distance = torch.where(rising, LEVELS - limit, limit)
            share = torch.expm1(-slope * distance) / whole
            return torch.where(rising, 1 - share, share)

        return less_than(level), less_than(level + 1)

    def _draw(self, shape: torch.Size) -> Tensor:
        """Draw levels of the renormalised mass, by inversion of its cdf.

        P(j) is geometric in the distance j from the likelier end, cut off at 255:
        j = floor(ln(1 - r (1 - e^(-256 u))) / -u) for uniform r.
        """
        logits = wide(self._logits)
        slope = (logits.abs() * STEP).clamp(min=1e-9)  # below it the levels are all alike
        uniform = torch.rand(shape, dtype=logits.dtype, device=logits.device)
        distance = torch.log1p(uniform * torch.expm1(-LEVELS * slope)) / -slope
        distance = distance.floor().clamp(0, LEVELS - 1)
        level = torch.where(logits >= 0, LEVELS - 1 - distance, distance)
        return (level * STEP).to(self._logits.dtype)

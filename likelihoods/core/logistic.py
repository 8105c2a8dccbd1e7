"""Logistic distributions of levels: what the discretised logistic decoders have in common."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from likelihoods.core.distributions import ImageDistribution, sum_image
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import bin_edges, log1mexp, mean_level, wide

LAST: Final = LEVELS - 1
FAR: Final = 1e12
"""In place of the infinite edge of an open bin: no logistic reaches it, and 0 x FAR is 0."""
NARROW: Final = 0.5
"""Scale in levels below which the mean is summed over the edges around the location."""


class LogisticMixtureImages(ImageDistribution):
    """Levels of mixtures of logistics, the first and the last bin open.

    In units of a level, since level +- 1/2 is then exact in float32.

    Args:
        logits: of the components, (B, K, C, H, W).
        location: of the components, likewise, in levels.
        scale: of the components, likewise, in levels.
    """

    def __init__(self, logits: Tensor, location: Tensor, scale: Tensor) -> None:
        super().__init__(logits[:, 0])
        self._logits = logits
        self._location = location
        self._scale = scale

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W), to 0.01 of a grey level."""
        means = mean_logistic_level(self._location, self._scale)
        return (self._logits.softmax(1) * means).sum(1) * STEP

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats.

        With F the cdf, F(b) - F(a) = F(b) (1 - F(a)) (1 - e^(a - b)) for edges a < b in units of
        the scale: a product of positive factors, accurate in both tails, where the plain
        difference cancels and the reference resorts to the density.
        """
        level = to_levels(value).unsqueeze(-4)
        first, last = level == 0, level == LAST
        centre = level.to(self._scale.dtype)
        lower = torch.where(first, -FAR, centre - 0.5)
        upper = torch.where(last, FAR, centre + 0.5)
        precision = self._scale.reciprocal()
        log_mass = (
            torch.where(first | last, 0.0, log1mexp(precision))
            - F.softplus((self._location - upper) * precision)
            - F.softplus((lower - self._location) * precision)
        )
        return sum_image(torch.logsumexp(log_mass + self._logits.log_softmax(1), -4))

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        weights = wide(self._logits).softmax(1)
        location, scale = wide(self._location), wide(self._scale)
        lower, upper = (
            (weights * ((LAST * edge.unsqueeze(1) - location) / scale).sigmoid()).sum(1)
            for edge in bin_edges(x)
        )
        return lower, upper.clamp(max=1)

    def _draw(self, shape: torch.Size) -> Tensor:
        clocks = torch.empty(
            *shape[:-4], *self._logits.shape, dtype=self._scale.dtype, device=self._scale.device
        ).exponential_()
        # The first clock to ring, at rates proportional to e^logits, is the component.
        component = (self._logits - clocks.log()).argmax(-4, keepdim=True)
        location, scale = (
            parameter.expand_as(clocks).gather(-4, component).squeeze(-4)
            for parameter in (self._location, self._scale)
        )
        logistic = torch.rand_like(scale).clamp(min=torch.finfo(scale.dtype).tiny).logit()
        return (location + scale * logistic).clamp(0, LAST).round() * STEP


def mean_logistic_level(location: Tensor, scale: Tensor) -> Tensor:
    """Return the mean of logistics whose values are moved to the nearest of the 256 levels.

    For a scale of half a level or more from `mean_level`. For a smaller one the sum there is taken
    over the three edges to either side of the location, and the rest counted as 0 or 1: within
    0.008 levels.
    """
    smooth = mean_level(location, scale, F.softplus, lambda z: torch.sigmoid(z) * torch.sigmoid(-z))

    near = location.clamp(-4, LAST + 4)
    below = near.floor()
    rough = (below - 3).clamp(0, LAST)
    for offset in range(-3, 3):
        edge = below + offset
        inside = (edge >= 0) & (edge < LAST)
        rough = rough + torch.where(inside, torch.sigmoid((near - edge - 0.5) / scale), 0.0)
    return torch.where(scale < NARROW, rough, smooth)

"""Mixture of discretised logistics over whole pixels, whose channels are coupled."""

import math
from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import ImageDistribution, sum_image
from likelihoods.core.grid import STEP, to_levels
from likelihoods.core.numerics import OPEN, bin_edges, wide
from likelihoods.core.options import integer
from likelihoods.core.registry import register
from likelihoods.families.logistic import (
    LAST,
    LOG_SCALE_MAX,
    LOG_SCALE_MIN,
    NARROW,
    chosen,
    draw_level,
    log_masses,
    mean_logistic_level,
)

PLACES: Final = 11  # points of a Korobov lattice, at which a mean over the channels before is taken
GENERATOR: Final = 3


@register("coupled_logistic_mixture")
class CoupledLogisticMixture(Likelihood):
    """Mixture of logistics over the values of a pixel, integrated over the bins of the levels.

    P(pixel) = sum_k pi_k product_c P_k(x_c | x_1 ... x_c-1): one weight for all channels, and in a
    component the location of a channel is linear in the observed channels before it, with
    coefficients tanh(output). Scales, clips and units are those of `logistic_mixture`, and so is
    all else of a grey image.

    The outputs of a pixel are K logits and, first for G given R, then for B given R and G,
    C (C - 1) / 2 times K coefficients; those of a value K locations and K log scales: 10 K in all
    for three channels.

    Args:
        components: K.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("coupled_logistic_mixture", (3, 1, 1), components=1)
        >>> outputs = torch.tensor([0, 9, 0, 9] + 3 * [0] + 3 * [-9.0]).view(1, 10, 1, 1)
        >>> likelihood(outputs).sample().unique().numel()  # G follows R, B follows G
        1
    """

    measure = "mass"
    reference = "Salimans et al. 2017, PixelCNN++, equation 3, arXiv:1701.05517"

    def __init__(self, shape: Shape, *, components: int = 10) -> None:
        super().__init__(shape)
        self._components = integer("components", components, 1)
        channels = shape[0]
        self.outputs_per_value = 2 * components
        self.outputs_per_pixel = components * (1 + channels * (channels - 1) // 2)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "CoupledLogisticImages":
        """Return the discretised mixture."""
        location, log_scale = self.stack(outputs).chunk(2, 1)
        scale = log_scale.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX).exp()
        shared = torch.unflatten(self.shared(outputs), 1, (-1, self._components)).transpose(1, 2)
        logits, slopes = shared[:, :, :1], shared[:, :, 1:].tanh()
        location, scale = (location + 1) * (LAST / 2), scale * (LAST / 2)
        return CoupledLogisticImages(logits, location, scale, slopes)


class CoupledLogisticImages(ImageDistribution):
    """Levels of mixtures of logistics over pixels, the first and the last bin open.

    Args:
        logits: (B, K, 1, H, W).
        location: of the components, in levels, where each channel before is in the middle of the
            range, (B, K, C, H, W).
        scale: of the components, in levels, (B, K, C, H, W).
        slopes: of the location of channel 2 in channel 1, of 3 in 1, of 3 in 2, and so on,
            (B, K, C (C - 1) / 2, H, W).
    """

    def __init__(self, logits: Tensor, location: Tensor, scale: Tensor, slopes: Tensor) -> None:
        super().__init__(location[:, 0])
        self._logits = logits
        self._location = location
        self._scale = scale
        self._slopes = slopes

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W).

        Of the first channel to 0.01 of a grey level. Of another it is, in each component, the
        average of its mean over 11 places of the channels before it, within a few percent of the
        standard deviation of these, and exact where the ends of the range are out of reach.
        """
        scales = self._scale.unbind(2)
        first = mean_logistic_level(self._location[:, :, 0], scales[0])
        means = [first, *(torch.zeros_like(first) for _ in scales[1:])]
        for place in range(PLACES if len(means) > 1 else 0):
            before: list[Tensor] = []
            for c, scale in enumerate(scales):
                location = _shifted(self._location, self._slopes, before)
                if c:
                    means[c] = means[c] + _mean_of_wide(location, scale) / PLACES
                share = (place * pow(GENERATOR, c, PLACES) % PLACES + 0.5) / PLACES
                logistic = math.log(share / (1 - share))
                before.append((location + scale * logistic).clamp(0, LAST))
        return (self._logits.softmax(1) * torch.stack(means, 2)).sum(1) * STEP

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats."""
        masses = self._log_masses(value).sum(-3, keepdim=True)
        return sum_image(torch.logsumexp(masses + self._logits.log_softmax(1), -4))

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W).

        Given the channels of its pixel before it, as observed: a marginal would be a sum over all
        their levels.
        """
        parameters = self._logits, self._location, self._scale, self._slopes
        images = CoupledLogisticImages(*map(wide, parameters))
        masses, location = images._log_masses(x), images._locations(x)
        before = torch.cat([torch.zeros_like(masses[:, :, :1]), masses[:, :, :-1]], 2).cumsum(2)
        weights = (before + images._logits).softmax(1)
        lower, upper = (
            (weights * ((LAST * edge.unsqueeze(1) - location) / images._scale).sigmoid()).sum(1)
            for edge in bin_edges(x, OPEN)
        )
        return lower, upper.clamp(max=1)

    def _locations(self, value: Tensor) -> Tensor:
        """Return the locations given the channels before, (..., B, K, C, H, W)."""
        levels = (LAST * value.unsqueeze(-4)).unbind(-3)
        each = [_shifted(self._location, self._slopes, levels[:c]) for c in range(len(levels))]
        return torch.stack(torch.broadcast_tensors(*each), -3)

    def _log_masses(self, value: Tensor) -> Tensor:
        """Return the log mass of each value in each component, (..., B, K, C, H, W)."""
        return log_masses(to_levels(value).unsqueeze(-4), self._locations(value), self._scale)

    def _draw(self, shape: torch.Size) -> Tensor:
        logits = self._logits.expand(*shape[:-4], *self._logits.shape)
        location, scale, slopes = chosen(logits, self._location, self._scale, self._slopes)
        drawn: list[Tensor] = []
        for each in scale.unbind(-3):
            drawn.append(draw_level(_shifted(location, slopes, drawn), each))
        return torch.stack(drawn, -3) * STEP


def _shifted(location: Tensor, slopes: Tensor, before: Sequence[Tensor]) -> Tensor:
    """Return the location of the next channel, given the levels of those before it."""
    channel = len(before)
    first = channel * (channel - 1) // 2
    shifted = location[..., channel, :, :]
    for slope, level in zip(slopes.unbind(-3)[first : first + channel], before, strict=True):
        shifted = shifted + slope * (level - LAST / 2)
    return shifted


def _mean_of_wide(location: Tensor, scale: Tensor) -> Tensor:
    """Return the mean of logistics that are clipped to the range of the levels, not rounded."""
    scale = scale.clamp(min=NARROW)
    ramps = F.softplus(location / scale) - F.softplus((location - LAST) / scale)
    return scale * ramps

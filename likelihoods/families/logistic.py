"""Discretised logistic, alone and in a mixture."""

from typing import Final

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import ImageDistribution, sum_image
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import (
    OPEN,
    bin_edges,
    log1mexp,
    mean_level,
    soft_clip,
    softplus,
    wide,
)
from likelihoods.core.options import integer
from likelihoods.core.registry import register

LAST: Final = LEVELS - 1
FAR: Final = 1e12  # for the infinite edge of an open bin: no logistic reaches it, 0 x FAR is 0
NARROW: Final = 0.5  # scale in levels below which the mean is summed over edges at the location
# Clips of ln scale in the unit of the reference, which has images in [-1, 1]. Wider than the upper
# one all levels are alike, and float32 would overflow.
LOG_SCALE_MIN: Final = -7.0
LOG_SCALE_MAX: Final = 4.0


@register("discretized_logistic")
class DiscretizedLogistic(Likelihood):
    """One logistic a value, integrated over the bins of the levels.

    P(k) = F((k + 1/2) / 255) - F((k - 1/2) / 255), F(x) = sigmoid((x - location) / s), the first
    and the last bin open. The location is a sigmoid, ln s is soft-clipped to [-6, 0].

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("discretized_logistic", shape=(1, 1, 1))
        >>> outputs, x = torch.tensor([20.0, -9.0]).view(1, 2, 1, 1), torch.ones(1, 1, 1, 1)
        >>> likelihood(outputs).log_prob(x).exp()  # of level 255, at the location
        tensor([0.6799])
    """

    measure = "mass"
    outputs_per_value = 2
    reference = "Kingma et al. 2016, Inverse Autoregressive Flow, arXiv:1606.04934"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "LogisticMixtureImages":
        """Return the discretised logistic: a mixture of one."""
        location, log_scale = self.stack(outputs).split(1, 1)
        scale, logits = soft_clip(log_scale).exp(), location.new_zeros(location.shape)
        return LogisticMixtureImages(logits, LAST * location.sigmoid(), LAST * scale)


@register("logistic_mixture")
class LogisticMixture(Likelihood):
    """Mixture of logistics in each value, integrated over the bins of the levels.

    The outputs of a value are K mixture logits, K locations and K log scales, as in the reference:
    of images in [-1, 1], the locations not squashed, the log scales clipped below at -7; here also
    above, at 4. No coupling between channels.

    Args:
        components: K.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("logistic_mixture", shape=(1, 1, 1), components=2)
        >>> outputs = torch.tensor([0.0, 0, -1, 1, -7, -7]).view(1, 6, 1, 1)  # black or white
        >>> likelihood(outputs).mean
        tensor([[[[0.5000]]]])
    """

    measure = "mass"
    reference = "Salimans et al. 2017, PixelCNN++, equation 2, arXiv:1701.05517"

    def __init__(self, shape: Shape, *, components: int = 10) -> None:
        super().__init__(shape)
        self.outputs_per_value = 3 * integer("components", components, 1)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "LogisticMixtureImages":
        """Return the discretised mixture."""
        # Copied once: a network in channels_last would have each operation jump over components.
        logits, location, log_scale = self.stack(outputs.contiguous()).chunk(3, 1)
        scale = log_scale.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX).exp()
        return LogisticMixtureImages(logits, (location + 1) * (LAST / 2), scale * (LAST / 2))


class LogisticMixtureImages(ImageDistribution):
    """Levels of mixtures of logistics, the first and the last bin open.

    The logits, locations and scales of the components are each (B, K, C, H, W), the latter two in
    units of a level, since level +- 1/2 is then exact in float32.
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
        """Return the log probability of 8-bit images, (B,), in nats."""
        masses = log_masses(to_levels(value).unsqueeze(-4), self._location, self._scale)
        return sum_image(torch.logsumexp(masses + self._logits.log_softmax(1), -4))

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        weights = wide(self._logits).softmax(1)
        location, scale = wide(self._location), wide(self._scale)
        lower, upper = (
            (weights * ((LAST * edge.unsqueeze(1) - location) / scale).sigmoid()).sum(1)
            for edge in bin_edges(x, OPEN)
        )
        return lower, upper.clamp(max=1)

    def _draw(self, shape: torch.Size) -> Tensor:
        logits = self._logits.expand(*shape[:-4], *self._logits.shape)
        return draw_level(*chosen(logits, self._location, self._scale)) * STEP


def log_masses(level: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Return the log mass of integer levels under logistics, the first and the last bin open.

    With F the cdf, F(b) - F(a) = F(b) (1 - F(a)) (1 - e^(a - b)) for edges a < b in units of the
    scale: a product of positive factors, accurate in both tails, where the plain difference cancels
    and the reference resorts to the density. Locations and scales are in levels.
    """
    first, last = level == 0, level == LAST
    centre = level.to(scale.dtype)
    lower = torch.where(first, -FAR, centre - 0.5)
    upper = torch.where(last, FAR, centre + 0.5)
    precision = scale.reciprocal()
    closed = (~(first | last)).to(precision.dtype)
    return (
        closed * log1mexp(precision)
        - softplus((location - upper) * precision)
        - softplus((lower - location) * precision)
    )


def chosen(logits: Tensor, *parameters: Tensor) -> list[Tensor]:
    """Draw components of mixtures, and return each of their parameters.

    The logits are (..., K, C, H, W). Parameters, (..., K, N, H, W), are those of the C values of a
    pixel or, where C is one, what its N values share; those returned lack the K.
    """
    # logits - ln E is largest at k with probability softmax(logits)_k.
    exponentials = torch.empty(
        logits.shape, dtype=logits.dtype, device=logits.device
    ).exponential_()
    component = (logits - exponentials.log()).argmax(-4, keepdim=True)
    drawn = []
    for parameter in parameters:
        *_, values, _, _ = parameter.shape
        which = component.expand(*component.shape[:-3], values, *component.shape[-2:])
        every = parameter.expand(*component.shape[:-4], *parameter.shape[-4:])
        drawn.append(every.gather(-4, which).squeeze(-4))
    return drawn


def draw_level(location: Tensor, scale: Tensor) -> Tensor:
    """Draw levels, as floats, from discretised logistics; locations and scales are in levels."""
    logistic = torch.rand_like(scale).clamp(min=torch.finfo(scale.dtype).tiny).logit()
    return (location + scale * logistic).clamp(0, LAST).round()


def mean_logistic_level(location: Tensor, scale: Tensor) -> Tensor:
    """Return the mean of logistics whose values are moved to the nearest of the 256 levels.

    For a scale of half a level or more from `mean_level`. For a smaller one the sum there is taken
    over the three edges to either side of the location, and the rest counted as 0 or 1: within
    0.008 levels.
    """
    smooth = mean_level(location, scale, softplus, lambda z: torch.sigmoid(z) * torch.sigmoid(-z))

    clamped = location.clamp(-4, LAST + 4)
    below = clamped.floor()
    narrow = (below - 3).clamp(0, LAST)
    for offset in range(-3, 3):
        edge = below + offset
        inside = (edge >= 0) & (edge < LAST)
        narrow = narrow + torch.where(inside, torch.sigmoid((clamped - edge - 0.5) / scale), 0.0)
    return torch.where(scale < NARROW, narrow, smooth)

"""Discretised Gaussians: a scale for each value, and the shared ones trained on their mass."""

import math
from typing import Final

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import GaussianImages, ImageDistribution, ScaledImages
from likelihoods.core.grid import STEP, quantise
from likelihoods.core.numerics import OPEN, RANGE, bin_edges, mean_level, soft_clip, wide
from likelihoods.core.registry import register
from likelihoods.families.gaussian import SharedSigma
from likelihoods.families.optimal import OptimalSigma

BIN_VARIANCE: Final = STEP**2 / 12  # of a uniform value in the bin of a level


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


@register("discretized_shared_sigma")
class DiscretizedSharedSigma(SharedSigma):
    """One sigma for the whole data set, learned by gradient, trained on the mass of the levels.

    The share of the bin of a level, closed, in what the 256 bins hold of N(mean, sigma^2): the mass
    by which shared_sigma is scored, so that objective and score agree.

    Example:
        >>> import torch, likelihoods
        >>> twins = "shared_sigma", "discretized_shared_sigma"
        >>> density, mass = (likelihoods.create(name, shape=(1, 1, 1)) for name in twins)
        >>> outputs, x = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 51 / 255)
        >>> density.log_mass(outputs, x).item() == mass(outputs).log_prob(x).item()
        True
    """

    measure = "mass"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "GaussianLevels":
        """Return the levels of N(mean, sigma^2 I)."""
        return GaussianLevels(self._shared(outputs, self.log_sigma))


@register("discretized_optimal_sigma")
class DiscretizedOptimalSigma(OptimalSigma):
    """Optimal sigma, trained on the mass of the levels.

    The mass is that of discretized_shared_sigma. The variance that maximises it has no closed form.
    Taken is sigma*^2 = MSE - 1/(12 255^2), with the floor of optimal sigma: rounding to the grid
    adds the variance of a bin to the error (Sheppard's correction), where sigma is no smaller than
    a level and little of the Gaussian is out of range. As this is near the optimum and not at it,
    the variance is not detached.

    Args:
        decay: weight of the average when a batch of training is added, in (0, 1).

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("discretized_optimal_sigma", shape=(1, 1, 1)).train()
        >>> outputs, x = torch.zeros(2, 1, 1, 1), torch.tensor([102, 204]).view(2, 1, 1, 1) / 255
        >>> _ = likelihood(outputs, target=x)  # the mean is 1/2
        >>> likelihood.variance  # (0.1^2 + 0.3^2) / 2 - 1.3e-6
        tensor(0.0500)
    """

    measure = "mass"

    def __init__(self, shape: Shape, *, decay: float = 0.99) -> None:
        super().__init__(shape, decay=decay)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "GaussianLevels":
        """Return the levels of N(mean, sigma*^2 I), of the batch in training as optimal sigma."""
        return GaussianLevels(self._fitted(outputs, target))

    def _optimum(self, mean: Tensor, target: Tensor) -> Tensor:
        mse = (target - mean).square().mean(self._axes, keepdim=True)
        return mse - BIN_VARIANCE


class GaussianLevels(ImageDistribution):
    """The levels of Gaussian values that lie in the range of the bins, their means in [0, 1]."""

    def __init__(self, gaussian: ScaledImages) -> None:
        super().__init__(gaussian.mean)
        self._gaussian = gaussian
        self._ends = tuple(torch.full_like(wide(gaussian.mean), edge) for edge in RANGE)

    @property
    def mean(self) -> Tensor:
        """The expected grey values, (B, C, H, W), to 0.01 of a level if sigma is half a level."""
        location, scale = self._gaussian.mean / STEP, self._gaussian.stddev / STEP
        clipped = mean_level(location, scale.clamp(min=0.5), _ramp, _density) * STEP
        # Of values in the range alone: without those above, which are clipped to white.
        below, above = self._of_ends()
        return ((clipped - (1 - above)) / (above - below)).clamp(0, 1).to(location.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, (B,), in nats, by way of float64."""
        lower, upper = bin_edges(value)
        log_mass = self._gaussian.log_interval_mass(lower, upper)
        log_mass = log_mass - self._gaussian.log_interval_mass(*self._ends)
        return log_mass.to(value.dtype)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        return self._gaussian.level_cdf(x)

    def _of_ends(self) -> tuple[Tensor, Tensor]:
        """Return the cdf of the Gaussian at both ends of the range, in float64."""
        below, above = (self._gaussian.cdf(end) for end in self._ends)
        return below, above

    def _draw(self, shape: torch.Size) -> Tensor:
        below, above = self._of_ends()
        uniform = torch.rand(shape, dtype=below.dtype, device=below.device)
        z: Tensor = torch.special.ndtri(below + uniform * (above - below))
        return quantise(self._gaussian.mean + self._gaussian.stddev * z.to(self._gaussian.mean))


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

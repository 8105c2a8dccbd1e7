"""Gaussian decoder whose variance follows from a constraint on the reconstruction error."""

import math
from typing import Final

import torch
from torch import Tensor
from torch.distributions import Distribution

from likelihoods.core.base import Shape
from likelihoods.core.distributions import GaussianImages
from likelihoods.core.numerics import LOG_SIGMA_MAX, LOG_SIGMA_MIN
from likelihoods.core.options import number
from likelihoods.core.registry import register
from likelihoods.families.gaussian import GaussianLikelihood, error_of_mean_image

DECAY: Final = 0.99  # of the moving average, as in the paper
LOWEST: Final = -math.log(2) - 2 * LOG_SIGMA_MAX
HIGHEST: Final = -math.log(2) - 2 * LOG_SIGMA_MIN
"""Bounds of ln lambda: the implied sigma is within those of a learned one."""


@register("geco")
class Geco(GaussianLikelihood):
    """Gaussian with one sigma^2 = 1 / (2 lambda), lambda such that the error meets a tolerance.

    Training minimises KL + lambda (|x - mean|^2 - D tolerance^2): the smallest KL with a mean
    squared error of at most tolerance^2. After each step lambda is multiplied by
    exp(rate C / tolerance^2), where C = MSE - tolerance^2 is an exponential average over batches;
    the loss has its value, and the gradient of the batch alone (Rezende and Viola 2018, algorithm
    1, which leaves the rate open). C / tolerance^2 is cut off at 1, so that the large errors of the
    first steps do not take lambda away, and it falls as fast as it rises.

    |x - mean|^2 lambda is what a Gaussian of variance 1 / (2 lambda) has in -ln p. That is the
    density in training and in evaluation, a constant of it left out of the loss. The variance is
    not the error: it is above it where the tolerance is easily met. Lambda starts at 1, or from
    the data (`start_from`), and keeps to the bounds of a learned ln sigma, -6 and 0: a tolerance
    that the network cannot meet drives sigma to half a grey level. Lambda and average are buffers.

    Args:
        tolerance: root of the mean squared error of a value, in units of x, in (0, 1). The
            default, 0.15 or 38 grey levels, is less than a unit variance reaches on CIFAR-10 or
            MNIST (0.16 to 0.2), and more than the optimal one does (0.07 to 0.13).
        rate: the largest change of ln lambda in one step, in (0, 1).

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("geco", shape=(1, 1, 1), tolerance=0.2).train()
        >>> p, x = likelihood(torch.zeros(1, 1, 1, 1)), torch.full((1, 1, 1, 1), 0.6)
        >>> likelihood.reconstruction_loss(p, x)  # 0.1^2 - 0.2^2
        tensor([-0.0300])
        >>> likelihood.variance  # exp(0.01 * 3 / 4) / 2
        tensor(0.5038)
    """

    reference = "Rezende and Viola 2018, Taming VAEs, arXiv:1810.00597"

    log_multiplier: Tensor
    error: Tensor
    """Moving average of the mean squared error; infinite before the first batch."""

    def __init__(self, shape: Shape, *, tolerance: float = 0.15, rate: float = 0.01) -> None:
        super().__init__(shape)
        self._target = number("tolerance", tolerance, 0, 1) ** 2
        self._rate = number("rate", rate, 0, 1)
        self.register_buffer("log_multiplier", torch.zeros(()))
        self.register_buffer("error", torch.full((), math.inf))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> GaussianImages:
        """Return N(x; mean, I / (2 lambda))."""
        return self._shared(outputs, 0.5 * self.variance.log())

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        """Return lambda (|x - mean|^2 - D tolerance^2), (B,); in training mode, move lambda on."""
        errors = (target - distribution.mean).square().flatten(1).mean(1)
        batch = errors.detach().mean()
        moved = self.error.lerp(batch.to(self.error.dtype), 1 - DECAY)
        average = torch.where(self.error.isinf(), batch, moved)
        multiplier = math.prod(self.shape) * self.log_multiplier.exp()  # before it is moved on
        if self.training:
            self.error.copy_(average)
            excess = (average / self._target - 1).clamp(max=1)
            self.log_multiplier.add_(self._rate * excess).clamp_(LOWEST, HIGHEST)
        return multiplier * (errors + (average - batch) - self._target)

    @torch.no_grad()
    def start_from(self, images: Tensor) -> None:
        """Set the variance to the MSE of the mean image, the error of a decoder without a code."""
        start = -(2 * error_of_mean_image(images)).log()
        self.log_multiplier.copy_(start.clamp(LOWEST, HIGHEST))

    @property
    def variance(self) -> Tensor:
        """1 / (2 lambda), a scalar on the buffer's device."""
        return 0.5 * (-self.log_multiplier).exp()

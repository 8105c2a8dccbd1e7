"""Gaussian decoders whose variance is the maximum-likelihood one: the mean squared error."""

import math
from collections.abc import Iterable
from typing import Final, TypeGuard

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import (
    IMAGE,
    GaussianImages,
    GaussianScaleMixture,
    ImageDistribution,
)
from likelihoods.core.numerics import LOG_SIGMA_MAX, LOG_SIGMA_MIN, wide
from likelihoods.core.options import LikelihoodError, choice, integer, number
from likelihoods.core.registry import register

AXES: Final = {"batch": -4, "channels": -3, "height": -2, "width": -1}
SHARES: Final = {
    "all": ("batch", "channels", "height", "width"),
    "image": ("channels", "height", "width"),
    "channel": ("batch", "height", "width"),
    "pixel": ("batch",),
}
LOG_VARIANCE_MIN: Final = 2 * LOG_SIGMA_MIN
LOG_VARIANCE_MAX: Final = 2 * LOG_SIGMA_MAX
FLOOR: Final = math.exp(LOG_VARIANCE_MIN)
NEGLIGIBLE: Final = 1e-6  # bins of the histogram with less weight than this are dropped from it


@register("optimal_sigma")
@register("optimal_per_image_sigma", share="image")
@register("optimal_per_channel_sigma", share="channel")
class OptimalSigma(Likelihood):
    """Gaussian with sigma*^2 = MSE, averaged over the axes along which sigma is shared.

    In training mode, given the target, sigma*^2 is that of the batch. It is detached: at the
    optimum no gradient passes through it, and -ln p is D/2 ln MSE + const. The variance has a
    floor of e^-12, the lower clip of the learned ones, so that a perfect fit stays finite.

    In evaluation mode, or without a target, nothing looks at the images to be scored:

    - A sigma shared along the batch is the average of sigma*^2 over training images.
    - One that belongs to an image cannot be reused. A prior replaces it: the histogram of sigma*^2
      over training images, of bins equally wide in ln sigma^2 from -12 to 0. The density is
      sum_k pi_k N(x; mean, sigma_k^2 I) over all values that share the sigma. Bins of weight
      below 1e-6 are dropped.

    `calibrate` takes either over the images that it is given. Until then both are exponential
    averages over the batches of training, with the bias of their start corrected, and lag behind
    the weights. Both are buffers. Before any training the variance is 1 and the histogram flat.

    Args:
        share: what shares one sigma: "all" values; those of an "image"; those of a "channel",
            in all images; those at one "pixel" and channel, in all images. Or the axes to average
            over, some of "batch", "channels", "height", "width".
        decay: weight of the average when a batch of training is added, in (0, 1).
        bins: number of bins of the histogram.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("optimal_sigma", shape=(1, 1, 1)).train()
        >>> outputs, x = torch.zeros(2, 1, 1, 1), torch.tensor([0.4, 0.8]).view(2, 1, 1, 1)
        >>> _ = likelihood(outputs, target=x)  # the mean is 1/2
        >>> likelihood.variance  # (0.1^2 + 0.3^2) / 2
        tensor(0.0500)
    """

    reference = "Rybkin et al. 2021, VAE Training with Calibrated Decoders, arXiv:2006.13202"

    average: Tensor
    """Average, biased: of sigma*^2 in its own shape, or of the histogram, (bins,)."""
    weight: Tensor  # sum of the weights in the average; one but for the start of training

    def __init__(
        self,
        shape: Shape,
        *,
        share: str | tuple[str, ...] = "all",
        decay: float = 0.99,
        bins: int = 64,
    ) -> None:
        super().__init__(shape)
        self._axes = _axes(share)
        self._decay = number("decay", decay, 0, 1)
        self._bins = integer("bins", bins, 2)
        self._width = (LOG_VARIANCE_MAX - LOG_VARIANCE_MIN) / self._bins
        sizes = [1 if axis in self._axes else size for axis, size in zip(IMAGE, shape, strict=True)]
        average = torch.zeros(self._bins) if self._of_an_image else torch.zeros(1, *sizes)
        self.register_buffer("average", average)
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> ImageDistribution:
        """Return N(x; mean, sigma*^2 I) of the batch in training, else of the average."""
        if not self._of_an_image or self._fits(target):
            return self._gaussian(outputs, target)
        mean = self.split(outputs)[0].sigmoid()
        group = tuple(axis for axis in self._axes if axis in IMAGE)
        return GaussianScaleMixture(mean, *self._histogram(mean), group)

    def _fits(self, target: Tensor | None) -> TypeGuard[Tensor]:
        return self.training and target is not None

    def _gaussian(self, outputs: Tensor, target: Tensor | None) -> GaussianImages:
        mean = self.split(outputs)[0].sigmoid()
        if self._fits(target):
            variance = self._optimum(mean, target).clamp(min=FLOOR)
            self._remember(variance.detach())
        else:
            variance = self._average().to(mean.dtype)
        return GaussianImages(mean, 0.5 * variance.log())

    @property
    def variance(self) -> Tensor | None:
        """The average of sigma*^2, a scalar, where all values share one, else None."""
        return self._average().squeeze() if self.average.numel() == 1 else None

    @property
    def _of_an_image(self) -> bool:
        return AXES["batch"] not in self._axes

    @torch.no_grad()
    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set the average to that of sigma*^2, or its histogram, over all images of the batches."""
        total, count = wide(torch.zeros_like(self.average)), 0
        for outputs, target in batches:
            variance = self._optimum(self.split(outputs)[0].sigmoid(), target)
            latest = self._frequencies(variance) if self._of_an_image else variance
            total = total + len(target) * wide(latest)
            count += len(target)
        if count:
            average = total / count
            self.average.copy_(average if self._of_an_image else average.clamp(min=FLOOR))
            self.weight.fill_(1)

    def _optimum(self, mean: Tensor, target: Tensor) -> Tensor:
        """Return sigma*^2 of images under these means, before the floor."""
        return (target - mean.detach()).square().mean(self._axes, keepdim=True)

    @torch.no_grad()
    def _remember(self, variance: Tensor) -> None:
        """Add sigma*^2 of a batch to the average."""
        latest = self._frequencies(variance) if self._of_an_image else variance
        self.average.lerp_(latest.to(self.average.dtype), 1 - self._decay)
        self.weight.lerp_(torch.ones_like(self.weight), 1 - self._decay)

    def _frequencies(self, variance: Tensor) -> Tensor:
        """Return the share of the variances in each bin, (bins,)."""
        position = (variance.clamp(min=FLOOR).log().flatten() - LOG_VARIANCE_MIN) / self._width
        bins = position.long().clamp(0, self._bins - 1)
        # Compared rather than counted: bincount waits for the device.
        return (bins[:, None] == torch.arange(self._bins, device=bins.device)).float().mean(0)

    def _average(self) -> Tensor:
        """Return the average of sigma*^2, or the histogram, one before any training."""
        return torch.where(self.weight > 0, self.average / self.weight, 1.0)

    def _histogram(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights of the bins and ln sigma at their centres, each (bins,)."""
        weights = self._average().to(like.dtype)
        weights = torch.where(weights / weights.sum() < NEGLIGIBLE, 0.0, weights)
        centres = torch.arange(self._bins, dtype=like.dtype, device=like.device) + 0.5
        return weights / weights.sum(), 0.5 * (LOG_VARIANCE_MIN + self._width * centres)


def _axes(share: object) -> tuple[int, ...]:
    """Return the dimensions to average over, counted from the last."""
    if isinstance(share, str):
        names = SHARES[choice("share", share, tuple(SHARES))]
    elif isinstance(share, tuple | list) and share:
        names = tuple(choice("share", name, tuple(AXES)) for name in share)
    else:
        raise LikelihoodError(
            f"share={share!r} is neither one of {', '.join(SHARES)} nor some of {', '.join(AXES)}"
        )
    return tuple(sorted({AXES[name] for name in names}))

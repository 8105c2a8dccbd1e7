"""Decoders whose scale is the most likely one: of a Gaussian sigma^2 = MSE."""

import math
from collections.abc import Iterable
from typing import ClassVar, Final, TypeGuard

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import (
    IMAGE,
    GaussianImages,
    ImageDistribution,
    ScaledImages,
    ScaleMixture,
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
NEGLIGIBLE: Final = 1e-6  # bins of the histogram with less weight than this are dropped from it


class Optimal(Likelihood):
    """Base of the decoders of a density whose scale is the most likely one.

    The mean error of values under their means, |x - mean|^power, is the most likely scale^power
    (`likelihoods.core.distributions.Density`): of a Gaussian sigma*^2 is the mean squared error, of
    a Laplace b* the mean absolute one. It is averaged over the axes along which a scale is shared.

    In training mode, given the target, the error is that of the batch. It is detached: at the
    optimum no gradient passes through it, and -ln p is D/power ln error + const. The scale has a
    floor of e^-6, the lower clip of the learned ones, so that a perfect fit stays finite.

    In evaluation mode, or without a target, nothing looks at the images to be scored:

    - A scale shared along the batch is that of the average error of training images.
    - One that belongs to an image cannot be reused. A prior replaces it: the histogram of the
      errors of training images, of bins equally wide in ln scale from -6 to 0. The density is
      sum_k pi_k p(x; mean, scale_k) over all values that share the scale. Bins of weight below
      1e-6 are dropped.

    `calibrate` takes either over the images that it is given. Until then both are exponential
    averages over the batches of training, with the bias of their start corrected, and lag behind
    the weights. Both are buffers. Before any training the scale is 1 and the histogram flat.

    Args:
        share: what shares one scale: "all" values; those of an "image"; those of a "channel",
            in all images; those at one "pixel" and channel, in all images. Or the axes to average
            over, some of "batch", "channels", "height", "width".
        decay: weight of the average when a batch of training is added, in (0, 1).
        bins: number of bins of the histogram.
        beta: weight of the KL divergence in training, positive: D/power ln error + beta KL. The
            decoder stays what it is: in evaluation mode the weight is 1.
    """

    images: ClassVar[type[ScaledImages]]

    average: Tensor
    """Average, biased: of the error in the shape of the scale, or of the histogram, (bins,)."""
    weight: Tensor  # sum of the weights in the average; one but for the start of training

    def __init__(
        self,
        shape: Shape,
        *,
        share: str | tuple[str, ...] = "all",
        decay: float = 0.99,
        bins: int = 64,
        beta: float = 1.0,
    ) -> None:
        super().__init__(shape)
        self._axes = _axes(share)
        self._decay = number("decay", decay, 0, 1)
        self._bins = integer("bins", bins, 2)
        self._beta = number("beta", beta, low=0)
        power = self.images.density.power
        self._lowest = power * LOG_SIGMA_MIN  # ln error at the floor
        self._width = power * (LOG_SIGMA_MAX - LOG_SIGMA_MIN) / self._bins
        sizes = [1 if axis in self._axes else size for axis, size in zip(IMAGE, shape, strict=True)]
        average = torch.zeros(self._bins) if self._of_an_image else torch.zeros(1, *sizes)
        self.register_buffer("average", average)
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> ImageDistribution:
        """Return the images at the optimum of the batch in training, else of the average."""
        if not self._of_an_image or self._fits(target):
            return self._fitted(outputs, target)
        mean = self.split(outputs)[0].sigmoid()
        group = tuple(axis for axis in self._axes if axis in IMAGE)
        return ScaleMixture(self.images.density, mean, *self._histogram(mean), group)

    @property
    def kl_weight(self) -> float:
        """Beta in training mode, 1 in evaluation mode."""
        return self._beta if self.training else 1.0

    def _fits(self, target: Tensor | None) -> TypeGuard[Tensor]:
        return self.training and target is not None

    def _fitted(self, outputs: Tensor, target: Tensor | None) -> ScaledImages:
        mean = self.split(outputs)[0].sigmoid()
        if self._fits(target):
            error = self._optimum(mean, target).clamp(min=math.exp(self._lowest))
            self._remember(error.detach())
        else:
            error = self._average().to(mean.dtype)
        return self.images(mean, self.images.density.log_scale(error))

    @property
    def _shared(self) -> Tensor | None:
        """The average error, a scalar, where all values share one, else None."""
        return self._average().squeeze() if self.average.numel() == 1 else None

    @property
    def _of_an_image(self) -> bool:
        return AXES["batch"] not in self._axes

    @torch.no_grad()
    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set the average to that of the error, or its histogram, over all images of batches."""
        total, count = wide(torch.zeros_like(self.average)), 0
        for outputs, target in batches:
            error = self._optimum(self.split(outputs)[0].sigmoid(), target)
            latest = self._frequencies(error) if self._of_an_image else error
            total = total + len(target) * wide(latest)
            count += len(target)
        if count:
            average, floor = total / count, math.exp(self._lowest)
            self.average.copy_(average if self._of_an_image else average.clamp(min=floor))
            self.weight.fill_(1)

    def _optimum(self, mean: Tensor, target: Tensor) -> Tensor:
        """Return the mean error of images under these means, before the floor."""
        return self.images.density.error(target - mean.detach()).mean(self._axes, keepdim=True)

    @torch.no_grad()
    def _remember(self, error: Tensor) -> None:
        """Add the error of a batch to the average."""
        latest = self._frequencies(error) if self._of_an_image else error
        self.average.lerp_(latest.to(self.average.dtype), 1 - self._decay)
        self.weight.lerp_(torch.ones_like(self.weight), 1 - self._decay)

    def _frequencies(self, error: Tensor) -> Tensor:
        """Return the share of the errors in each bin, (bins,)."""
        logs = error.clamp(min=math.exp(self._lowest)).log().flatten()
        bins = ((logs - self._lowest) / self._width).long().clamp(0, self._bins - 1)
        # Compared rather than counted: bincount waits for the device.
        return (bins[:, None] == torch.arange(self._bins, device=bins.device)).float().mean(0)

    def _average(self) -> Tensor:
        """Return the average of the error, or the histogram, one before any training."""
        return torch.where(self.weight > 0, self.average / self.weight, 1.0)

    def _histogram(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights of the bins and ln scale at their centres, each (bins,)."""
        weights = self._average().to(like.dtype)
        weights = torch.where(weights / weights.sum() < NEGLIGIBLE, 0.0, weights)
        centres = torch.arange(self._bins, dtype=like.dtype, device=like.device) + 0.5
        logs = self._lowest + self._width * centres
        return weights / weights.sum(), logs / self.images.density.power


@register("optimal_sigma")
@register("optimal_per_image_sigma", share="image")
@register("optimal_per_channel_sigma", share="channel")
class OptimalSigma(Optimal):
    """Gaussian with sigma*^2 = MSE, averaged over the axes along which sigma is shared.

    With beta it trains D/2 ln MSE + beta KL; with a sigma of each image that is the Beta-Sigma VAE
    (Kim and Lee 2024, arXiv:2409.09361). What is kept, and options, are told in `Optimal`.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("optimal_sigma", shape=(1, 1, 1)).train()
        >>> outputs, x = torch.zeros(2, 1, 1, 1), torch.tensor([0.4, 0.8]).view(2, 1, 1, 1)
        >>> _ = likelihood(outputs, target=x)  # the mean is 1/2
        >>> likelihood.variance  # (0.1^2 + 0.3^2) / 2
        tensor(0.0500)
    """

    images = GaussianImages
    reference = "Rybkin et al. 2021, VAE Training with Calibrated Decoders, arXiv:2006.13202"

    @property
    def variance(self) -> Tensor | None:
        """The average of sigma*^2, a scalar, where all values share one, else None."""
        return self._shared


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

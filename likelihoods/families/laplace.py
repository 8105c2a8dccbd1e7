"""Laplace decoders whose scale is an output of the network, learned by gradient, or optimal."""

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Laplace

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import Density, ScaledImages
from likelihoods.core.numerics import LOG_SIGMA_MIN, log_interval_mass, soft_clip
from likelihoods.core.registry import register
from likelihoods.families.optimal import Optimal


@register("laplace")
class LaplaceLikelihood(Likelihood):
    """Laplace with a location and a scale for each value: p(x) = e^(-|x - location| / b) / (2 b).

    The location is a sigmoid, ln b is soft-clipped to [-6, 0].

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("laplace", shape=(1, 1, 1))
        >>> outputs = torch.tensor([0.0, -3.0]).view(1, 2, 1, 1)
        >>> likelihood(outputs).mean, likelihood(outputs).stddev  # 1/2, b sqrt(2)
        (tensor([[[[0.5000]]]]), tensor([[[[0.0706]]]]))
    """

    outputs_per_value = 2
    reference = "Kotz, Kozubowski and Podgorski 2001, The Laplace Distribution, chapter 2"

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the Laplace images."""
        location, log_scale = self.split(outputs)
        scale = soft_clip(log_scale).exp()
        return Independent(LaplaceWithMass(location.sigmoid(), scale, validate_args=False), 3)


class LaplaceWithMass(Laplace):
    """Laplace of torch, with accurate masses of intervals."""

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that a value lies between its edges."""
        return log_laplace_mass(lower, upper, self.loc, self.scale)


def log_laplace_mass(lower: Tensor, upper: Tensor, location: Tensor, scale: Tensor) -> Tensor:
    """Return the log mass of intervals under a Laplace; see `log_interval_mass`."""
    return log_interval_mass(lower, upper, location, scale, log_cdf)


def log_cdf(z: Tensor) -> Tensor:
    """Return the log cdf of the standard Laplace."""
    upper = torch.log1p(-0.5 * torch.exp(-z.clamp(min=0)))
    return torch.where(z < 0, z - math.log(2), upper)


def _draw(shape: torch.Size, like: Tensor) -> Tensor:
    two = torch.empty((2, *shape), dtype=like.dtype, device=like.device).exponential_()
    return two[0] - two[1]


LAPLACE: Final = Density(
    power=1,
    error=torch.abs,
    log_constant=math.log(2),
    stddev=math.sqrt(2),
    cdf=lambda z: log_cdf(z).exp(),
    draw=_draw,
    log_mass=log_laplace_mass,
)


class LaplaceImages(ScaledImages):
    """Independent Laplace values."""

    density = LAPLACE


@register("shared_laplace")
class SharedLaplace(Likelihood):
    """Laplace with one scale for the whole data set, a parameter learned by gradient.

    -ln p = |x - location| / b + ln b + ln 2, summed over the image: the reconstruction loss of the
    autoencoder of Stable Diffusion, |x - location| / exp(logvar) + logvar, whose "logvar" is ln b,
    without its perceptual and adversarial parts. (Its code gives logvar to no optimiser, so there
    b stays one.) The location is a sigmoid. ln b is not clipped; it starts at 0, or from the data
    (`start_from`).

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("shared_laplace", shape=(1, 1, 1))
        >>> outputs, x = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 0.5)
        >>> likelihood(outputs).log_prob(x)  # -ln 2
        tensor([-0.6931], grad_fn=<SubBackward0>)
    """

    reference = (
        "the autoencoder's loss of Rombach et al. 2022, Latent Diffusion Models, arXiv:2112.10752, "
        "after Esser et al. 2021, Taming Transformers, arXiv:2012.09841"
    )

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> LaplaceImages:
        """Return the Laplace images."""
        (location,) = self.split(outputs)
        return LaplaceImages(location.sigmoid(), self.log_scale.expand(1, 1, 1, 1))

    @torch.no_grad()
    def start_from(self, images: Tensor) -> None:
        """Set b to the mean absolute error of the median image, the best that knows no more."""
        error = (images - images.median(0).values).abs().mean()
        self.log_scale.copy_(error.log().clamp(min=LOG_SIGMA_MIN))


@register("optimal_laplace")
@register("optimal_per_channel_laplace", share="channel")
class OptimalLaplace(Optimal):
    """Laplace with b* = mean absolute error, averaged over the axes along which b is shared.

    -ln p of a batch is D ln b* + const. What is kept, and options, are told in `Optimal`.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("optimal_laplace", shape=(1, 1, 1)).train()
        >>> outputs, x = torch.zeros(2, 1, 1, 1), torch.tensor([0.4, 0.8]).view(2, 1, 1, 1)
        >>> _ = likelihood(outputs, target=x)  # the location is 1/2
        >>> likelihood.scale  # (0.1 + 0.3) / 2
        tensor(0.2000)
    """

    images = LaplaceImages
    reference = (
        "Kotz, Kozubowski and Podgorski 2001, The Laplace Distribution, chapter 2; the optimal "
        "scale as of a Gaussian in Rybkin et al. 2021, arXiv:2006.13202"
    )

    @property
    def scale(self) -> Tensor | None:
        """The average of b*, a scalar, where all values share one, else None."""
        return self._shared

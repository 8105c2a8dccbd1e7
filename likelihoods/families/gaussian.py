"""Gaussian decoders whose variance is fixed, learned by gradient, or an output of the network."""

import math

import torch
from torch import Tensor, nn

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import GaussianImages, ImageDistribution
from likelihoods.core.numerics import LOG_SIGMA_MAX, LOG_SIGMA_MIN, clip_bounds, soft_clip
from likelihoods.core.options import choice, number
from likelihoods.core.registry import register


class GaussianLikelihood(Likelihood):
    """Base of the Gaussian decoders of this file."""

    reference = "Rybkin et al. 2021, VAE Training with Calibrated Decoders, arXiv:2006.13202"

    def _shared(self, outputs: Tensor, log_sigma: float | Tensor) -> GaussianImages:
        """Return Gaussian images with the sigmoid of the outputs as mean, and one sigma."""
        (location,) = self.split(outputs)
        if not isinstance(log_sigma, Tensor):
            log_sigma = location.new_full((), log_sigma)  # a fill: copying would wait
        return GaussianImages(location.sigmoid(), log_sigma.expand(1, 1, 1, 1))


@register("gaussian")
class Gaussian(GaussianLikelihood):
    """Gaussian with sigma = 1; the mean is the sigmoid of the output.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("gaussian", shape=(1, 1, 1))
        >>> outputs, x = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 0.5)
        >>> likelihood(outputs).log_prob(x)  # -ln(2 pi) / 2
        tensor([-0.9189])
    """

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> GaussianImages:
        """Return N(x; mean, I)."""
        return self._shared(outputs, 0.0)

    @property
    def variance(self) -> float:
        """One."""
        return 1.0


@register("shared_sigma")
class SharedSigma(GaussianLikelihood):
    """Gaussian with one sigma for the whole data set, a parameter learned by gradient.

    The parameter is ln sigma, not clipped. It starts at 0, or from the data (`start_from`): an
    optimiser such as Adam moves it by at most about its learning rate a step, so that a short
    training from 0 may end on the way.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("shared_sigma", shape=(1, 1, 1))
        >>> with torch.no_grad():
        ...     _ = likelihood.log_sigma.fill_(-1)
        >>> likelihood.variance  # e^-2
        tensor(0.1353)
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> ImageDistribution:
        """Return N(x; mean, sigma^2 I)."""
        return self._shared(outputs, self.log_sigma)

    @torch.no_grad()
    def start_from(self, images: Tensor) -> None:
        """Set sigma^2 to the MSE of the mean image, the error of a decoder that knows no more."""
        mse = error_of_mean_image(images)
        self.log_sigma.copy_(0.5 * mse.log().clamp(min=2 * LOG_SIGMA_MIN))

    @property
    def variance(self) -> Tensor:
        """The present sigma^2, detached, a scalar on the parameter's device."""
        return (2 * self.log_sigma.detach()).exp()


@register("beta_vae")
class BetaVAE(GaussianLikelihood):
    """The beta-VAE: a weight of the KL divergence, which amounts to a fixed variance.

    The objective D/2 MSE + beta KL, divided by beta, is that of a Gaussian decoder with variance
    beta. Training keeps the former: unit variance and ``kl_weight`` = sigma^2. In evaluation mode
    the density is the one that the objective implies: variance sigma^2 and ``kl_weight`` = 1
    (Rybkin et al. 2021, arXiv:2006.13202, section 3).

    Args:
        beta: positive.
        convention: "slides": the objective above, sigma^2 = beta. "paper": the objective
            |x - mean|^2 + beta KL, of which the published table was made, sigma^2 = beta / 2.

    Example:
        >>> import likelihoods
        >>> likelihood = likelihoods.create("beta_vae", shape=(1, 1, 1), beta=0.1)
        >>> likelihood.train().kl_weight, likelihood.eval().kl_weight, likelihood.variance
        (0.1, 1.0, 0.1)
    """

    reference = "Higgins et al. 2017, beta-VAE, ICLR; Burgess et al. 2018, arXiv:1804.03599"

    def __init__(self, shape: Shape, *, beta: float = 1.0, convention: str = "slides") -> None:
        super().__init__(shape)
        halved = choice("convention", convention, ("slides", "paper")) == "paper"
        self._variance = number("beta", beta, low=0) / (2 if halved else 1)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> GaussianImages:
        """Return N(x; mean, I) in training mode, N(x; mean, sigma^2 I) in evaluation mode."""
        return self._shared(outputs, 0.0 if self.training else 0.5 * math.log(self._variance))

    @property
    def kl_weight(self) -> float:
        """sigma^2 in training mode, 1 in evaluation mode."""
        return self._variance if self.training else 1.0

    @property
    def variance(self) -> float:
        """sigma^2 of the Gaussian that the objective implies."""
        return self._variance


@register("per_pixel_sigma")
class PerPixelSigma(GaussianLikelihood):
    """Gaussian with a mean and a sigma for each value, both outputs of the network.

    Args:
        bounds: soft clip of ln sigma. The default is the paper's -6, about half a grey level, and
            0, the sigma of the plain Gaussian. None, or "none" where there is no null (TOML): no
            clip at all, with which training may diverge.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("per_pixel_sigma", shape=(1, 1, 1), bounds=(-3, 0))
        >>> outputs = torch.tensor([0.0, -20.0]).view(1, 2, 1, 1)
        >>> likelihood(outputs).stddev.log()  # soft-clipped
        tensor([[[[-3.]]]])
    """

    outputs_per_value = 2

    def __init__(
        self,
        shape: Shape,
        *,
        bounds: tuple[float, float] | str | None = (LOG_SIGMA_MIN, LOG_SIGMA_MAX),
    ) -> None:
        super().__init__(shape)
        self._bounds = clip_bounds("bounds", bounds)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> GaussianImages:
        """Return N(x; mean, diag(sigma^2))."""
        location, log_sigma = self.split(outputs)
        if self._bounds is not None:
            log_sigma = soft_clip(log_sigma, *self._bounds)
        return GaussianImages(location.sigmoid(), log_sigma)


def error_of_mean_image(images: Tensor) -> Tensor:
    """Return the MSE of the mean of images, (N, C, H, W): that of a decoder without a code."""
    return (images - images.mean(0)).square().mean()

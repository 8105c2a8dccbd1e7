"""Per-pixel Gaussians whose mean is trained soundly: by objectives that are not their likelihood.

The gradient of -ln N(x; mean, sigma^2) to a mean is the error divided by sigma^2. So values that
are predicted well, and get a small sigma, are trained on most, and those predicted badly are given
up. Both objectives here mend that; what is evaluated is the per-pixel Gaussian, whatever trained
it. The KL keeps its weight of one, and so weighs more beside the milder reconstruction loss.
"""

from torch import Tensor
from torch.distributions import Distribution, Normal

from likelihoods.core.base import Shape
from likelihoods.core.distributions import sum_image
from likelihoods.core.numerics import LOG_SIGMA_MAX, LOG_SIGMA_MIN
from likelihoods.core.options import LikelihoodError, number
from likelihoods.core.registry import register
from likelihoods.families.gaussian import PerPixelSigma


@register("beta_nll")
class BetaNLL(PerPixelSigma):
    """Per-pixel Gaussian; in training each value weighs sigma^(2 beta), a constant to the gradient.

    The objective is sum_i sg(sigma_i^(2 beta)) (-ln N(x_i; mean_i, sigma_i^2)), sg: stop gradient
    (Seitzer et al. 2022, equation 5). At beta = 0 it is that of ``per_pixel_sigma``; at beta = 1
    the gradient to the means is that of half the squared error.

    Args:
        beta: from 0 to 1. The default is what the authors recommend.
        bounds: soft clip of ln sigma, as of ``per_pixel_sigma``.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("beta_nll", shape=(1, 1, 1), bounds=None)
        >>> outputs = torch.tensor([0.0, -2.0]).view(1, 2, 1, 1)  # mean 1/2, sigma e^-2
        >>> p, x = likelihood(outputs), torch.full((1, 1, 1, 1), 0.5)
        >>> likelihood.reconstruction_loss(p, x) / -p.log_prob(x)  # e^-2
        tensor([0.1353])
    """

    reference = "Seitzer et al. 2022, On the Pitfalls of Heteroscedastic ..., arXiv:2203.09168"

    def __init__(
        self,
        shape: Shape,
        *,
        beta: float = 0.5,
        bounds: tuple[float, float] | str | None = (LOG_SIGMA_MIN, LOG_SIGMA_MAX),
    ) -> None:
        super().__init__(shape, bounds=bounds)
        self._beta = number("beta", beta)
        if not 0 <= self._beta <= 1:
            raise LikelihoodError(f"beta={beta!r} is not a number from 0 to 1")

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        """Return sum_i sg(sigma_i^(2 beta)) (-ln N(x_i; mean_i, sigma_i^2)), (B,)."""
        sigma = distribution.stddev
        weight = sigma.detach().pow(2 * self._beta)
        return -sum_image(weight * _log_densities(distribution.mean, sigma, target))


@register("faithful")
class Faithful(PerPixelSigma):
    """Per-pixel Gaussian; in training the mean has unit variance, and sigma takes it as given.

    The objective is sum_i (x_i - mean_i)^2 / 2 - ln N(x_i; sg(mean_i), sigma_i^2), where sg stops
    the gradient (Stirn et al. 2023). The authors also stop that of sigma where its head leaves the
    trunk that it shares with the mean, so that mean and code are exactly those of the unit-variance
    Gaussian. A likelihood sees raw outputs alone and cannot; it asks for it (``detached_outputs``),
    and the networks of the benchmark do it. In one that does not, sigma trains the trunk too, and
    the means may be worse: there, compute the last half of the raw channels from
    ``features.detach()``.

    Args:
        bounds: soft clip of ln sigma, as of ``per_pixel_sigma``.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("faithful", shape=(1, 1, 1))
        >>> outputs = torch.tensor([0.0, -5.0]).view(1, 2, 1, 1).requires_grad_()
        >>> x = torch.full((1, 1, 1, 1), 0.9)
        >>> likelihood.reconstruction_loss(likelihood(outputs), x).sum().backward()
        >>> outputs.grad[0, 0]  # (1/2 - 0.9) / 4, whatever sigma
        tensor([[-0.1000]])
    """

    detached_outputs = 1
    reference = "Stirn et al. 2023, Faithful Heteroscedastic Regression ..., arXiv:2212.09184"

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        """Return sum_i (x_i - mean_i)^2 / 2 - ln N(x_i; sg(mean_i), sigma_i^2), (B,)."""
        mean = distribution.mean
        spread = _log_densities(mean.detach(), distribution.stddev, target)
        return sum_image(0.5 * (target - mean).square() - spread)


def _log_densities(mean: Tensor, sigma: Tensor, x: Tensor) -> Tensor:
    log_densities: Tensor = Normal(mean, sigma, validate_args=False).log_prob(x)
    return log_densities

"""Gaussian whose values are correlated over the whole image: low rank plus diagonal."""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.distributions import LOG_TWO_PI, ImageDistribution, sum_image
from likelihoods.core.grid import STEP
from likelihoods.core.numerics import RANGE, levels_of_cdf, log_gaussian_mass, soft_clip, wide
from likelihoods.core.options import integer
from likelihoods.core.registry import register

QUADRATURE: Final = ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6))
"""Points and weights of a mean over N(0, 1): exact for polynomials of degree five."""
TANGENTS: Final = 8  # of which the lowest is taken
MOST: Final = 10.0  # length of a row of P, in units of its sigma, at most
FAR: Final = 1e12  # in standard deviations, for an infinite edge: its square is finite


@register("low_rank_gaussian")
class LowRankGaussian(Likelihood):
    """Gaussian of covariance P P' + diag(sigma^2), so that noise is correlated over the image.

    The outputs of a value are its mean, through a sigmoid; ln sigma, soft-clipped to [-6, 0]; and
    its row of P over sigma: r tanh(output / r), r = 10 / sqrt(rank), so that all columns together
    have at most 100 times the variance sigma^2, and the covariance can be inverted. Where these
    are near 0, as in a fresh network, it is `per_pixel_sigma`.

    ``log_mass`` is a bound: that of the bins from below, less that of the range from above, see
    `LowRankGaussianImages`.

    Args:
        rank: number of columns of P.

    Example:
        >>> import torch, likelihoods
        >>> likelihood = likelihoods.create("low_rank_gaussian", shape=(1, 1, 2), rank=1)
        >>> outputs = torch.tensor([[0, 0], [-9, -9], [9, -9.0]]).view(1, 3, 1, 2)
        >>> likelihood(outputs).sample().mean().sub(0.5).abs() < 0.02  # opposite errors
        tensor(True)
    """

    measure = "density"
    mass_is_bound = True
    reference = (
        "Langley et al. 2022, Structured Uncertainty in the Observation Space of VAEs, "
        "arXiv:2205.12533; Monteiro et al. 2020, Stochastic Segmentation Networks, arXiv:2006.06015"
    )

    def __init__(self, shape: Shape, *, rank: int = 10) -> None:
        super().__init__(shape)
        self._rank = integer("rank", rank, 1)
        self.outputs_per_value = 2 + rank

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> "LowRankGaussianImages":
        """Return N(x; mean, P P' + diag(sigma^2))."""
        location, log_scale, raw = self.stack(outputs).split([1, 1, self._rank], 1)
        most = MOST / math.sqrt(self._rank)
        loadings = most * (raw / most).tanh()
        return LowRankGaussianImages(location[:, 0].sigmoid(), soft_clip(log_scale[:, 0]), loadings)


class LowRankGaussianImages(ImageDistribution):
    """Gaussian images x = mean + P e + sigma n, with e of some factors and n of the size of x.

    Given the factors e ~ N(0, I) the values are independent, so the probability that each lies in
    an interval of its own is E exp f(e), f a sum of log masses of values, which is concave. So:

    - ln E exp f >= E_q f - KL(q || N(0, I)), with q the distribution of the factors given that the
      values are in the middles of the intervals, a Gaussian (Jensen). As a value depends on one
      projection of e, E_q f is a sum of means over one Gaussian variable each: a quadrature of
      three points. Of bins that are narrow against sigma, f is quadratic, and this is exact.
    - ln E exp f <= f(a) - g'a + |g|^2 / 2 for any a, g the gradient of f there: a concave f lies
      below its tangents. The lowest of some, along Newton's way to the maximum of
      f(a) - |a|^2 / 2, where it is best; nor is it more than the least probability of one value.

    Args:
        mean: (B, C, H, W).
        log_scale: ln sigma, (B, C, H, W).
        loadings: P' / sigma, (B, rank, C, H, W).
    """

    def __init__(self, mean: Tensor, log_scale: Tensor, loadings: Tensor) -> None:
        super().__init__(mean)
        self._mean = mean
        self._log_scale = log_scale
        self._loadings = loadings

    @property
    def mean(self) -> Tensor:
        """The means, (B, C, H, W)."""
        return self._mean

    @property
    def stddev(self) -> Tensor:
        """The standard deviations of the values, (B, C, H, W)."""
        return self._variance().sqrt().to(self._mean.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, (B,), in nats.

        By the matrix determinant lemma and Woodbury's identity, in float64: what the factors
        explain of an error is a difference of large numbers.
        """
        errors, root = self._standardised(value), _root(self._flat())
        projected = self._flat() @ errors.unsqueeze(-1)
        explained = torch.linalg.solve_triangular(root, projected, upper=False)
        distance = errors.square().sum(-1) - explained.square().sum((-2, -1))
        log_volume = sum_image(wide(self._log_scale)) + _log_determinant(root)
        distance = distance + LOG_TWO_PI * self.event_shape.numel()
        log_prob: Tensor = -0.5 * distance - log_volume
        return log_prob.to(self._mean.dtype)

    @torch.no_grad()
    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return a lower bound of the log probability that all values lie between their edges.

        (B,), nats, in float64, without a gradient. Of two edges, a level apart, one may be
        infinite.
        """
        loadings, root = self._flat(), _root(self._flat())
        start = torch.where(lower.isinf(), upper - STEP, lower)
        end = torch.where(upper.isinf(), lower + STEP, upper)
        projected = loadings @ self._standardised((start + end) / 2).unsqueeze(2)
        peak = torch.cholesky_solve(projected, root)
        inverse = torch.linalg.solve_triangular(root, _identity(root), upper=False)
        at, spread = (peak.mT @ loadings).squeeze(1), (inverse @ loadings).square().sum(1).sqrt()
        edges = self._standardised(lower), self._standardised(upper)
        means = [w * _log_masses(*edges, at + node * spread).sum(1) for node, w in QUADRATURE]
        second_moment = inverse.square().sum((1, 2)) + peak.square().sum((1, 2))
        divergence: Tensor = 0.5 * (second_moment - root.shape[1]) + _log_determinant(root)
        return torch.stack(means).sum(0) - divergence

    @torch.no_grad()
    def log_interval_mass_above(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return an upper bound of what `log_interval_mass` bounds from below, likewise."""
        bounds = []
        for near in self._ascent(lower, upper):
            mean_of_rest = near.gradient * (0.5 * near.gradient - near.factors)
            bounds.append(near.masses.sum(1) + mean_of_rest.sum((1, 2)))
        each = log_gaussian_mass(lower, upper, self._mean, self._variance().sqrt())
        return torch.stack([*bounds, each.flatten(1).amin(1)]).amin(0)

    @torch.no_grad()
    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W).

        Of images whose every value lies in the range of the bins, up to one approximation: the
        factors are taken to be Gaussian given that all other values do (Laplace's method). Exact
        where the others have no say.
        """
        *_, near = self._ascent(*(torch.full_like(x, edge) for edge in RANGE))
        loadings, scale = self._flat(), wide(self._log_scale).exp()
        step = torch.cholesky_solve(near.gradient - near.factors, near.root)
        inverse = torch.linalg.solve_triangular(near.root, _identity(near.root), upper=False)
        # Of the projection of the factors, given the range of all values, then of all but its own.
        at = ((near.factors + step).mT @ loadings).squeeze(1)
        variance = (inverse @ loadings).square().sum(1)
        left = 1 / (1 - variance * near.curvature)
        at = left * (at - variance * (near.slope + near.curvature * near.at))
        mean = wide(self._mean) + scale * at.unflatten(1, self.event_shape)
        deviation = scale * (1 + left * variance).sqrt().unflatten(1, self.event_shape)
        return levels_of_cdf(lambda edge: torch.special.ndtr((edge - mean) / deviation), x)

    def _draw(self, shape: torch.Size) -> Tensor:
        like: dict[str, Any] = {"dtype": self._mean.dtype, "device": self._mean.device}
        common = torch.randn(*shape[:-3], 1, self._loadings.shape[1], **like)
        correlated = (common @ self._loadings.flatten(2)).view(shape)
        noise = correlated + torch.randn(shape, **like)
        return self._mean + self._log_scale.exp() * noise

    def _flat(self) -> Tensor:
        """Return P' / sigma, (B, rank, D), in float64."""
        return wide(self._loadings).flatten(2)

    def _ascent(self, lower: Tensor, upper: Tensor) -> "Iterator[_Near]":
        """Yield f near factors ever closer to the maximum of f(e) - |e|^2 / 2, from 0 (Newton)."""
        loadings, edges = self._flat(), (self._standardised(lower), self._standardised(upper))
        factors = loadings.new_zeros(len(edges[0]), loadings.shape[1], 1)
        for _ in range(TANGENTS):
            at = (factors.mT @ loadings).squeeze(1)
            masses = _log_masses(*edges, at)
            below, above = (edge - at for edge in edges)
            slope, curvature = _slope_and_curvature(below, above, masses)
            gradient, root = loadings @ slope.unsqueeze(2), _root(loadings, curvature)
            yield _Near(factors, at, masses, slope, curvature, gradient, root)
            factors = factors + torch.cholesky_solve(gradient - factors, root)

    def _variance(self) -> Tensor:
        """Return the variance of each value, (B, C, H, W), in float64."""
        factors = wide(self._loadings).square().sum(1)
        return (2 * wide(self._log_scale)).exp() * (1 + factors)

    def _standardised(self, values: Tensor) -> Tensor:
        """Return (values - mean) / sigma, (..., B, D), in float64."""
        precision = (-wide(self._log_scale)).exp()
        return ((values - wide(self._mean)) * precision).clamp(-FAR, FAR).flatten(-3)


class _Near(NamedTuple):
    """The log masses f of intervals near some factors, (B, rank, 1)."""

    factors: Tensor
    at: Tensor  # the projection of the factors on each value, (B, D)
    masses: Tensor  # there, of each value, (B, D)
    slope: Tensor  # their derivative, (B, D)
    curvature: Tensor  # their second one, negative, (B, D)
    gradient: Tensor  # of f, (B, rank, 1)
    root: Tensor  # the Cholesky factor of the precision of factors whose log density is f


def _log_masses(lower: Tensor, upper: Tensor, at: Tensor) -> Tensor:
    """Return the log mass of intervals of standardised values, given their factors' part."""
    return log_gaussian_mass(lower, upper, at, torch.ones_like(at[:1, :1]))


def _slope_and_curvature(lower: Tensor, upper: Tensor, masses: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivative of log masses by the location, and the negative second derivative.

    The latter is 1 less the variance of a standard Gaussian given that it is in the interval.
    """
    log_densities = (-0.5 * (edge.square() + LOG_TWO_PI) for edge in (lower, upper))
    start, end = ((density - masses).exp() for density in log_densities)
    slope = start - end
    return slope, (slope.square() - lower * start + upper * end).clamp(0, 1)


def _root(loadings: Tensor, curvature: Tensor | None = None) -> Tensor:
    """Return the Cholesky factor of I + W diag(curvature) W', (B, rank, rank)."""
    weighted = loadings if curvature is None else loadings * curvature.unsqueeze(1)
    products = weighted @ loadings.mT
    # Not `cholesky`, which waits for the device to see whether it succeeded.
    root: Tensor = torch.linalg.cholesky_ex(_identity(products) + products).L
    return root


def _identity(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)


def _log_determinant(root: Tensor) -> Tensor:
    """Return half the log determinant of a matrix of this Cholesky factor, (B,)."""
    return root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

"""Distributions over images: batch shape (B,), event shape (C, H, W), built without validation.

They need fewer passes over memory than `torch.distributions.Independent`, and have exact masses of
8-bit images.
"""

import math
from abc import abstractmethod
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from likelihoods.core.grid import LEVELS, to_levels
from likelihoods.core.numerics import (
    RANGE,
    bin_edges,
    levels_of_cdf,
    log_gaussian_mass,
    wide,
)

IMAGE: Final = (-3, -2, -1)  # the dimensions of an image: channels, height, width
LOG_TWO_PI: Final = math.log(2 * math.pi)


def sum_image(values: Tensor) -> Tensor:
    """Sum over the dimensions of an image: (..., B, C, H, W) to (..., B)."""
    return values.flatten(-3).sum(-1)


def support_of(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return the ends of the interval on which values have a density, infinite where it has none.

    Each of a shape that broadcasts with the values; the real line if the distribution states none.
    """
    try:
        support: Any = distribution.support
    except NotImplementedError:  # of a distribution without a support
        support = constraints.real
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    low = getattr(support, "lower_bound", -math.inf)
    high = getattr(support, "upper_bound", math.inf)
    return torch.as_tensor(low), torch.as_tensor(high)


def within_support(distribution: Distribution, values: Tensor) -> Tensor:
    """Return values with those beyond an end of a distribution's support reflected at that end.

    So noise that is uniform in the bin of a level is uniform in the part of it inside the support.

    Example:
        >>> import torch
        >>> from likelihoods import within_support
        >>> unit = torch.distributions.Uniform(torch.zeros(()), torch.ones(()))
        >>> within_support(unit, torch.tensor([-0.001, 0.5, 1.001]))
        tensor([0.0010, 0.5000, 0.9990])
    """
    low, high = support_of(distribution)
    values = torch.where(values < low, 2 * low - values, values)
    return torch.where(values > high, 2 * high - values, values)


class ImageDistribution(Distribution):
    """Base of the distributions over images, of the shape of an example (B, C, H, W)."""

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, example: Tensor) -> None:
        # Validation would wait for the device.
        super().__init__(example.shape[:1], example.shape[1:], validate_args=False)

    def __repr__(self) -> str:
        batch, event = tuple(self.batch_shape), tuple(self.event_shape)
        return f"{type(self).__name__}(batch_shape={batch}, event_shape={event})"

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw images, (*sample_shape, B, C, H, W)."""
        with torch.no_grad():
            return self._draw(self._extended_shape(torch.Size(sample_shape)))

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level; see the likelihood's."""
        raise NotImplementedError(f"{type(self).__name__} has no level_cdf")

    @abstractmethod
    def _draw(self, shape: torch.Size) -> Tensor:
        """Draw images of the full shape."""


class GaussianImages(ImageDistribution):
    """Independent Gaussians of mean (B, C, H, W), their log scales shared along any dimensions.

    The log scale has four dimensions, each 1 or the mean's. Where a scale is shared, squared errors
    are summed before they are divided by its square: one sigma costs two passes over the image.
    """

    def __init__(self, mean: Tensor, log_scale: Tensor) -> None:
        super().__init__(mean)
        self._mean = mean
        self._log_scale = log_scale
        self._shared = [d for d in IMAGE if log_scale.shape[d] == 1]
        self._copies = math.prod(mean.shape[d] for d in self._shared)

    @property
    def mean(self) -> Tensor:
        """The means, (B, C, H, W)."""
        return self._mean

    @property
    def stddev(self) -> Tensor:
        """The standard deviations, (B, C, H, W)."""
        return self._log_scale.exp().expand(self._mean.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, (B,), in nats."""
        errors = (value - self._mean).square()
        if self._shared:
            errors = errors.sum(self._shared, keepdim=True)
        precision = torch.exp(-2 * self._log_scale)
        constant = 0.5 * LOG_TWO_PI * self.event_shape.numel()
        return sum_image(-0.5 * precision * errors - self._copies * self._log_scale) - constant

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that every value lies between its edges, (B,), in float64."""
        return sum_image(log_gaussian_mass(lower, upper, self._mean, wide(self._log_scale).exp()))

    def cdf(self, value: Tensor) -> Tensor:
        """Return the cdf of each value, (B, C, H, W), in float64."""
        cdf: Tensor = torch.special.ndtr((value - wide(self._mean)) / wide(self._log_scale).exp())
        return cdf

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        return levels_of_cdf(self.cdf, x)

    def _draw(self, shape: torch.Size) -> Tensor:
        noise = torch.randn(shape, dtype=self._mean.dtype, device=self._mean.device)
        return self._mean + self._log_scale.exp() * noise


class GaussianScaleMixture(ImageDistribution):
    """Gaussians whose variance is drawn from a histogram, once for each group of values.

    p(x) = product over the groups g of sum_k pi_k N(x_g; mean_g, sigma_k^2 I). With the whole image
    as one group it is the density of a decoder whose variance belongs to the image.

    Args:
        mean: (B, C, H, W).
        weights: pi, (K,), summing to one; a bin of weight zero costs no log mass.
        log_scales: ln sigma, (K,).
        group: the dimensions of the image that share one variance.
    """

    def __init__(
        self, mean: Tensor, weights: Tensor, log_scales: Tensor, group: tuple[int, ...]
    ) -> None:
        super().__init__(mean)
        self._mean = mean
        self._weights = weights
        self._log_scales = log_scales
        self._group = group

    @property
    def mean(self) -> Tensor:
        """The means, (B, C, H, W), whatever the variance."""
        return self._mean

    @property
    def stddev(self) -> Tensor:
        """The standard deviations, (B, C, H, W), over all bins of the histogram."""
        variance = (self._weights * (2 * self._log_scales).exp()).sum()
        return variance.sqrt().expand(self._mean.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, (B,), in nats."""
        errors = (value - self._mean).square().sum(self._group, keepdim=True).unsqueeze(-1)
        size = math.prod(self.event_shape[d] for d in self._group)
        log_density = (
            -0.5 * errors * torch.exp(-2 * self._log_scales)
            - size * (self._log_scales + 0.5 * LOG_TWO_PI)
            + self._weights.log()
        )
        return sum_image(log_density.logsumexp(-1))

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that every value lies between its edges, (B,), in float64.

        Waits for the device.
        """
        terms = [self._log_joint(k, lower, upper)[0] for k in self._bins()]
        return sum_image(torch.stack(terms).logsumexp(0))

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the marginal cdf of each 8-bit value without and with its level.

        Each (B, C, H, W), of images whose every value lies in the range of the bins. The values of
        a group are not independent: they share the variance that was drawn for it, and a variance
        that throws many of them out of the range is rarer within it. Waits for the device.
        """
        mean, scales = wide(self._mean), wide(self._log_scales).exp()
        edges = torch.stack(bin_edges(x))
        start, end = (torch.full_like(mean, edge) for edge in RANGE)
        inside = {k: self._log_joint(k, start, end) for k in self._bins()}
        total = torch.stack([joint for joint, _ in inside.values()]).logsumexp(0)
        cdf = torch.zeros_like(edges)
        for k, (joint, each) in inside.items():
            first, at = (torch.special.ndtr((e - mean) / scales[k]) for e in (start, edges))
            cdf += (joint - total - each).exp() * (at - first)
        below, above = cdf.clamp(0, 1).unbind()
        level = to_levels(x)
        return torch.where(level == 0, 0.0, below), torch.where(level == LEVELS - 1, 1.0, above)

    def _bins(self) -> list[int]:
        """Return the bins of the histogram that have a weight. Waits for the device."""
        bins: list[int] = self._weights.nonzero().flatten().tolist()
        return bins

    def _log_joint(self, k: int, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """Return ln(pi_k P(the group between its edges | k)), a group, and ln P of each value."""
        masses = log_gaussian_mass(lower, upper, self._mean, wide(self._log_scales[k]).exp())
        return masses.sum(self._group, keepdim=True) + wide(self._weights[k]).log(), masses

    def _draw(self, shape: torch.Size) -> Tensor:
        groups = list(shape)
        for dimension in self._group:
            groups[dimension] = 1
        bins = torch.multinomial(self._weights, math.prod(groups), replacement=True)
        scales = self._log_scales[bins].exp().reshape(groups)
        noise = torch.randn(shape, dtype=self._mean.dtype, device=self._mean.device)
        return self._mean + scales * noise

"""Distributions over images: batch shape (B,), event shape (C, H, W), built without validation.

They need fewer passes over memory than `torch.distributions.Independent`, and have exact masses of
8-bit images.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import (
    RANGE,
    Function,
    Mass,
    bin_edges,
    levels_of_cdf,
    log_gaussian_mass,
    wide,
)

IMAGE: Final = (-3, -2, -1)  # the dimensions of an image: channels, height, width
LOG_TWO_PI: Final = math.log(2 * math.pi)
ONE_LEVEL: Final = STEP * (1 + 1e-9)  # the width of a bin, and of what rounding makes of it
NOTHING: Final = 40.0  # nats below the largest term of a sum from which one changes no digit


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


class Density(NamedTuple):
    """A density of values, of location 0 and scale 1: p(z) = e^(-error(z) / power) / constant.

    The error is |z|^power: of absolute errors a Laplace, of squared ones a Gaussian. So the mean
    error of values is the most likely scale^power of theirs.
    """

    power: int
    error: Function
    log_constant: float
    stddev: float
    cdf: Function
    draw: Callable[[torch.Size, Tensor], Tensor]
    """Values of a shape, of the type and on the device of a tensor."""
    log_mass: Mass

    def log_scale(self, mean_error: Tensor) -> Tensor:
        """Return the log of the most likely scale."""
        return mean_error.log() / self.power


GAUSSIAN: Final = Density(
    power=2,
    error=torch.square,
    log_constant=0.5 * LOG_TWO_PI,
    stddev=1.0,
    cdf=torch.special.ndtr,
    draw=lambda shape, like: torch.randn(shape, dtype=like.dtype, device=like.device),
    log_mass=log_gaussian_mass,
)


class ScaledImages(ImageDistribution):
    """Independent values of one density, their log scales shared along any dimensions.

    Their means are (B, C, H, W). The log scale has four dimensions, each 1 or the mean's. Where a
    scale is shared, errors are summed before they are divided by it: one sigma costs two passes
    over the image.
    """

    density: ClassVar[Density]

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
        return (self.density.stddev * self._log_scale.exp()).expand(self._mean.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, (B,), in nats."""
        power = self.density.power
        errors = self.density.error(value - self._mean)
        if self._shared:
            errors = errors.sum(self._shared, keepdim=True)
        precision = torch.exp(-power * self._log_scale)
        constant = self.density.log_constant * self.event_shape.numel()
        return (
            sum_image(-1 / power * precision * errors - self._copies * self._log_scale) - constant
        )

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that every value lies between its edges, (B,), in float64."""
        return sum_image(
            self.density.log_mass(lower, upper, self._mean, wide(self._log_scale).exp())
        )

    def cdf(self, value: Tensor) -> Tensor:
        """Return the cdf of each value, (B, C, H, W), in float64."""
        return self.density.cdf((value - wide(self._mean)) / wide(self._log_scale).exp())

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level, each (B, C, H, W)."""
        return levels_of_cdf(self.cdf, x)

    def _draw(self, shape: torch.Size) -> Tensor:
        return self._mean + self._log_scale.exp() * self.density.draw(shape, self._mean)


class GaussianImages(ScaledImages):
    """Independent Gaussians."""

    density = GAUSSIAN


class ScaleMixture(ImageDistribution):
    """Values of one density whose scale is drawn from a histogram, once for each group of them.

    p(x) = product over the groups g of sum_k pi_k p(x_g; mean_g, scale_k). With the whole image as
    one group it is the density of a decoder whose scale belongs to the image.

    Args:
        density: of a value.
        mean: (B, C, H, W).
        weights: pi, (K,), summing to one; a bin of weight zero costs no log mass.
        log_scales: ln scale, (K,).
        group: the dimensions of the image that share one scale.
    """

    def __init__(
        self,
        density: Density,
        mean: Tensor,
        weights: Tensor,
        log_scales: Tensor,
        group: tuple[int, ...],
    ) -> None:
        super().__init__(mean)
        self._density = density
        self._mean = mean
        self._weights = weights
        self._log_scales = log_scales
        self._group = group

    @property
    def mean(self) -> Tensor:
        """The means, (B, C, H, W), whatever the scale."""
        return self._mean

    @property
    def stddev(self) -> Tensor:
        """The standard deviations, (B, C, H, W), over all bins of the histogram."""
        variance = (self._weights * (2 * self._log_scales).exp()).sum()
        return (self._density.stddev * variance.sqrt()).expand(self._mean.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of images, (B,), in nats."""
        power = self._density.power
        errors = self._density.error(value - self._mean).sum(self._group, keepdim=True)
        size = math.prod(self.event_shape[d] for d in self._group)
        log_density = (
            -1 / power * errors.unsqueeze(-1) * torch.exp(-power * self._log_scales)
            - size * (self._log_scales + self._density.log_constant)
            + self._weights.log()
        )
        return sum_image(log_density.logsumexp(-1))

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that every value lies between its edges, (B,), in float64.

        Of each image the likeliest bins of the histogram first, by a bound, until those that are
        left are nothing beside them. Where all means lie between their edges, a wider scale leaves
        less between them: there the narrowest come first, and bound all that follow. Waits for the
        device.
        """
        present = self._weights.nonzero().flatten()
        if len(present) < len(self._weights):
            return self._of(present).log_interval_mass(lower, upper)
        lower, upper, mean = torch.broadcast_tensors(lower, upper, self._mean)
        bounds, order, inside = self._in_order(lower, upper)
        log_weights = wide(self._weights).log()
        best, terms = torch.full_like(bounds[..., 0], -math.inf), []
        narrower = torch.zeros_like(best)  # ln P of a narrower scale, where all means are inside
        left, weights_left = (_largest_left(each) for each in (bounds, log_weights[order]))
        for k, (bound, bins) in enumerate(zip(bounds.unbind(-1), order.unbind(-1), strict=True)):
            limit = bound.minimum(narrower + log_weights[bins])
            images = (limit > best - NOTHING).flatten(1).any(1).nonzero().flatten()
            if not len(images):
                rest = left[..., k].minimum(narrower + weights_left[..., k])
                if not (rest > best - NOTHING).any():
                    break
                continue
            parts = (each[images] for each in (bins, lower, upper, mean))
            joint = self._log_joint(*parts)[0]
            terms.append(torch.full_like(best, -math.inf).index_put((images,), joint))
            best = best.maximum(terms[-1].detach())
            within = torch.where(inside[images], joint.detach() - log_weights[bins[images]], 0.0)
            narrower = narrower.index_put((images,), within)
        return sum_image(torch.stack(terms).logsumexp(0))

    def _of(self, bins: Tensor) -> "ScaleMixture":
        """Return the same mixture of a part of its bins, (k,), with their weights as they are."""
        weights, log_scales = self._weights[bins], self._log_scales[bins]
        return ScaleMixture(self._density, self._mean, weights, log_scales, self._group)

    @torch.no_grad()
    def _in_order(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return bounds of the bins in the order in which they are looked at, and the bins.

        Each (B, groups, K); and of which groups all means lie between their edges, (B, groups).
        """
        inside = ((lower <= self._mean) & (self._mean <= upper)).all(self._group[0], keepdim=True)
        for dimension in self._group[1:]:
            inside = inside.all(dimension, keepdim=True)
        bounds = self._bounds(lower, upper)
        first = torch.where(inside.unsqueeze(-1), -wide(self._log_scales), bounds)
        order = first.argsort(-1, descending=True)
        return bounds.gather(-1, order), order, inside

    def _bounds(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return what ln(pi_k P(the group between its edges | k)) does not exceed, a group and k.

        P <= e^(-error / power / scale^power) of the nearer edge, by Chernoff. The density there
        times the width bounds it too, and more closely where the interval is one level.
        """
        mean, scales, power = wide(self._mean), wide(self._log_scales), self._density.power
        away = (lower - mean).maximum(mean - upper).clamp(min=0)
        errors = self._density.error(away).sum(self._group, keepdim=True)
        narrow = (upper - lower < ONE_LEVEL).sum(self._group, keepdim=True)
        log_height = (math.log(ONE_LEVEL) - scales - self._density.log_constant).clamp(max=0)
        bounds = narrow.unsqueeze(-1) * log_height + wide(self._weights).log()
        return bounds - errors.unsqueeze(-1) / power * torch.exp(-power * scales)

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the marginal cdf of each 8-bit value without and with its level.

        Each (B, C, H, W), of images whose every value lies in the range of the bins. The values of
        a group are not independent: they share the scale that was drawn for it, and a scale that
        throws many of them out of the range is rarer within it. Waits for the device.
        """
        mean, scales = wide(self._mean), wide(self._log_scales).exp()
        edges = torch.stack(bin_edges(x))
        start, end = (torch.full_like(mean, edge) for edge in RANGE)
        bins = self._weights.nonzero().flatten().unbind()
        joints, masses = zip(*(self._log_joint(k, start, end, mean) for k in bins), strict=True)
        total = torch.stack(joints).logsumexp(0)
        cdf = torch.zeros_like(edges)
        for k, joint, each in zip(bins, joints, masses, strict=True):
            if (joint - total).max() < -NOTHING:
                continue
            first, at = (self._density.cdf((e - mean) / scales[k]) for e in (start, edges))
            cdf += (joint - total - each).exp() * (at - first)
        below, above = cdf.clamp(0, 1).unbind()
        level = to_levels(x)
        return torch.where(level == 0, 0.0, below), torch.where(level == LEVELS - 1, 1.0, above)

    def _log_joint(
        self, bins: Tensor, lower: Tensor, upper: Tensor, mean: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return ln(pi_k P(the group between its edges | k)), a group, and ln P of each value.

        The bins k are one of all groups, (), or of each group one.
        """
        scales = wide(self._log_scales)[bins].exp()
        masses = self._density.log_mass(lower, upper, mean, scales)
        return masses.sum(self._group, keepdim=True) + wide(self._weights)[bins].log(), masses

    def _draw(self, shape: torch.Size) -> Tensor:
        groups = list(shape)
        for dimension in self._group:
            groups[dimension] = 1
        bins = torch.multinomial(self._weights, math.prod(groups), replacement=True)
        scales = self._log_scales[bins].exp().reshape(groups)
        return self._mean + scales * self._density.draw(shape, self._mean)


def _largest_left(values: Tensor) -> Tensor:
    """Return the largest from each place of the last dimension on."""
    return values.flip(-1).cummax(-1).values.flip(-1)

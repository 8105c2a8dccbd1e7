"""The contract of a likelihood: a module that returns a distribution over images."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from likelihoods.core.distributions import ImageDistribution
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import wide
from likelihoods.core.options import LikelihoodError

Measure = Literal["density", "mass", "unnormalised"]
Shape = tuple[int, int, int]

CANCELLED: Final = 1e-7
"""Difference of two values of a cdf of which float64 leaves nine digits."""


class Likelihood(nn.Module):
    """p(x | z) of a decoder, as a lazy distribution.

    A subclass states ``measure`` and ``outputs_per_value``, and writes `forward`. Its options are
    keyword arguments of ``__init__(self, shape, *, ...)``.

    Args:
        shape: (C, H, W) of the images.
    """

    measure: Measure = "density"
    """What ``log_prob`` measures. "unnormalised": there is no native likelihood to report."""
    outputs_per_value: int = 1
    """Raw decoder channels for each channel of the image."""
    reference: ClassVar[str] = ""
    """Where the likelihood comes from."""
    family: ClassVar[str] = ""
    """The file that it lives in."""

    name: str
    """The name that it was created by; the class's own until then."""
    options: dict[str, Any]
    """The options in force, defaults included, JSON-able."""

    __call__: Callable[..., Distribution]
    """`forward`, typed."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.family = cls.__module__.rpartition(".")[2]

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.name = type(self).__name__
        self.options = {}

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the distribution of the images.

        Args:
            outputs: raw decoder channels, (B, output_channels, H, W).
            target: the images being fitted, (B, C, H, W); only calibrating likelihoods look at
                them, and only in training mode.

        Returns:
            A distribution with batch shape (B,) and event shape (C, H, W).
        """
        raise NotImplementedError

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, in nats, (B,).

        The mass of a level is that of the bin of width 1/255 around it, and the first and the last
        bin are open, so that the 256 masses of a value sum to one. This default takes differences
        of the distribution's ``cdf``, in float64; of a mass below 1e-7, where they cancel, it takes
        the density instead. Override it for more accuracy in the tails, or where there is no cdf.

        Args:
            outputs: raw decoder channels, (B, output_channels, H, W).
            x: images on the 8-bit grid, (B, C, H, W).
        """
        if self.measure == "mass":
            log_prob: Tensor = self(outputs).log_prob(x)
            return log_prob
        distribution = _values(self(wide(outputs)))
        below, above = _level_cdf(distribution, x)
        mass = above - below
        density = distribution.log_prob(wide(to_levels(x)) * STEP) + math.log(STEP)
        log_mass = torch.where(mass > CANCELLED, mass.clamp(min=CANCELLED).log(), density)
        return log_mass.flatten(1).sum(1).to(x.dtype)

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of all levels below that of each value, and of it included.

        Under the mass of ``log_mass``, of each value by itself: where a likelihood couples the
        values of an image, its marginals. Below level 0 there is probability 0, up to level 255
        there is 1. This default asks the distribution, and of one that is not of this package
        takes the ``cdf`` of its values, in float64. Override it where there is none.

        Args:
            outputs: raw decoder channels, (B, output_channels, H, W).
            x: images on the 8-bit grid, (B, C, H, W).

        Returns:
            below, above: each (B, C, H, W), float64 where the device has it.

        Raises:
            NotImplementedError: the distribution has no cdf.
        """
        distribution = self(outputs)
        if isinstance(distribution, ImageDistribution):
            return distribution.level_cdf(x)
        return _level_cdf(_values(self(wide(outputs))), x)

    @property
    def output_channels(self) -> int:
        """Channels that the decoder has to produce."""
        return self.outputs_per_value * self.shape[0]

    @property
    def kl_weight(self) -> float:
        """Weight of the KL divergence in the training objective."""
        return 1.0

    @property
    def variance(self) -> Tensor | float | None:
        """The present sigma^2 where all values share one, else None."""
        return None

    def stack(self, outputs: Tensor) -> Tensor:
        """Return a view (B, outputs_per_value, C, H, W) of the raw channels, at least float32.

        Raises:
            LikelihoodError: the outputs do not have the shape (B, output_channels, H, W).
        """
        expected = (self.output_channels, *self.shape[1:])
        if outputs.dim() != 4 or tuple(outputs.shape[1:]) != expected:
            raise LikelihoodError(
                f"outputs of shape {tuple(outputs.shape)} do not fit {self.name}: "
                f"expected (B, {', '.join(map(str, expected))}), that is {self.outputs_per_value} "
                f"for each value of an image of shape {self.shape}"
            )
        if outputs.dtype in (torch.float16, torch.bfloat16):
            outputs = outputs.float()  # a grey level is finer than half precision
        return torch.unflatten(outputs, 1, (self.outputs_per_value, self.shape[0]))

    def split(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """Return one view (B, C, H, W) of the raw channels for each output of a value.

        Raises:
            LikelihoodError: the outputs do not have the shape (B, output_channels, H, W).
        """
        return self.stack(outputs).unbind(1)

    def __repr__(self) -> str:
        options = "".join(f", {option}={value!r}" for option, value in self.options.items())
        return f"{self.name}(shape={self.shape}{options})"


def _values(distribution: Distribution) -> Distribution:
    """Return the distribution of the values, of batch shape (B, C, H, W), of one over images."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def _level_cdf(distribution: Distribution, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cdf of values at the lower and at the upper edge of their bins, end bins open."""
    level = to_levels(x)
    centre = wide(level) * STEP
    below, above = (distribution.cdf((centre + side * STEP / 2).clamp(0, 1)) for side in (-1, 1))
    return torch.where(level == 0, 0.0, below), torch.where(level == LEVELS - 1, 1.0, above)

"""The contract of a likelihood: a module that returns a distribution over images."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, Final, Literal, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from likelihoods.core.contract import (
    VALUES_OF_MEASURE,
    check_answer,
    check_distribution,
    check_images,
    check_outputs,
    held_to_contract,
    without_validation,
)
from likelihoods.core.distributions import ImageDistribution, support_of
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import wide
from likelihoods.core.options import LikelihoodError

Measure = Literal["density", "mass", "unnormalised"]
Shape = tuple[int, int, int]
Method = TypeVar("Method", bound=Callable[..., Any])

CANCELLED: Final = 1e-7
"""Difference of two values of a cdf of which float64 leaves nine digits."""


def _of_images(method: Method) -> Method:
    """Let a method of outputs and 8-bit images check both, and what it returns."""

    @wraps(method)
    def checked(self: "Likelihood", outputs: Tensor, x: Tensor) -> Any:
        what = f"{method.__name__} of {self.name}"
        self._check_outputs(outputs)
        batch, device = len(outputs), outputs.device
        check_images(x, what, batch, self.shape, device=device, values="grid")
        found = method(self, outputs, x)
        expected = torch.broadcast_shapes((batch,), (len(x),))
        if isinstance(found, Tensor):
            check_answer(found, expected, what, "; sum over the image")
        return found

    vars(checked)["checks"] = True
    return cast(Method, checked)


class Likelihood(nn.Module):
    """p(x | z) of a decoder, as a lazy distribution.

    A subclass states ``measure`` and ``outputs_per_value``, and writes `forward`. Its options are
    keyword arguments of ``__init__(self, shape, *, ...)``.

    What it is given and what it returns is checked without its doing: shapes, types and devices
    always, values of images (in [0, 1], on the 8-bit grid where a mass is asked for, none nan) on
    the CPU, where looking at them makes nobody wait.

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

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.family = cls.__module__.rpartition(".")[2]
        for name in ("log_mass", "level_cdf"):
            method = getattr(cls, name)
            if not hasattr(method, "checks"):
                setattr(cls, name, _of_images(method))

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.name = type(self).__name__
        self.options = {}

    def __call__(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return what `forward` does, checked; its ``log_prob`` checks the images that it is given.

        Raises:
            LikelihoodError: outputs, target or distribution are not those of the contract.
        """
        self._check_outputs(outputs)
        batch, device = len(outputs), outputs.device
        if target is not None:
            what = f"target of {self.name}"
            check_images(target, what, batch, self.shape, device=device, values="range")
        with without_validation():
            distribution: Distribution = super().__call__(outputs, target)
        check_distribution(distribution, batch, self.shape, self.name)
        values = VALUES_OF_MEASURE.get(self.measure, "any")
        return held_to_contract(distribution, self.name, values, device)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the distribution of the images.

        Args:
            outputs: raw decoder channels, (B, output_channels, H, W).
            target: the images being fitted, (B, C, H, W); only calibrating likelihoods look at
                them, and only in training mode.

        Returns:
            A distribution with batch shape (B,) and event shape (C, H, W).

        Raises:
            NotImplementedError: always, here: it is what every likelihood writes itself.
        """
        raise NotImplementedError(f"forward of {self.name} is not written")

    @_of_images
    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, in nats, (B,).

        The mass of a level is that of the bin of width 1/255 around it, and the first and the last
        bin are open, so that the 256 masses of a value sum to one. This default takes differences
        of the distribution's ``cdf``, in float64; of a mass below 1e-7, where they cancel, it takes
        the density times the part of the bin that is in its support instead. Override it for more
        accuracy in the tails, or where there is no cdf.

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
        centre, (low, high) = wide(to_levels(x)) * STEP, support_of(distribution)
        width = (centre + STEP / 2).minimum(high) - (centre - STEP / 2).maximum(low)
        density = distribution.log_prob(centre) + width.clamp(min=0).log()
        log_mass = torch.where(mass > CANCELLED, mass.clamp(min=CANCELLED).log(), density)
        return log_mass.flatten(1).sum(1).to(x.dtype)

    @_of_images
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
        self._check_outputs(outputs)
        if outputs.dtype in (torch.float16, torch.bfloat16):
            outputs = outputs.float()  # a grey level is finer than half precision
        return torch.unflatten(outputs, 1, (self.outputs_per_value, self.shape[0]))

    def split(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """Return one view (B, C, H, W) of the raw channels for each output of a value.

        Raises:
            LikelihoodError: the outputs do not have the shape (B, output_channels, H, W).
        """
        return self.stack(outputs).unbind(1)

    def _check_outputs(self, outputs: Tensor) -> None:
        check_outputs(outputs, self.name, self.outputs_per_value, self.shape)

    def __repr__(self) -> str:
        options = "".join(f", {option}={value!r}" for option, value in self.options.items())
        return f"{self.name}(shape={self.shape}{options})"


def _values(distribution: Distribution) -> Distribution:
    """Return the distribution of the values, of batch shape (B, C, H, W), of one over images.

    Raises:
        LikelihoodError: it is one over whole images, whose values it does not tell apart.
    """
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    if distribution.event_shape:
        raise LikelihoodError(
            f"{type(distribution).__name__} is a distribution of whole images, so its cdf does not "
            "tell the probability of a grey level: return torch.distributions.Independent(values, "
            "3) of one of values, or write log_mass and level_cdf"
        )
    return distribution


def _level_cdf(distribution: Distribution, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cdf of values at the lower and at the upper edge of their bins, end bins open."""
    level = to_levels(x)
    centre = wide(level) * STEP
    below, above = (distribution.cdf((centre + side * STEP / 2).clamp(0, 1)) for side in (-1, 1))
    return torch.where(level == 0, 0.0, below), torch.where(level == LEVELS - 1, 1.0, above)

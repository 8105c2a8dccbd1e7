"""Checks of what a likelihood receives and of what it returns.

Shapes, types and devices are known without looking at a value, and are checked always. Values are
checked on the CPU alone: reading those of a GPU would make the training loop wait for it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, ClassVar, Final, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints, kl_divergence, register_kl

from likelihoods.core.grid import LEVELS, STEP
from likelihoods.core.options import LikelihoodError

Values = Literal["any", "bins", "range", "grid"]
"""What values of images are allowed: any number, those in the bin of some level, those in [0, 1],
those on the 8-bit grid."""
VALUES_OF_MEASURE: Final[dict[str, Values]] = {
    "density": "any",
    "unnormalised": "range",
    "mass": "grid",
}
OFF_GRID: Final = 0.01  # distance from the grid, in levels, that rounding explains
HALF: Final = (torch.float16, torch.bfloat16)


def check_images(
    x: Tensor,
    what: str,
    batch: int,
    shape: tuple[int, ...],
    *,
    device: torch.device,
    values: Values,
    samples: bool = False,
) -> None:
    """Check images for "log_prob of gaussian", say; a LikelihoodError tells what does not fit.

    They are floats, (B, C, H, W), on the device of the raw outputs. A batch of one broadcasts
    against the ``batch`` that the outputs describe. With ``samples``, dimensions of samples may
    precede the batch, or the batch be left out. Values are checked on the CPU alone.
    """
    batch_fits = x.shape[-4] in (1, batch) or batch == 1 if x.dim() > 3 else samples
    if tuple(x.shape[-3:]) != shape or not batch_fits or (x.dim() > 4 and not samples):
        expected = ", ".join(map(str, (batch, *shape)))
        raise LikelihoodError(
            f"images of shape {tuple(x.shape)} do not fit {what}: "
            f"expected ({'..., ' if samples else ''}{expected})"
        )
    problem = f"images of {x.dtype} do not fit {what}: "
    if not x.is_floating_point():
        raise LikelihoodError(f"{problem}expected floats, levels / 255")
    if x.dtype in HALF:
        raise LikelihoodError(f"{problem}it cannot tell 256 levels, expected float32")
    if x.device != device:
        raise LikelihoodError(f"images on {x.device} do not fit {what}, which is on {device}")
    if x.device.type == "cpu" and x.numel():
        _check_values(x.detach(), what, values)


def _check_values(x: Tensor, what: str, values: Values) -> None:
    low, high = (end.item() for end in x.aminmax())  # both are nan if any value is
    if math.isnan(low):
        raise LikelihoodError(f"images for {what} have values that are nan")
    if values == "any":
        return
    beyond = STEP / 2 if values == "bins" else 0.0
    if low < -beyond - OFF_GRID / LEVELS or high > 1 + beyond + OFF_GRID / LEVELS:
        allowed = "[0, 1], or half a level more" if beyond else "[0, 1]"
        raise LikelihoodError(
            f"images for {what} have values from {low:g} to {high:g}: expected {allowed}"
        )
    if values == "grid":
        levels = x * (LEVELS - 1)
        distances = (levels - levels.round()).abs_()
        worst = int(distances.argmax())
        if (distance := distances.flatten()[worst].item()) > OFF_GRID:
            raise LikelihoodError(
                f"images for {what} have the value {x.flatten()[worst].item():g}, {distance:.2g} "
                "levels off the 8-bit grid: expected k / 255; likelihoods.quantise(x) moves them"
            )


def check_shape(answer: Tensor, expected: torch.Size, what: str, hint: str = "") -> None:
    """Check the shape of a tensor that a likelihood returned; another raises a LikelihoodError."""
    if answer.shape != expected:
        raise LikelihoodError(
            f"{what} has the shape {tuple(answer.shape)}, expected {tuple(expected)}{hint}"
        )


def check_distribution(distribution: object, batch: int, shape: tuple[int, ...], name: str) -> None:
    """Check what a ``forward`` returned: no distribution of images raises a LikelihoodError."""
    problem = f"forward of {name} returned a "
    if not isinstance(distribution, Distribution):
        kind = type(distribution).__name__
        raise LikelihoodError(f"{problem}{kind}, expected a torch.distributions.Distribution")
    shapes = tuple(distribution.batch_shape), tuple(distribution.event_shape)
    if shapes != ((batch,), shape):
        raise LikelihoodError(
            f"{problem}distribution of batch shape {shapes[0]} and event shape {shapes[1]}, "
            f"expected {(batch,)} and {shape}; torch.distributions.Independent(..., n) "
            "makes the last n dimensions the event's"
        )


@contextmanager
def without_validation() -> Iterator[None]:
    """Switch off torch's validation of distributions, which waits for a GPU at each of them.

    For a whole training run or measurement. A distribution that is made with
    ``validate_args=True`` is validated all the same.

    Example:
        >>> import torch
        >>> from likelihoods import without_validation
        >>> with without_validation():
        ...     torch.distributions.Normal(0.0, torch.tensor(-1.0)).scale
        tensor(-1.)
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


class CheckedDistribution(Distribution):
    """A distribution over images whose ``log_prob`` checks its argument and its result.

    All other attributes, such as ``mean``, ``sample`` or ``base_dist``, are those of the
    distribution, of batch shape (B,) and event shape (C, H, W), that the likelihood's author
    returned. The name is that of the likelihood, the device that of the raw outputs. What lacks the
    target to calibrate to has no ``log_prob`` with a gradient.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        distribution: Distribution,
        name: str,
        values: Values,
        device: torch.device,
        lacks_target: bool = False,
    ) -> None:
        super().__init__(distribution.batch_shape, distribution.event_shape, validate_args=False)
        self.distribution = distribution
        self._name = name
        self._values = values
        self._device = device
        self._lacks_target = lacks_target

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density or log mass of images, (..., B), in nats.

        Images that do not fit, a result of another shape, or one with a gradient where the target
        is lacking, raise a LikelihoodError.
        """
        what, shape = f"log_prob of {self._name}", tuple(self.event_shape)
        (batch,) = self.batch_shape
        check_images(
            value, what, batch, shape, device=self._device, values=self._values, samples=True
        )
        log_prob: Tensor = self.distribution.log_prob(value)
        expected = torch.broadcast_shapes(value.shape[:-3], self.batch_shape)
        check_shape(log_prob, expected, what, "; sum over the image")
        if self._lacks_target and log_prob.requires_grad:
            raise LikelihoodError(
                f"{what} cannot be trained without what it calibrates to: give it the images, "
                "likelihood(outputs, target=x), or call eval() to score with what it has kept"
            )
        return log_prob

    def __getattr__(self, name: str) -> Any:
        if name == "distribution":  # while it is unpickled, before it has any attribute
            raise AttributeError(name)
        return getattr(self.distribution, name)

    def __repr__(self) -> str:
        return repr(self.distribution)


# The base class defines these, so that `__getattr__` is not asked for them.
for _name in (
    *("support", "mean", "mode", "variance", "stddev", "has_rsample", "has_enumerate_support"),
    *("sample", "rsample", "cdf", "icdf", "entropy", "enumerate_support", "expand"),
):
    setattr(CheckedDistribution, _name, property(attrgetter(f"distribution.{_name}")))


def _kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Return the KL divergence of the authors' distributions."""
    p, q = (d.distribution if isinstance(d, CheckedDistribution) else d for d in (p, q))
    return kl_divergence(p, q)


register_kl(CheckedDistribution, CheckedDistribution)(_kl_divergence)
register_kl(CheckedDistribution, Distribution)(_kl_divergence)
register_kl(Distribution, CheckedDistribution)(_kl_divergence)

"""Whether a likelihood is asked, and answers, as its contract says.

Shapes, types and devices are known without looking at a value, and are checked always. Values are
looked at on the CPU alone: a look at those of a GPU would make the training loop wait for it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Final, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from likelihoods.core.grid import LEVELS
from likelihoods.core.options import LikelihoodError

Values = Literal["any", "range", "grid"]
"""What values of images are allowed: any number, those in [0, 1], those on the 8-bit grid."""
VALUES_OF_MEASURE: Final[dict[str, Values]] = {
    "density": "any",
    "unnormalised": "range",
    "mass": "grid",
}
OFF_GRID: Final = 0.01
"""Distance from the grid, in levels, that rounding explains."""
HALF: Final = (torch.float16, torch.bfloat16)


def check_outputs(outputs: Tensor, name: str, per_value: int, shape: tuple[int, ...]) -> None:
    """Check raw outputs.

    Args:
        outputs: what is to be (B, per_value * C, H, W), floating.
        name: of the likelihood.
        per_value: outputs of a value.
        shape: (C, H, W) of the images.

    Raises:
        LikelihoodError: the outputs are of another shape or type.
    """
    expected = (per_value * shape[0], *shape[1:])
    if outputs.dim() != 4 or tuple(outputs.shape[1:]) != expected:
        raise LikelihoodError(
            f"outputs of shape {tuple(outputs.shape)} do not fit {name}: "
            f"expected (B, {', '.join(map(str, expected))}), that is {per_value} "
            f"for each value of an image of shape {shape}"
        )
    if not outputs.is_floating_point():
        raise LikelihoodError(f"outputs of {outputs.dtype} do not fit {name}: expected floats")


def check_images(
    x: Tensor,
    what: str,
    batch: int,
    shape: tuple[int, ...],
    *,
    device: torch.device | None = None,
    values: Values = "any",
    samples: bool = False,
) -> None:
    """Check images.

    Args:
        x: what is to be (B, C, H, W); one image may stand for all, or be met by all.
        what: they are for.
        batch: B.
        shape: (C, H, W).
        device: where they belong; None: anywhere.
        values: which are allowed; looked at on the CPU alone.
        samples: whether dimensions of samples may come first, or that of the batch be left out.

    Raises:
        LikelihoodError: the images are of another shape, type or device, or have other values.
    """
    batches = x.shape[-4] in (1, batch) or batch == 1 if x.dim() > 3 else samples
    if tuple(x.shape[-3:]) != shape or not batches or (x.dim() > 4 and not samples):
        expected = ", ".join(map(str, (batch, *shape)))
        raise LikelihoodError(
            f"images of shape {tuple(x.shape)} do not fit {what}: "
            f"expected ({'..., ' if samples else ''}{expected})"
        )
    if not x.is_floating_point():
        raise LikelihoodError(
            f"images of {x.dtype} do not fit {what}: expected floats, levels / 255"
        )
    if x.dtype in HALF:
        raise LikelihoodError(
            f"images of {x.dtype} do not fit {what}: it cannot tell 256 levels, expected float32"
        )
    if device is not None and x.device != device:
        raise LikelihoodError(f"images on {x.device} do not fit {what}, which is on {device}")
    if x.device.type == "cpu" and x.numel():
        _check_values(x.detach(), what, values)


def _check_values(x: Tensor, what: str, values: Values) -> None:
    low, high = (end.item() for end in x.aminmax())  # both nan if any is
    if math.isnan(low):
        raise LikelihoodError(f"images for {what} have values that are nan")
    if values == "any":
        return
    if low < -OFF_GRID / LEVELS or high > 1 + OFF_GRID / LEVELS:
        raise LikelihoodError(
            f"images for {what} have values from {low:g} to {high:g}: expected [0, 1]"
        )
    if values == "grid":
        levels = x * (LEVELS - 1)
        off = (levels - levels.round()).abs_()
        worst = int(off.argmax())
        if (distance := off.flatten()[worst].item()) > OFF_GRID:
            raise LikelihoodError(
                f"images for {what} have the value {x.flatten()[worst].item():g}, {distance:.2g} "
                "levels off the 8-bit grid: expected k / 255; likelihoods.quantise(x) moves them"
            )


def check_answer(found: Tensor, expected: torch.Size, what: str, hint: str = "") -> None:
    """Check the shape of what a likelihood returned.

    Raises:
        LikelihoodError: it is another.
    """
    if found.shape != expected:
        raise LikelihoodError(
            f"{what} has the shape {tuple(found.shape)}, expected {tuple(expected)}{hint}"
        )


def check_distribution(distribution: object, batch: int, shape: tuple[int, ...], name: str) -> None:
    """Check what a ``forward`` returned.

    Raises:
        LikelihoodError: it is no distribution over a batch of images.
    """
    if not isinstance(distribution, Distribution):
        raise LikelihoodError(
            f"forward of {name} returned a {type(distribution).__name__}, "
            "expected a torch.distributions.Distribution"
        )
    found = tuple(distribution.batch_shape), tuple(distribution.event_shape)
    if found != ((batch,), shape):
        raise LikelihoodError(
            f"forward of {name} returned a distribution of batch shape {found[0]} and event shape "
            f"{found[1]}, expected {(batch,)} and {shape}; torch.distributions.Independent(..., n) "
            "makes the last n dimensions the event's"
        )


def held_to_contract(
    distribution: Distribution, name: str, values: Values, device: torch.device
) -> Distribution:
    """Return a distribution whose ``log_prob`` checks what it is given and what it returns.

    It is a shallow copy, so that no cycle of references keeps tensors alive. Torch's own
    validation, which waits for the device, is off in it where its author did not switch it on.

    Args:
        distribution: of batch shape (B,), event shape (C, H, W).
        name: of the likelihood.
        values: which images it is a distribution of.
        device: where it is.
    """
    _switch_off_validation(distribution)
    held = copy(distribution)
    vars(held)["log_prob"] = partial(_log_prob, distribution, name, values, device)
    return held


def _log_prob(
    distribution: Distribution, name: str, values: Values, device: torch.device, value: Tensor
) -> Tensor:
    what, shape = f"log_prob of {name}", tuple(distribution.event_shape)
    (batch,) = distribution.batch_shape
    check_images(value, what, batch, shape, device=device, values=values, samples=True)
    log_prob: Tensor = distribution.log_prob(value)
    expected = torch.broadcast_shapes(value.shape[:-3], distribution.batch_shape)
    check_answer(log_prob, expected, what, "; sum over the image")
    return log_prob


@contextmanager
def without_validation() -> Iterator[None]:
    """Let distributions be made without torch's validation, which waits for the device.

    One with ``validate_args=True`` is validated all the same.
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def _switch_off_validation(distribution: Distribution) -> None:
    """Switch torch's validation off where nobody switched it on, in parts of it likewise."""
    vars(distribution).setdefault("_validate_args", False)
    for part in vars(distribution).values():
        if isinstance(part, Distribution):
            _switch_off_validation(part)

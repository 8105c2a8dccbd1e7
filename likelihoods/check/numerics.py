"""Properties of numerics: gradients, extremes, precision."""

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from likelihoods.check.core import (
    EXTREMES,
    Factory,
    Measurement,
    extreme_outputs,
    images_are,
    largest_difference,
    random_images,
    random_outputs,
    trained,
)
from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.grid import quantise

SHAPE: Shape = (2, 3, 3)
STEP_SIZE: Final = 1e-5
"""Half the distance of two points of a central difference, in float64."""


def gradients(factory: Factory) -> Measurement:
    """Gradients of log_prob and log_mass are those of central differences, in float64.

    To outputs and parameters, in training with the images as target, and in evaluation.
    """
    likelihood = trained(factory, SHAPE).double()
    outputs, x = random_outputs(likelihood, 4).double(), random_images(likelihood, 4).double()
    inputs = [outputs.requires_grad_(), *likelihood.parameters()]
    values: dict[str, tuple[bool, Callable[[], Tensor]]] = {
        "log_prob in training": (True, lambda: likelihood(outputs, x).log_prob(x)),
        "log_prob in evaluation": (False, lambda: likelihood(outputs).log_prob(x)),
        "log_mass": (False, lambda: likelihood.log_mass(outputs, x)),
    }
    worst = (0.0, "")
    for name, (mode, value) in values.items():
        likelihood.train(mode)
        worst = max(worst, *((_slope_error(value, inputs), name) for _ in range(4)))
    return Measurement(worst[0], 1e-5, f"largest relative error of a slope, of {worst[1]}")


def finite_at_extremes(factory: Factory) -> Measurement:
    """In float32, extreme outputs give finite values and gradients, for any image.

    Among the images: black, white, and the one that the decoder predicts; and a batch that is
    predicted without any error.
    """
    likelihood = factory(SHAPE)
    mixed = extreme_outputs(likelihood, 32)
    saturated = torch.full_like(mixed, EXTREMES[0])
    infinite = []
    for kind, outputs, x in (
        ("random images", mixed, random_images(likelihood, 32)),
        ("predicted images", mixed, _predicted(likelihood, mixed)),
        ("a perfect fit", saturated, _predicted(likelihood, saturated)),
    ):
        inputs = [outputs.clone().requires_grad_(), *likelihood.parameters()]
        for mode in (True, False):
            likelihood.train(mode)
            found = images_are(likelihood, inputs[0], x)
            found["log_prob"] = likelihood(inputs[0], x).log_prob(x)
            for name in ("log_prob", "log_mass"):
                slopes = _slopes(found[name], inputs)
                found[f"gradient of {name}"] = torch.cat([slope.flatten() for slope in slopes])
            infinite += [
                f"{name} for {kind} in {'training' if mode else 'evaluation'}"
                for name, value in found.items()
                if not value.isfinite().all()
            ]
    return Measurement(len(infinite), 0, "not finite: " + (", ".join(infinite) or "none"))


def float32_agrees_with_float64(factory: Factory) -> Measurement:
    """Values in float32 are those in float64."""
    likelihood = trained(factory, SHAPE)
    worst = (0.0, "")
    for spread in (1.0, 10.0):
        outputs, x = random_outputs(likelihood, 64, spread), random_images(likelihood, 64)
        single = images_are(likelihood.float(), outputs, x)
        double = images_are(likelihood.double(), outputs.double(), x.double())
        worst = max(worst, largest_difference(single, double))
    return Measurement(worst[0], 2e-5, f"largest relative difference, in {worst[1]}")


def _predicted(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return the images that the outputs predict, on the grid."""
    return quantise(likelihood.eval()(outputs).mean.detach().nan_to_num())


def _slopes(values: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Return the gradients of the sum of ``values``, zero where there are none."""
    if not values.requires_grad:  # a mass need not be differentiable
        return [torch.zeros_like(tensor) for tensor in inputs]
    slopes = torch.autograd.grad(values.sum(), inputs, allow_unused=True)
    return [
        torch.zeros_like(tensor) if slope is None else slope
        for slope, tensor in zip(slopes, inputs, strict=True)
    ]


def _slope_error(value: Callable[[], Tensor], inputs: list[Tensor]) -> float:
    """Return the relative error of the slope of a sum of values along a random direction."""
    values = value()
    if not values.requires_grad:
        return 0.0
    direction = [torch.randn_like(tensor) for tensor in inputs]
    slopes = zip(_slopes(values, inputs), direction, strict=True)
    slope = sum((gradient * along).sum().item() for gradient, along in slopes)
    with torch.no_grad():
        _move(inputs, direction, STEP_SIZE)
        above = value().sum().item()
        _move(inputs, direction, -2 * STEP_SIZE)
        below = value().sum().item()
        _move(inputs, direction, STEP_SIZE)
    difference = (above - below) / (2 * STEP_SIZE)
    error = abs(slope - difference) / max(abs(difference), 1.0)
    return error if math.isfinite(error) else math.inf


def _move(tensors: list[Tensor], direction: list[Tensor], step: float) -> None:
    """Move tensors in place."""
    for tensor, towards in zip(tensors, direction, strict=True):
        tensor.add_(towards, alpha=step)

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
    Skipped,
    evaluated,
    extreme_outputs,
    largest_difference,
    loss_of,
    random_images,
    random_outputs,
    trained,
)
from likelihoods.core.base import Likelihood, Shape, checked_log_mass
from likelihoods.core.grid import quantise

SHAPE: Shape = (2, 3, 3)
STEP_SIZE: Final = 1e-5  # half the distance of two points of a central difference, in float64
SLOPE_ERROR: Final = 1e-5


def gradients(factory: Factory) -> Measurement:
    """Gradients of log_prob and log_mass are those of central differences, in float64.

    To outputs and parameters, in training with the images as target, and in evaluation.
    """
    likelihood = trained(factory, SHAPE).double()
    outputs, x = random_outputs(likelihood, 6).double(), random_images(likelihood, 6).double()
    native, mass = likelihood(outputs).log_prob(x), checked_log_mass(likelihood, outputs, x)
    is_finite = native.isfinite() & mass.isfinite()  # `finite_at_extremes` judges the others
    if not is_finite.any():
        return Measurement(math.inf, SLOPE_ERROR, "there is no slope: no image has a finite value")
    outputs, x = outputs[is_finite].requires_grad_(), x[is_finite]
    inputs: dict[str, Tensor] = {"outputs": outputs, **dict(likelihood.named_parameters())}
    values: dict[str, tuple[bool, Callable[[], Tensor]]] = {
        "log_prob in training": (True, lambda: likelihood(outputs, x).log_prob(x)),
        "log_prob in evaluation": (False, lambda: likelihood(outputs).log_prob(x)),
        "log_mass": (False, lambda: checked_log_mass(likelihood, outputs, x)),
    }
    worst = (0.0, "")
    for name, (mode, value) in values.items():
        likelihood.train(mode)
        for along, tensor in inputs.items():
            error = max(_slope_error(value, tensor) for _ in range(4))
            worst = max(worst, (error, f"{name}, to {along}"))
    return Measurement(worst[0], SLOPE_ERROR, f"largest relative error of a slope: {worst[1]}")


def training_objective(factory: Factory) -> Measurement | Skipped:
    """A reconstruction loss that is not -log_prob trains every output, and towards log_prob.

    It is finite and so is its gradient, for random and for extreme outputs; the gradient reaches
    every raw channel; and a small step against it does not lower log_prob. Its own value may rise
    along such a step where a part of it is taken as constant.
    """
    likelihood, wrong = trained(factory, SHAPE), []
    if type(likelihood).reconstruction_loss is Likelihood.reconstruction_loss:
        return Skipped("it is -log_prob")
    for kind, make in {"random": random_outputs, "extreme": extreme_outputs}.items():
        outputs, x = make(likelihood, 32).requires_grad_(), random_images(likelihood, 32)
        loss = loss_of(likelihood.train(), outputs, x)
        slope = _slopes(loss, [outputs]).view_as(outputs)
        if not (loss.isfinite().all() and slope.isfinite().all()):
            wrong.append(f"it is not finite, or its gradient is not, for {kind} outputs")
        elif kind == "random":
            towards = _slopes(likelihood.eval()(outputs).log_prob(x), [outputs]).view_as(outputs)
            if unreached := (slope == 0).all(-1).all(-1).all(0).nonzero().flatten().tolist():
                wrong.append(f"no gradient reaches the raw channels {unreached}")
            if (slope * towards).sum() > 0:
                wrong.append("a step against its gradient lowers log_prob")
    return Measurement(len(wrong), 0, "; ".join(wrong) or "faults of the objective")


def finite_at_extremes(factory: Factory) -> Measurement:
    """In float32, extreme outputs give finite values and gradients, for any image.

    Among the images: black, white, and the one that the decoder predicts; and a batch that is
    predicted without any error.
    """
    likelihood = factory(SHAPE)
    mixed = extreme_outputs(likelihood, 32)
    saturated = torch.full_like(mixed, EXTREMES[0])
    infinite: list[str] = []
    alone: set[float] = set()
    for kind, outputs, x in (
        ("random images", mixed, random_images(likelihood, 32)),
        ("predicted images", mixed, _predicted(likelihood, mixed)),
        ("a perfect fit", saturated, _predicted(likelihood, saturated)),
    ):
        inputs = [outputs.clone().requires_grad_(), *likelihood.parameters()]
        for mode in (True, False):
            likelihood.train(mode)
            values = evaluated(likelihood, inputs[0], x, target=x)
            for name in ("log_mass", "log_prob"):
                values[f"gradient of {name}"] = _slopes(values[name], inputs)
            for name, value in values.items():
                bad = ~value.isfinite()
                if bad.any():
                    infinite.append(f"{name} for {kind} in {'training' if mode else 'evaluation'}")
                if outputs is mixed and len(value) == len(mixed):
                    images = bad.flatten(1).any(1) if bad.dim() > 1 else bad
                    alone |= {extreme for i, extreme in enumerate(EXTREMES) if images[i]}
    return Measurement(len(infinite), 0, _not_finite(infinite, alone))


def _not_finite(infinite: list[str], alone: set[float]) -> str:
    if not infinite:
        return "values or gradients that are not finite"
    more = f" and {len(infinite) - 3} more" if len(infinite) > 3 else ""
    where = " or ".join(f"{extreme:g}" for extreme in sorted(alone))
    detail = f"not finite: {', '.join(infinite[:3])}{more}"
    return f"{detail}; also where all outputs are {where}" if where else detail


def float32_agrees_with_float64(factory: Factory) -> Measurement:
    """Values in float32 are those in float64."""
    likelihood = trained(factory, SHAPE)
    worst = (0.0, "")
    for spread in (1.0, 10.0):
        outputs, x = random_outputs(likelihood, 64, spread), random_images(likelihood, 64)
        single = evaluated(likelihood.float(), outputs, x)
        double = evaluated(likelihood.double(), outputs.double(), x.double())
        worst = max(worst, largest_difference(single, double))
    return Measurement(worst[0], 2e-5, f"largest relative difference, in {worst[1]}")


def _predicted(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return the images that the outputs predict, on the grid."""
    return quantise(likelihood.eval()(outputs).mean.detach().nan_to_num())


def _slopes(values: Tensor, inputs: list[Tensor]) -> Tensor:
    """Return the gradients of the sum of ``values``, flat, zero where there are none."""
    if not values.requires_grad:  # a mass need not be differentiable
        return torch.cat([torch.zeros_like(tensor).flatten() for tensor in inputs])
    slopes = torch.autograd.grad(values.sum(), inputs, allow_unused=True, materialize_grads=True)
    return torch.cat([slope.flatten() for slope in slopes])


def _slope_error(value: Callable[[], Tensor], tensor: Tensor) -> float:
    """Return the relative error of the slope of a sum of values along a random direction."""
    values = value()
    if not values.requires_grad:
        return 0.0
    direction = torch.randn_like(tensor)
    slope = (_slopes(values, [tensor]).view_as(direction) * direction).sum().item()
    with torch.no_grad():
        tensor.add_(direction, alpha=STEP_SIZE)
        above = value().sum().item()
        tensor.add_(direction, alpha=-2 * STEP_SIZE)
        below = value().sum().item()
        tensor.add_(direction, alpha=STEP_SIZE)
    difference = (above - below) / (2 * STEP_SIZE)
    error = abs(slope - difference) / max(abs(difference), 1.0)
    return error if math.isfinite(error) else math.inf

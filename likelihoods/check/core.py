"""What the properties of the kit have in common: their result, their likelihoods, their inputs."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.grid import LEVELS, STEP

Factory = Callable[[Shape], Likelihood]
"""Makes a fresh likelihood for images of a shape (C, H, W)."""

ONE_VALUE: Shape = (1, 1, 1)
"""The smallest image: all its 256 values can be listed, whatever the likelihood couples."""
EXTREMES = (-1e4, -30.0, 0.0, 30.0, 1e4)
"""Raw outputs that a decoder may reach and no formula should mind."""


@dataclass(frozen=True)
class Measurement:
    """What a property found: it holds if ``number`` is not above ``limit``."""

    number: float
    limit: float
    detail: str


@dataclass(frozen=True)
class Skipped:
    """Why a property could not be checked here, or does not apply."""

    reason: str


Property = Callable[[Factory], Measurement | Skipped]


@dataclass(frozen=True)
class Result:
    """The outcome of one property for one likelihood."""

    property: str
    passed: bool | None
    """None: not run; ``detail`` says why."""
    number: float
    """What was measured; nan where nothing was."""
    limit: float
    """What ``number`` may be at most."""
    detail: str

    def __str__(self) -> str:
        verdict = {True: "pass", False: "FAIL", None: "skip"}[self.passed]
        measured = "" if math.isnan(self.number) else f" {self.number:.3g} (limit {self.limit:g})"
        return f"{verdict}  {self.property}:{measured} {self.detail}"


def check(name: str, function: Property, factory: Factory) -> Result:
    """Check one property; random numbers are seeded, and the caller's stay as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            found = function(factory)
        except Exception as error:  # the kit reports on code that it does not know
            message = f"{type(error).__name__}: {error}".splitlines()[0]
            return Result(name, False, math.nan, math.nan, message)
    if isinstance(found, Skipped):
        return Result(name, None, math.nan, math.nan, found.reason)
    passed = found.number <= found.limit  # False for nan
    return Result(name, passed, found.number, found.limit, found.detail)


def random_outputs(likelihood: Likelihood, batch: int, spread: float = 2.0) -> Tensor:
    """Return normal raw outputs, (B, output_channels, H, W)."""
    return spread * torch.randn(batch, likelihood.output_channels, *likelihood.shape[1:])


def extreme_outputs(likelihood: Likelihood, batch: int) -> Tensor:
    """Return raw outputs mixed of `EXTREMES`, the first few images of one of them each."""
    values = torch.tensor(EXTREMES)
    shape = (batch, likelihood.output_channels, *likelihood.shape[1:])
    outputs = values[torch.randint(len(values), shape)]
    outputs[: len(values)] = values.view(-1, 1, 1, 1)[:batch]
    return outputs


def random_images(likelihood: Likelihood, batch: int) -> Tensor:
    """Return images of uniformly random levels, the first black and the second white."""
    images = torch.randint(LEVELS, (batch, *likelihood.shape)) * STEP
    images[0], images[1] = 0, 1
    return images


def trained(factory: Factory, shape: Shape) -> Likelihood:
    """Return a likelihood in evaluation mode that has seen some batches in training."""
    likelihood = factory(shape).train()
    for _ in range(8):
        likelihood(random_outputs(likelihood, 16), random_images(likelihood, 16))
    return likelihood.eval()


def levels(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the 256 images of one value, (256, 1, 1, 1)."""
    return (torch.arange(LEVELS, dtype=dtype) * STEP).view(-1, *ONE_VALUE)


def log_masses(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return the log masses of all levels of images of one value, (B, 256)."""
    x = levels(outputs.dtype).repeat(len(outputs), 1, 1, 1)
    return likelihood.log_mass(outputs.repeat_interleave(LEVELS, 0), x).view(-1, LEVELS)


def images_are(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Return everything that evaluation asks of a likelihood, by name."""
    distribution = likelihood(outputs)
    found = {
        "log_prob": distribution.log_prob(x),
        "log_mass": likelihood.log_mass(outputs, x),
        "mean": distribution.mean,
    }
    with suppress(NotImplementedError):  # there need not be one
        found["level_cdf"] = torch.stack(likelihood.level_cdf(outputs, x), -1)
    return found


def largest_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[float, str]:
    """Return the largest difference, relative where values exceed one, and where it is.

    A value that is not finite counts as infinitely far.
    """
    worst = (0.0, "all")
    for name, value in expected.items():
        expectation = value.detach().double().cpu()
        difference = (found[name].detach().double().cpu() - expectation).abs()
        relative = (difference / expectation.abs().clamp(min=1)).nan_to_num(nan=math.inf)
        worst = max(worst, (relative.max().item(), name))
    return worst

"""What the properties of the kit have in common: their result, their likelihoods, their inputs."""

import builtins
import math
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.grid import LEVELS, STEP
from likelihoods.core.options import described

Factory = Callable[[Shape], Likelihood]
"""Makes a fresh likelihood for images of a shape (C, H, W)."""

ONE_VALUE: Shape = (1, 1, 1)
"""The smallest image: all its 256 values can be listed, whatever the likelihood couples."""
EXTREMES = (-1e4, -30.0, 0.0, 30.0, 1e4)
"""Raw outputs that a decoder may reach and no formula should mind."""


NOT_AUTHORS: Final = (
    Path(__file__).resolve().parent,
    Path(__file__).resolve().parent.parent / "core",
    Path(torch.__file__).resolve().parent,
)
"""Folders of code that is not a likelihood's own."""


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


@dataclass(frozen=True)
class Note:
    """A number that has no limit, and what it says."""

    number: float
    detail: str


Property = Callable[[Factory], Measurement | Skipped | Note]

Outcome = Literal["pass", "FAIL", "skip", "note"]
"""Of a property: it holds; it does not; it was not run, or does not apply; it only informs."""


@dataclass(frozen=True)
class Result:
    """The outcome of one property for one likelihood."""

    property: str
    outcome: Outcome
    number: float
    """What was measured; nan where nothing was."""
    limit: float
    """What ``number`` may be at most; nan where there is no limit."""
    detail: str
    """What the number is, or why there is none."""

    @builtins.property  # the name is a field here
    def passed(self) -> bool | None:
        """Whether the property holds; None: it was not run, or only informs."""
        return {"pass": True, "FAIL": False}.get(self.outcome)

    def __str__(self) -> str:
        limit = "" if math.isnan(self.limit) else f" (limit {self.limit:g})"
        measured = "" if math.isnan(self.number) else f" {self.number:.3g}{limit}"
        return f"{self.outcome}  {self.property}:{measured} {self.detail}"


def check(name: str, function: Property, factory: Factory) -> Result:
    """Check one property; random numbers are seeded, and the caller's stay as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            found = function(factory)
        except Exception as error:  # the kit reports on code that it does not know
            return Result(name, "FAIL", math.nan, math.nan, located(error))
    if isinstance(found, Skipped):
        return Result(name, "skip", math.nan, math.nan, found.reason)
    if isinstance(found, Note):
        return Result(name, "note", found.number, math.nan, found.detail)
    if math.isnan(found.number):  # no number is not a good one
        found = Measurement(math.inf, found.limit, found.detail)
    outcome: Outcome = "pass" if found.number <= found.limit else "FAIL"
    return Result(name, outcome, found.number, found.limit, found.detail)


def located(error: Exception) -> str:
    """Return an exception in one line, with the last place in an author's code that led to it."""
    message = described(error)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if path.is_file() and not any(folder in path.parents for folder in NOT_AUTHORS):
            if path.is_relative_to(Path.cwd()):
                path = path.relative_to(Path.cwd())
            return f"{message} ({path}:{frame.lineno}, in {frame.name})"
    return message


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
    """Return the log masses of all levels of images of one value, (B, 256).

    In a batch of its own for each output: whether images see each other is another property's
    question.
    """
    x = levels(outputs.dtype)
    return torch.stack([likelihood.log_mass(one, x) for one in batches_of(outputs)])


def batches_of(outputs: Tensor, copies: int = LEVELS) -> list[Tensor]:
    """Return a batch (copies, channels, H, W) for each of the outputs (B, channels, H, W)."""
    return [one.expand(copies, *one.shape) for one in outputs]


def images_are(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Return everything that evaluation asks of a likelihood, by name."""
    distribution = likelihood(outputs)
    found = {
        "log_prob": distribution.log_prob(x),
        "log_mass": likelihood.log_mass(outputs, x),
        "mean": distribution.mean,
    }
    with suppress(NotImplementedError):  # there need not be one; its own property says so
        found["level_cdf"] = torch.stack(likelihood.level_cdf(outputs, x), -1)
    return found


def largest_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[float, str]:
    """Return the largest difference, relative where values exceed one, and where it is.

    Values that are not finite are alike if they are the same, and infinitely far from all others:
    whether they should be finite is another property's question.
    """
    worst = (0.0, "all")
    for name, value in expected.items():
        values, expectation = (v.detach().double().cpu() for v in (found[name], value))
        relative = (values - expectation).abs() / expectation.abs().clamp(min=1)
        same = (values == expectation) | (values.isnan() & expectation.isnan())
        relative = relative.nan_to_num(nan=math.inf).masked_fill(same, 0)
        worst = max(worst, (relative.max().item(), name))
    return worst

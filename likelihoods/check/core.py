"""What the properties of the kit share: results, likelihoods and inputs."""

import builtins
import math
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from likelihoods.core.base import (
    Likelihood,
    Shape,
    checked_level_cdf,
    checked_log_mass,
    checked_reconstruction_loss,
)
from likelihoods.core.contract import without_validation
from likelihoods.core.grid import LEVELS, STEP
from likelihoods.core.options import described

Factory = Callable[[Shape], Likelihood]  # makes a fresh likelihood for images of a shape (C, H, W)

ONE_VALUE: Shape = (1, 1, 1)
"""The smallest image: all 256 of them can be listed, even if a likelihood couples values."""
EXTREMES = (-1e4, -30.0, 0.0, 30.0, 1e4)
"""Raw outputs that a decoder may reach, for which every formula should stay finite."""

_HERE: Final = Path(__file__).resolve().parent
FOREIGN: Final = (_HERE, _HERE.parent / "core", Path(torch.__file__).resolve().parent)
"""Folders whose code is not the author's of a likelihood."""


class Measurement(NamedTuple):
    """The measurement of a property, which holds if ``number`` is not above ``limit``."""

    number: float
    limit: float
    detail: str


class Skipped(NamedTuple):
    """Why a property could not be checked here, or does not apply."""

    reason: str


class Note(NamedTuple):
    """A number without a limit, and what it means."""

    number: float
    detail: str


Answer = Measurement | Skipped | Note
Property = Callable[[Factory], Answer]
Made = TypeVar("Made")

Outcome = Literal["pass", "FAIL", "skip", "note"]  # skip: not run, or does not apply


@dataclass(frozen=True)
class Result:
    """The outcome of one property for one likelihood."""

    property: str
    outcome: Outcome
    number: float  # the measured one; nan where there is none
    limit: float  # the greatest number that passes; nan where there is no limit
    detail: str  # what the number is, or why there is none

    @builtins.property  # the name is a field here
    def passed(self) -> bool | None:
        """Whether the property holds; None: it was not run, or only informs."""
        return {"pass": True, "FAIL": False}.get(self.outcome)

    def __str__(self) -> str:
        limit = "" if math.isnan(self.limit) else f" (limit {self.limit:g})"
        measured = "" if math.isnan(self.number) else f" {self.number:.3g}{limit}"
        return f"{self.outcome}  {self.property}:{measured} {self.detail}"


def check(name: str, function: Callable[[Made], Answer], factory: Made) -> Result:
    """Check one property, with its own random seed and without torch's validation.

    The caller's random state is kept.
    """
    with torch.random.fork_rng(devices=[]), without_validation():
        torch.manual_seed(0)
        try:
            answer = function(factory)
        except (Exception, SystemExit) as error:  # a likelihood may raise anything
            return Result(name, "FAIL", math.nan, math.nan, located(error))
    if isinstance(answer, Skipped):
        return Result(name, "skip", math.nan, math.nan, answer.reason)
    if isinstance(answer, Note):
        return Result(name, "note", answer.number, math.nan, answer.detail)
    number = math.inf if math.isnan(answer.number) else answer.number  # nan never passes
    outcome: Outcome = "pass" if number <= answer.limit else "FAIL"
    return Result(name, outcome, number, answer.limit, answer.detail)


def located(error: BaseException) -> str:
    """Return an exception in one line, with the last line of the author's code that led to it."""
    message = described(error)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if path.is_file() and not any(folder in path.parents for folder in FOREIGN):
            if path.is_relative_to(Path.cwd()):
                path = path.relative_to(Path.cwd())
            return f"{message} ({path}:{frame.lineno}, in {frame.name})"
    return message


def random_outputs(likelihood: Likelihood, batch: int, spread: float = 2.0) -> Tensor:
    """Return normal raw outputs, (B, output_channels, H, W)."""
    return spread * torch.randn(batch, likelihood.output_channels, *likelihood.shape[1:])


def extreme_outputs(likelihood: Likelihood, batch: int) -> Tensor:
    """Return raw outputs drawn from `EXTREMES`; the first images have the same one everywhere."""
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
        loss_of(likelihood, random_outputs(likelihood, 16), random_images(likelihood, 16))
    return likelihood.eval()


def loss_of(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> Tensor:
    """Return the reconstruction loss of images that are fitted, (B,)."""
    return checked_reconstruction_loss(likelihood, likelihood(outputs, x), x)


def levels(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the 256 images of one value, (256, 1, 1, 1)."""
    return (torch.arange(LEVELS, dtype=dtype) * STEP).view(-1, *ONE_VALUE)


def log_masses(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return the log masses of all levels of images of one value, (B, 256).

    Each output has a batch of its own: that images do not depend on others is for `no_peeking`.
    """
    x = levels(outputs.dtype)
    return torch.stack([checked_log_mass(likelihood, batch, x) for batch in batches_of(outputs)])


def batches_of(outputs: Tensor, copies: int = LEVELS) -> list[Tensor]:
    """Return a batch (copies, channels, H, W) for each of the outputs (B, channels, H, W)."""
    return [one.expand(copies, *one.shape) for one in outputs]


def evaluated(
    likelihood: Likelihood, outputs: Tensor, x: Tensor, target: Tensor | None = None
) -> dict[str, Tensor]:
    """Return everything that an evaluation computes from a likelihood, by name."""
    distribution = likelihood(outputs, target)
    values = {
        "log_prob": distribution.log_prob(x),
        "log_mass": checked_log_mass(likelihood, outputs, x),
        "mean": distribution.mean,
    }
    with suppress(NotImplementedError):  # a likelihood may have none
        values["level_cdf"] = torch.stack(checked_level_cdf(likelihood, outputs, x), -1)
    return values


def largest_difference(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[float, str]:
    """Return the largest difference, relative where values exceed one, and where it is.

    Two values that are not finite differ by 0 if they are the same, else by infinity: that they
    should be finite is checked by `finite_at_extremes`.
    """
    worst = (0.0, "all")
    for name in expected:
        a, b = (tensors[name].detach().double().cpu() for tensors in (actual, expected))
        relative = (a - b).abs() / b.abs().clamp(min=1)
        same = (a == b) | (a.isnan() & b.isnan())
        relative = relative.nan_to_num(nan=math.inf).masked_fill(same, 0)
        worst = max(worst, (relative.max().item(), name))
    return worst

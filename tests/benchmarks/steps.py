"""The training steps that are timed, each beside its plain reference where there is one.

`python -m tests.benchmarks.steps` prints the table of docs/performance.md. A line takes some ten
seconds; nothing else should run meanwhile.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from tabulate import tabulate
from torch import Tensor

import likelihoods
from bench import models
from bench.data import Data
from bench.environment import circumstances, environment
from bench.execution.executors.base import configure
from bench.training import Training
from bench.training.step import steps_of
from tests.benchmarks.plain import plain_step

ROUNDS = 8

Step = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One kind of step."""

    name: str
    likelihood: str
    shape: tuple[int, int, int]
    width: int
    batch: int
    model: str = "vae"
    options: dict[str, object] = field(default_factory=dict)
    frames: int | None = None

    def images(self) -> Tensor:
        """Random images uint8 (B, C, H, W), or videos (B, T, C, H, W)."""
        frames = () if self.frames is None else (self.frames,)
        return torch.randint(0, 256, (self.batch, *frames, *self.shape), dtype=torch.uint8)

    def ours(self, precision: str = "float32") -> Step:
        """A step as a run takes it, batch and noise included."""
        images = self.images()
        likelihood = likelihoods.create(self.likelihood, shape=self.shape)
        model = models.create(self.model, likelihood, seed=0, width=self.width, **self.options)
        model.to(memory_format=torch.channels_last)
        model.precision = getattr(torch, precision)
        steps = steps_of(model, Data(images, images, images), self.training(), seed=0)
        model.train()
        numbers = iter(range(10**6))
        return lambda: steps.take(next(numbers))

    def training(self) -> Training:
        """The settings of its training, without an end."""
        optimiser: Literal["adam", "adamax"] = "adamax" if self.model == "hvae" else "adam"
        return Training(batch_size=self.batch, steps=10**6, optimiser=optimiser)

    def plain(self) -> Step | None:
        """The same in plain PyTorch, in float32; None for a model that has no such reference."""
        if self.model != "vae" or self.likelihood not in ("optimal_sigma", "categorical"):
            return None
        images = self.images()
        step = plain_step(self.shape, self.width, categorical=self.likelihood == "categorical")
        return lambda: step(images)


SVG: dict[str, object] = {"backbone": "dcgan", "features": 64, "hidden": 64, "latents": 16}
CASES = (
    Case("published VAE, 28x28x1, width 32, batch 128", "optimal_sigma", (1, 28, 28), 32, 128),
    Case("VAE of `quick`, 32x32x3, width 8, batch 8", "optimal_sigma", (3, 32, 32), 8, 8),
    Case("the same, categorical", "categorical", (3, 32, 32), 8, 8),
    Case("the same, categorical, batch 32", "categorical", (3, 32, 32), 8, 32),
    Case("the same, logistic mixture, batch 8", "logistic_mixture", (3, 32, 32), 8, 8),
    Case(
        "HVAE of `quick`, width 8, batch 16",
        "optimal_sigma",
        (3, 32, 32),
        8,
        16,
        "hvae",
        {"blocks": 1},
    ),
    Case("HVAE, width 32, batch 16", "optimal_sigma", (3, 32, 32), 32, 16, "hvae", {"blocks": 1}),
    Case("SVG-LP of `quick`, batch 4", "optimal_sigma", (1, 64, 64), 8, 4, "svg", SVG, frames=12),
)


def least_milliseconds(steps: dict[str, Step | None]) -> dict[str, float]:
    """The least time of each step, taken in turn so that what disturbs one disturbs all."""
    found = {name: math.nan if step is None else math.inf for name, step in steps.items()}
    with likelihoods.without_validation():
        for _ in range(ROUNDS):
            for name, step in steps.items():
                if step is None:
                    continue
                step()
                started = time.perf_counter()
                step()
                found[name] = min(found[name], 1e3 * (time.perf_counter() - started))
    return found


def main() -> None:
    """Print the table."""
    configure()
    print(circumstances(environment(torch.device("cpu"))), "\n")
    rows = []
    for case in CASES:
        ways = {"plain": case.plain(), "float32": case.ours(), "bfloat16": case.ours("bfloat16")}
        times = least_milliseconds(ways)
        ratios = [times["plain"] / times[name] for name in ("float32", "bfloat16")]
        rows.append([case.name, *times.values(), *ratios])
    headers = ["step", "plain (ms)", "ours (ms)", "bfloat16 (ms)", "plain / ours", "plain / bf16"]
    table = tabulate(
        rows, headers, tablefmt="pipe", floatfmt=("", ".1f", ".1f", ".1f", ".2f", ".2f")
    )
    print(table.replace("nan", "-"))


if __name__ == "__main__":
    main()

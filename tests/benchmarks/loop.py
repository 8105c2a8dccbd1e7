"""Training steps on a device as a run takes them, data included, beside the plain loop.

`python -m tests.benchmarks.loop` takes the GPU where there is one and prints the second table of
docs/performance.md; `... cpu` takes the published VAE alone. Nothing else should run meanwhile.
"""

from __future__ import annotations

import sys
import time

import torch

import likelihoods
from bench import models
from bench.data import Data, on_device
from bench.environment import circumstances, device, environment
from bench.execution.executors.base import configure
from bench.training.step import WARM, ReplayedSteps, Steps
from datasets.core.storage import data_folder
from tests.benchmarks.plain import seconds_of_a_step
from tests.benchmarks.steps import Case

PUBLISHED = Case(
    "VAE, 28x28x1, width 32, batch 128: optimal sigma", "optimal_sigma", (1, 28, 28), 32, 128
)
COLOUR = (3, 32, 32)
ON_A_GPU = (
    Case("the same: categorical", "categorical", (1, 28, 28), 32, 128),
    Case("VAE, 32x32x3, width 32, batch 128: optimal sigma", "optimal_sigma", COLOUR, 32, 128),
    Case("the same: categorical", "categorical", COLOUR, 32, 128),
    Case("the same: logistic mixture", "logistic_mixture", COLOUR, 32, 128),
    Case("the same: Student-t", "student_t", COLOUR, 32, 128),
    Case(
        "HVAE, 32x32x3, width 64, batch 48: optimal sigma", "optimal_sigma", COLOUR, 64, 48, "hvae"
    ),
)
ITEMS = 50_000


def milliseconds(case: Case, form: type[Steps], precision: str, data: Data, count: int) -> float:
    """Mean time of a step in one form, after those before a recording."""
    likelihood = likelihoods.create(case.likelihood, shape=case.shape)
    model = models.create(case.model, likelihood, seed=0, width=case.width, **case.options)
    model.to(data.device)
    model.to(memory_format=torch.channels_last)
    model.precision = getattr(torch, precision)
    steps = form(model, data, case.training(), seed=0)
    model.train()
    with likelihoods.without_validation():
        for step in range(WARM + 1 + count):
            if step == WARM + 1:
                _wait(data.device)
                started = time.perf_counter()
            steps.take(step)
        _wait(data.device)
    return 1e3 * (time.perf_counter() - started) / count


def _wait(on: torch.device) -> None:
    if on.type == "cuda":
        torch.cuda.synchronize(on)


def made_up(case: Case, on: torch.device) -> Data:
    """Random images on a device."""
    images = torch.randint(0, 256, (ITEMS, *case.shape), dtype=torch.uint8, device=on)
    return Data(images, images, images, on)


def main(name: str = "auto") -> None:
    """Print milliseconds of a step, a line for each kind."""
    on = device(name)
    gpu = on.type == "cuda"
    count = 100 if gpu else 6
    print(circumstances(environment(on)), "\n")
    mnist = on_device("mnist", on)  # is fetched if need be
    torch.set_num_threads(1)  # for both
    plain = 1e3 * seconds_of_a_step(on, data_folder(), count, WARM)
    configure()
    forms = {"computed": Steps, "replayed": ReplayedSteps} if gpu else {"computed": Steps}
    ways = {
        f"{word}{', bfloat16' if precision == 'bfloat16' else ''}": (form, precision)
        for word, form in forms.items()
        for precision in ("float32", "bfloat16")
    }
    print_row(["milliseconds a step", "plain", *ways])
    print_row(["---"] * (2 + len(ways)))
    for case in (PUBLISHED, *(ON_A_GPU if gpu else ())):
        data = mnist if case is PUBLISHED else made_up(case, on)
        times = [milliseconds(case, *form, data, count) for form in ways.values()]
        beside = [f"{plain:.2f}" if case is PUBLISHED else ""]
        print_row([case.name, *beside, *(f"{time:.2f}" for time in times)])


def print_row(cells: list[str]) -> None:
    """Print a row of a table as soon as it is known."""
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A training step of the published VAE on MNIST, data included, beside the plain loop.

`python -m tests.benchmarks.loop` takes the GPU where there is one, `... cpu` never. It prints the
first row of the second table of docs/performance.md; nothing else should run meanwhile.
"""

from __future__ import annotations

import sys
import time

import torch

import likelihoods
from bench import models
from bench.data import on_device
from bench.environment import circumstances, device, environment
from bench.execution.executors.base import configure
from bench.training import Training
from bench.training.step import WARM, ReplayedSteps, Steps
from datasets.core.storage import data_folder
from tests.benchmarks.plain import seconds_of_a_step


def seconds(form: type[Steps], on: torch.device, precision: str, count: int) -> float:
    """Mean time of a step in one form, after those before a recording."""
    data = on_device("mnist", on)
    likelihood = likelihoods.create("optimal_sigma", shape=data.shape)
    model = models.create("vae", likelihood, seed=0, width=32, latents=20).to(on)
    model.to(memory_format=torch.channels_last)
    model.precision = getattr(torch, precision)
    steps = form(model, data, Training(batch_size=128, epochs=10), seed=0)
    model.train()
    with likelihoods.without_validation():
        for step in range(WARM + 1 + count):
            if step == WARM + 1:
                _wait(on)
                started = time.perf_counter()
            steps.take(step)
        _wait(on)
    return (time.perf_counter() - started) / count


def _wait(on: torch.device) -> None:
    if on.type == "cuda":
        torch.cuda.synchronize(on)


def main(name: str = "auto") -> None:
    """Print milliseconds of a step, one way a line."""
    on = device(name)
    count = 200 if on.type == "cuda" else 6
    print(circumstances(environment(on)))
    on_device("mnist", on)  # is fetched if need be
    torch.set_num_threads(1)  # for both
    found = {"plain": seconds_of_a_step(on, data_folder(), count, WARM)}
    configure()
    forms = [Steps, ReplayedSteps] if on.type == "cuda" else [Steps]
    for form in forms:
        for precision in ("float32", "bfloat16"):
            found[f"{form.__name__}, {precision}"] = seconds(form, on, precision, count)
    for way, took in found.items():
        print(f"{way}: {1e3 * took:.2f} ms, plain / this {found['plain'] / took:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

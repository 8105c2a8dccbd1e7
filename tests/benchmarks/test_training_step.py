"""Time of a training step, beside the same network written plainly in PyTorch.

Run by `pytest tests/benchmarks --benchmark-only`. Timings are read, never asserted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import likelihoods
from bench.execution.executors.base import configure
from tests.benchmarks.steps import CASES, Case


@pytest.fixture(autouse=True)
def as_in_a_run() -> Iterator[None]:
    """One thread, and memory kept between steps."""
    before = torch.get_num_threads()
    configure()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("way", ["ours", "plain"])
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.plain()], ids=lambda case: case.name
)
def test_step(benchmark: Any, case: Case, way: str) -> None:
    step = case.ours() if way == "ours" else case.plain()
    with likelihoods.without_validation():
        benchmark.pedantic(step, rounds=8, warmup_rounds=2)


@pytest.mark.parametrize("name", likelihoods.names())
def test_log_prob_and_its_gradient(benchmark: Any, name: str) -> None:
    likelihood = likelihoods.create(name, shape=(3, 32, 32)).train()
    x = torch.randint(0, 256, (16, 3, 32, 32)).float() / 255
    outputs = torch.randn(16, likelihood.output_channels, 32, 32, requires_grad=True)

    def work() -> None:
        likelihood(outputs, target=x).log_prob(x).sum().backward()

    benchmark.pedantic(work, rounds=5, warmup_rounds=1)

"""Time of a training step, beside the same network written plainly in PyTorch.

Run by `pytest tests/benchmarks --benchmark-only`. Timings are read, never asserted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import likelihoods
from bench import models, seeds
from bench.data import to_float
from bench.training import Training
from bench.training.step import optimiser, training_step

BATCH, WIDTH, LATENTS, SIDE = 128, 32, 20, 28


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in a run on the CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (BATCH, 1, SIDE, SIDE), dtype=torch.uint8)


def ours(name: str = "optimal_sigma") -> Callable[[torch.Tensor], object]:
    model = models.create(
        "vae", likelihoods.create(name, shape=(1, SIDE, SIDE)), seed=0, width=WIDTH, latents=LATENTS
    ).to(memory_format=torch.channels_last)
    model.train()
    optimizer = optimiser(model, Training(steps=1))
    return lambda data: training_step(model, optimizer, to_float(data), seeds.generator("cpu", 0))


def plain() -> Callable[[torch.Tensor], object]:
    """Nothing but PyTorch's own layers and the loss D/2 ln MSE + KL, as in a tutorial."""
    size = 4 * WIDTH * 49
    encoder = nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, padding=1), nn.ReLU(),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(2 * WIDTH, 4 * WIDTH, 5, stride=2, padding=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(size, 2 * LATENTS),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(LATENTS, size), nn.Unflatten(1, (4 * WIDTH, 7, 7)),
        nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 6, stride=2, padding=2), nn.ReLU(),
        nn.ConvTranspose2d(2 * WIDTH, WIDTH, 6, stride=2, padding=2), nn.ReLU(),
        nn.ConvTranspose2d(WIDTH, 1, 5, padding=2), nn.Sigmoid(),
    )  # fmt: skip
    network = nn.ModuleList([encoder, decoder])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step(data: torch.Tensor) -> object:
        x = data.float() / 255
        mean, log_variance = encoder(x).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        mse = F.mse_loss(decoder(z), x)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        dimensions = x[0].numel()
        loss = 0.5 * dimensions * (mse.log() + 1 + math.log(2 * math.pi)) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


@pytest.mark.parametrize("make", [ours, plain])
def test_step_of_optimal_sigma(
    benchmark: Any, images: torch.Tensor, make: Callable[[], Callable[[torch.Tensor], object]]
) -> None:
    step = make()
    benchmark.pedantic(step, (images,), rounds=8, warmup_rounds=2)
    # Two operations a multiply-add; forward, and twice that backward.
    benchmark.extra_info["GFLOP/s"] = 3 * flops() / benchmark.stats["median"] / 1e9
    benchmark.extra_info["matmul GFLOP/s"] = peak = matmul_rate()
    benchmark.extra_info["share of matmul rate"] = benchmark.extra_info["GFLOP/s"] / peak


@pytest.mark.parametrize("name", likelihoods.names())
def test_log_prob_and_its_gradient(benchmark: Any, name: str) -> None:
    likelihood = likelihoods.create(name, shape=(3, 32, 32)).train()
    x = torch.randint(0, 256, (16, 3, 32, 32)).float() / 255
    outputs = torch.randn(16, likelihood.output_channels, 32, 32, requires_grad=True)

    def work() -> None:
        likelihood(outputs, target=x).log_prob(x).sum().backward()

    benchmark.pedantic(work, rounds=5, warmup_rounds=1)


def flops() -> float:
    """Operations of one forward pass of a batch through all layers."""
    inner = 4 * WIDTH * 49
    each = (
        9 * WIDTH * 784
        + 16 * WIDTH * 2 * WIDTH * 196
        + 25 * 2 * WIDTH * 4 * WIDTH * 49
        + inner * 2 * LATENTS
        + LATENTS * inner
        + 36 * 4 * WIDTH * 2 * WIDTH * 49
        + 36 * 2 * WIDTH * WIDTH * 196
        + 25 * WIDTH * 784
    )
    return 2.0 * BATCH * each


def matmul_rate(size: int = 1024, rounds: int = 5) -> float:
    """What a large matrix product reaches here on one thread, in GFLOP/s."""
    import time

    a, b = torch.randn(size, size), torch.randn(size, size)
    best = math.inf
    for _ in range(rounds):
        started = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9

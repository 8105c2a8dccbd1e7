from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import Tensor

from bench.metrics.latents import active_units, probe_accuracy


def test_active_units_against_numpy() -> None:
    scales = torch.tensor([0.0, 0.05, 0.099, 0.101, 0.3, 1.0, 10.0])
    draws = torch.randn(500, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    draws = (draws - draws.mean(0)) / draws.std(0, correction=0)
    mean = scales * draws + torch.arange(7)  # where a unit lies says nothing
    expected = int((np.var(mean.numpy(), axis=0) > 0.01).sum())
    assert active_units(mean) == expected == 4


def test_small_variance_far_from_zero_is_not_lost() -> None:
    """In float32 the variance of values near 1000 that differ by 0.5 is still theirs."""
    mean = 1000 + 0.25 * torch.tensor([[-1.0], [1.0]]).repeat(50, 1)
    assert active_units(mean) == 1
    assert active_units(torch.full((50, 3), 1000.0)) == 0


def test_codes_that_hold_the_class_give_one() -> None:
    labels = torch.arange(60) % 3
    latents = torch.nn.functional.one_hot(labels).float()
    assert probe_accuracy(latents, labels, latents[:7], labels[:7]) == 1
    # The class of each test item moved on by one: none is right.
    assert probe_accuracy(latents, labels, latents[:7], (labels[:7] + 1) % 3) == 0


def test_codes_that_say_nothing_give_chance() -> None:
    generator = torch.Generator().manual_seed(0)
    latents, test_latents = (torch.randn(1000, 5, generator=generator) for _ in range(2))
    labels = torch.arange(1000) % 4
    assert (
        abs(probe_accuracy(latents, labels, test_latents, labels) - 0.25) < 4 * (0.19 / 1000) ** 0.5
    )
    constant = torch.zeros(1000, 5)
    assert probe_accuracy(constant, labels, constant, labels) == pytest.approx(0.25)


def test_the_scale_of_a_unit_does_not_matter() -> None:
    flowers = load_iris()
    latents, labels = torch.from_numpy(flowers.data), torch.from_numpy(flowers.target)
    parts = latents[::2], labels[::2], latents[1::2], labels[1::2]
    plain = probe_accuracy(*parts)
    scale = torch.tensor([1e-3, 1.0, 1e3, 7.0])
    assert probe_accuracy(parts[0] * scale - 5, parts[1], parts[2] * scale - 5, parts[3]) == plain
    assert 0.9 < plain < 1
    assert probe_accuracy(*parts) == plain


@pytest.mark.parametrize(
    ("latents", "labels", "message"),
    [
        (torch.zeros(3), torch.arange(3), r"latents must be \(N, L\) with N > 0, not \(3,\)"),
        (torch.zeros(0, 2), torch.arange(0), r"latents must be \(N, L\) with N > 0, not \(0, 2\)"),
        (torch.full((3, 1), torch.inf), torch.arange(3), "latents must be finite"),
        (torch.zeros(3, 2), torch.arange(4), r"3 latents do not fit labels \(4,\)"),
        (torch.zeros(3, 2), torch.zeros(3), "labels of two classes or more"),
    ],
)
def test_what_does_not_fit_is_refused(latents: Tensor, labels: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        probe_accuracy(latents, labels, latents, labels)

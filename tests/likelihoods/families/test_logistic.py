"""Discretised mixture of logistics against scipy and against the sum over all levels."""

from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

import likelihoods
from likelihoods.families.logistic import mean_logistic_level

stats: Any = scipy.stats  # typed the same with and without scipy-stubs


def test_log_prob_against_scipy() -> None:
    torch.manual_seed(0)
    shape, k = (3, 2, 2), 4
    outputs = torch.randn(6, 3 * k * 3, 2, 2).double()
    outputs[:, 2 * k * 3 :] -= 3  # narrower logistics, so that tails are reached
    levels = torch.randint(256, (6, *shape))
    levels[0], levels[1] = 0, 255
    logits, location, log_scale = outputs.view(6, 3, k, *shape).numpy().transpose(1, 0, 2, 3, 4, 5)
    # In the unit of the reference: images in [-1, 1], bins of width 2/255.
    scale = np.exp(np.maximum(log_scale, -7))
    level = levels.numpy()[:, None]
    below = np.where(level == 0, -np.inf, ((2 * level - 1) / 255 - 1 - location) / scale)
    above = np.where(level == 255, np.inf, ((2 * level + 1) / 255 - 1 - location) / scale)
    # Mirrored where the bin is above the location, for the sake of scipy's accuracy.
    mirrored = below + above > 0
    low, high = np.where(mirrored, -above, below), np.where(mirrored, -below, above)
    mass = stats.logistic.cdf(high) - stats.logistic.cdf(low)
    weights = scipy.special.softmax(logits, 1)
    expected = np.log((weights * mass).sum(1)).sum((1, 2, 3))
    found = likelihoods.create("logistic_mixture", shape, components=k)(outputs)
    np.testing.assert_allclose(found.log_prob(levels / 255).numpy(), expected, rtol=1e-6)


def test_far_tails_are_exact() -> None:
    # One component at black with the least scale: the tail falls by e^(-1 / scale) a level.
    likelihood = likelihoods.create("logistic_mixture", (1, 1, 1), components=1)
    outputs = torch.tensor([0.0, -1.0, -50.0]).view(1, 3, 1, 1)
    levels = torch.tensor([100, 101]).view(2, 1, 1, 1)
    masses = likelihood(outputs.expand(2, 3, 1, 1)).log_prob(levels / 255)
    per_level = 2 / 255 * np.exp(7)
    assert masses[0] < -800
    assert (masses[0] - masses[1]).item() == pytest.approx(per_level, rel=1e-4)


@pytest.mark.parametrize("scale", [0.1163, 0.3, 0.499, 0.501, 1.0, 20.0, 1000.0])
def test_mean_is_the_sum_over_levels_to_a_hundredth_of_a_level(scale: float) -> None:
    location = torch.linspace(-20, 275, 2951)
    edges = torch.arange(255) + 0.5
    expected = torch.sigmoid((location[:, None] - edges).double() / scale).sum(1)
    found = mean_logistic_level(location, torch.tensor(scale)).double()
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01)


def test_components_set_the_outputs() -> None:
    assert likelihoods.create("logistic_mixture", (3, 2, 2)).output_channels == 90
    assert likelihoods.create("logistic_mixture", (3, 2, 2), components=2).output_channels == 18

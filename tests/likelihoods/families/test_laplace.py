"""Laplace against scipy and against closed forms of its masses."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

import likelihoods
from likelihoods.families.laplace import log_cdf

stats: Any = scipy.stats  # typed the same with and without scipy-stubs

SHAPE = (2, 3, 3)


def test_log_prob_against_scipy() -> None:
    torch.manual_seed(0)
    outputs, levels = 2 * torch.randn(4, 4, 3, 3), torch.randint(256, (4, *SHAPE))
    location, log_scale = outputs.double().numpy().reshape(4, 2, *SHAPE).swapaxes(0, 1)
    scale = np.exp(-6 + np.logaddexp(0, 6 - np.logaddexp(0, -log_scale)))
    laplace = stats.laplace(1 / (1 + np.exp(-location)), scale)
    found = likelihoods.create("laplace", SHAPE)(outputs).log_prob(levels / 255)
    expected = laplace.logpdf(levels.numpy() / 255).sum((1, 2, 3))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_log_cdf_against_scipy() -> None:
    z = np.concatenate([np.linspace(-9, 9, 37), [-600.0, 30.0]])
    found = log_cdf(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(found, np.log(stats.laplace.cdf(z)), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("raw_scale", [-1e4, -4.0, 2.0])
def test_log_mass_in_closed_form(raw_scale: float) -> None:
    likelihood = likelihoods.create("laplace", (1, 1, 1)).double()
    outputs = (
        torch.tensor([0.3, raw_scale], dtype=torch.float64).view(1, 2, 1, 1).expand(256, -1, -1, -1)
    )
    levels = torch.arange(256).double()
    found = likelihood.log_mass(outputs, (levels / 255).view(-1, 1, 1, 1)).numpy()
    location = 1 / (1 + math.exp(-0.3))
    scale = math.exp(-6 + np.logaddexp(0, 6 - np.logaddexp(0, -raw_scale)))
    distance = np.abs(levels.numpy() / 255 - location)
    # Away from the centre: the integral of e^(-d / b) / (2 b), e^(-d / b) sinh(w / (2 b)).
    expected = -distance / scale + math.log(math.sinh(0.5 / 255 / scale))
    # Less both tails, each e^(-d / b) / 2.
    inside = 1 - np.exp(-(0.5 / 255 + distance[[0, -1]]) / scale).sum() / 2
    away = distance > 0.5 / 255
    np.testing.assert_allclose(found[away], expected[away] - math.log(inside), rtol=1e-9)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-12)

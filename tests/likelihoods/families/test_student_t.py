"""Student-t against scipy, from the centre to tails that scipy cannot reach."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch import Tensor

import likelihoods
from likelihoods.families.student_t import DF_MIN, log_cdf, log_gamma_ratio, log_interval

special: Any = scipy.special  # typed the same with and without scipy-stubs
stats: Any = scipy.stats

SHAPE = (2, 3, 3)
DEGREES = [1.001, 1.5, 3.0, 10.0, 100.0, 1e4]


def parameters(outputs: Tensor) -> Any:
    """Return location, scale and degrees of freedom, by the formulas of the docstring."""
    location, log_scale, excess = outputs.double().chunk(3, 1)
    log_scale = -torch.log1p(torch.exp(-log_scale))
    log_scale = -6 + torch.log1p(torch.exp(log_scale + 6))
    found = location.sigmoid(), log_scale.exp(), 1.001 + torch.log1p(excess.exp())
    return [parameter.numpy() for parameter in found]


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    outputs = 2 * torch.randn(6, 6, 3, 3)
    levels = torch.randint(256, (6, *SHAPE))
    levels[0], levels[1] = 0, 255
    return outputs, levels


def test_log_prob_against_scipy() -> None:
    outputs, levels = inputs()
    location, scale, df = parameters(outputs)
    expected = stats.t.logpdf(levels.numpy() / 255, df, location, scale).sum((1, 2, 3))
    found = likelihoods.create("student_t", SHAPE)(outputs).log_prob(levels / 255)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("censored", [False, True])
def test_log_mass_against_scipy(censored: bool) -> None:
    outputs, levels = inputs()
    location, scale, df = parameters(outputs)
    level = levels.numpy()
    start, end = (-np.inf, np.inf) if censored else (-0.5 / 255, 255.5 / 255)
    below = (np.where(level == 0, start, (level - 0.5) / 255) - location) / scale
    above = (np.where(level == 255, end, (level + 0.5) / 255) - location) / scale
    # Mirrored where the bin is above the centre, for the sake of scipy's accuracy.
    mirrored = below + above > 0
    low, high = np.where(mirrored, -above, below), np.where(mirrored, -below, above)
    mass = special.stdtr(df, high) - special.stdtr(df, low)
    whole = (special.stdtr(df, (edge - location) / scale) for edge in (end, start))
    expected = np.log(mass / np.subtract(*whole)).sum((1, 2, 3))
    likelihood = likelihoods.create("student_t", SHAPE)
    method = likelihood.log_mass_censored if censored else likelihood.log_mass
    found = method(outputs, levels / 255)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("df", DEGREES)
def test_cdf_against_scipy(df: float) -> None:
    z = np.concatenate([np.linspace(-6, 6, 61), [-30.0, -4.000001, -3.999999, 30.0]])
    found = log_cdf(torch.from_numpy(z), torch.full((len(z),), df, dtype=torch.float64))
    np.testing.assert_allclose(found.exp(), special.stdtr(df, z), rtol=1e-7)


@pytest.mark.parametrize("df", [1e3, 1e4, 1e6])
def test_cdf_beyond_the_range_of_floats_is_its_leading_term(df: float) -> None:
    distance = 400.0
    found = log_cdf(torch.tensor([-distance]).double(), torch.tensor([df]).double()).item()
    # The integral of the density, times the length over which it falls by e: exact to 1/df.
    log_density = stats.t.logpdf(distance, df)
    fall = (df + 1) * distance / (df + distance**2)
    assert found < -700
    assert found == pytest.approx(log_density - math.log(fall), abs=2e-3)


@pytest.mark.parametrize("df", DEGREES)
def test_interval_against_scipy(df: float) -> None:
    z, half = np.linspace(-12, 12, 97), 0.5 / 255 * math.exp(6)
    below, above = -np.abs(z) - half, -np.abs(z) + half
    expected = special.stdtr(df, above) - special.stdtr(df, below)
    tensors = (torch.from_numpy(v) for v in (z, np.full_like(z, half), np.full_like(z, df)))
    np.testing.assert_allclose(log_interval(*tensors).exp(), expected, rtol=1e-6)


def test_gamma_ratio_keeps_its_digits_in_float32() -> None:
    a = np.geomspace(0.5005, 1e4, 100)
    expected = special.gammaln(a + 0.5) - special.gammaln(a)
    double = log_gamma_ratio(torch.from_numpy(a)).numpy()
    single = log_gamma_ratio(torch.from_numpy(a).float()).numpy()
    np.testing.assert_allclose(double, expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(single, expected, rtol=0, atol=2e-6)


def test_degrees_of_freedom_always_leave_a_mean() -> None:
    outputs = torch.full((1, 3, 1, 1), -1e4)
    likelihood = likelihoods.create("student_t", (1, 1, 1))
    x = torch.tensor(0.3).view(1, 1, 1, 1)
    expected = stats.t.logpdf(0.3, DF_MIN, 0, math.exp(-6))
    assert DF_MIN > 1
    assert likelihood(outputs).log_prob(x).item() == pytest.approx(expected, rel=1e-4)

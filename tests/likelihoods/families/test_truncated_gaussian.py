"""Truncated Gaussian against scipy, in the tails too."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

import likelihoods
from likelihoods.core.numerics import OPEN, bin_edges, log_gaussian_mass
from likelihoods.families.truncated_gaussian import TruncatedGaussian

stats: Any = scipy.stats  # typed the same with and without scipy-stubs

SHAPE = (2, 3, 3)
CASES = [(m, s) for m in (0.0, 0.003, 0.4, 1.0) for s in (-6.0, -2.0, 0.0)]


def reference(location: Any, log_scale: Any) -> Any:
    scale = np.exp(log_scale)
    return stats.truncnorm(-location / scale, (1 - location) / scale, location, scale)


def ours(location: float, log_scale: float) -> TruncatedGaussian:
    return TruncatedGaussian(*torch.tensor([location, log_scale], dtype=torch.float64))


@pytest.mark.parametrize(("location", "log_scale"), CASES)
def test_against_scipy(location: float, log_scale: float) -> None:
    x = np.concatenate([np.linspace(0, 1, 31), [-1e-6, 1 + 1e-6]])
    found, expected = ours(location, log_scale), reference(location, log_scale)
    log_prob = found.log_prob(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(log_prob, expected.logpdf(x), rtol=1e-9)
    assert (log_prob[-2:] == -math.inf).all()
    np.testing.assert_allclose(found.cdf(torch.from_numpy(x)).numpy(), expected.cdf(x), atol=1e-12)
    assert found.mean.item() == pytest.approx(expected.mean(), rel=1e-7)


@pytest.mark.parametrize(("location", "log_scale"), CASES)
def test_log_mass_is_that_of_the_gaussian_inside(location: float, log_scale: float) -> None:
    x = torch.arange(256).double() / 255
    found = ours(location, log_scale).log_interval_mass(*bin_edges(x))
    expected = reference(location, log_scale)
    parameters = torch.tensor([location, math.exp(log_scale)], dtype=torch.float64)
    inside = stats.norm(*parameters.tolist())
    total = math.log(inside.cdf(1) - inside.cdf(0))
    gaussian = log_gaussian_mass(*bin_edges(x, OPEN), *parameters) - total
    torch.testing.assert_close(found[1:-1], gaussian[1:-1], rtol=1e-9, atol=1e-9)
    assert found[0].exp().item() == pytest.approx(expected.cdf(0.5 / 255), abs=1e-12)
    assert found[-1].exp().item() == pytest.approx(expected.sf(254.5 / 255), abs=1e-12)
    assert found.logsumexp(0).item() == pytest.approx(0, abs=1e-9)


def test_white_seen_from_black_is_its_leading_term() -> None:
    sigma = math.exp(-6)
    z = 254.5 / 255 / sigma
    # Mills' ratio of the Gaussian of which half is inside; what is beyond 1 is less by e^-600.
    leading = math.log(2) - 0.5 * z**2 - 0.5 * math.log(2 * math.pi) - math.log(z)
    found = ours(0.0, -6.0).log_interval_mass(*bin_edges(torch.ones(()).double())).item()
    assert found < -80_000
    assert found == pytest.approx(leading, abs=1e-4)


def test_parameters_are_those_of_the_docstring() -> None:
    torch.manual_seed(0)
    outputs, levels = 2 * torch.randn(4, 4, 3, 3), torch.randint(256, (4, *SHAPE))
    location, log_scale = outputs.double().numpy().reshape(4, 2, *SHAPE).swapaxes(0, 1)
    log_scale = -6 + np.logaddexp(0, 6 - np.logaddexp(0, -log_scale))
    expected = reference(1 / (1 + np.exp(-location)), log_scale).logpdf(levels.numpy() / 255)
    found = likelihoods.create("truncated_gaussian", SHAPE)(outputs).log_prob(levels / 255)
    np.testing.assert_allclose(found.numpy(), expected.sum((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(("location", "log_scale"), CASES)
def test_samples_against_scipy(location: float, log_scale: float) -> None:
    torch.manual_seed(0)
    samples = ours(location, log_scale).sample((20_000,)).numpy()
    assert stats.kstest(samples, reference(location, log_scale).cdf).pvalue > 1e-3

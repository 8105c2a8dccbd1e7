"""Continuous Bernoulli against torch.distributions, closed forms and numerical integration."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch

import likelihoods
from likelihoods.core.numerics import FLAT, log_mean_decay
from likelihoods.families.continuous_bernoulli import ContinuousBernoulli

stats: Any = scipy.stats  # typed the same with and without scipy-stubs
integrate: Any = scipy.integrate

LOGITS = [0.0, 1e-9, -1e-3, 0.99 * FLAT, -1.01 * FLAT, 1.0, -3.0, 12.0]
X = torch.linspace(0, 1, 11, dtype=torch.float64)


def double(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("logit", LOGITS)
def test_against_torch(logit: float) -> None:
    reference = torch.distributions.ContinuousBernoulli(logits=double(logit))
    found = ContinuousBernoulli(double(logit))
    torch.testing.assert_close(found.log_prob(X), reference.log_prob(X), rtol=0, atol=1e-6)
    torch.testing.assert_close(found.mean, reference.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.cdf(X), reference.cdf(X), rtol=0, atol=1e-3)  # theirs near 0


@pytest.mark.parametrize("logit", LOGITS)
def test_normaliser_and_mean_against_integrals(logit: float) -> None:
    total, _ = integrate.quad(lambda x: math.exp(logit * x), 0, 1, epsabs=0, epsrel=1e-13)
    first, _ = integrate.quad(lambda x: x * math.exp(logit * x), 0, 1, epsabs=0, epsrel=1e-13)
    found = ContinuousBernoulli(double(logit))
    torch.testing.assert_close(found.log_prob(X), logit * X - math.log(total), rtol=0, atol=1e-12)
    assert found.mean.item() == pytest.approx(first / total, abs=1e-12)
    for x in (0.2, 0.9):
        part, _ = integrate.quad(lambda x: math.exp(logit * x), 0, x, epsabs=0, epsrel=1e-13)
        assert found.cdf(double(x)).item() == pytest.approx(part / total, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_are_exponentials(dtype: torch.dtype) -> None:
    rate = 1e4
    logits = torch.tensor([-rate, rate], dtype=dtype)
    x = torch.tensor([3 / rate, 1], dtype=dtype)
    found = ContinuousBernoulli(logits)
    expected = torch.tensor([math.log(rate) - 3, math.log(rate)], dtype=dtype)
    torch.testing.assert_close(found.log_prob(x), expected)
    means = torch.tensor([1 / rate, 1 - 1 / rate], dtype=dtype)
    torch.testing.assert_close(found.mean, means, rtol=1e-5, atol=0)


def test_slope_of_the_normaliser_is_the_mean_on_both_sides_of_the_series() -> None:
    rate = torch.tensor([0, 1e-6, 0.999 * FLAT, 1.001 * FLAT, 5, 1e4], dtype=torch.float64)
    rate.requires_grad_()
    (slope,) = torch.autograd.grad(log_mean_decay(rate).sum(), rate)
    torch.testing.assert_close(-slope, ContinuousBernoulli(-rate).mean, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("logit", [0.0, 0.05, 7.0, -300.0, 1e4])
def test_log_mass_is_geometric_in_the_level(logit: float) -> None:
    outputs = torch.full((256, 1, 1, 1), logit, dtype=torch.float64)
    x = (torch.arange(256).double() / 255).view(-1, 1, 1, 1)
    found = likelihoods.create("continuous_bernoulli", (1, 1, 1)).log_mass(outputs, x)
    # The bins of levels 1 to 254 are equally wide, however far in the tail they are.
    slopes = torch.full((253,), logit / 255, dtype=torch.float64)
    torch.testing.assert_close(found[1:-1].diff(), slopes, rtol=1e-9, atol=1e-9)
    edge = ContinuousBernoulli(outputs[0]).cdf(double(0.5 / 255)).item()
    assert found[0].exp().item() == pytest.approx(edge, abs=1e-12)
    assert found.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_density_is_zero_outside_of_its_support() -> None:
    found = ContinuousBernoulli(double(2.0)).log_prob(torch.tensor([-1e-6, 1 + 1e-6]).double())
    assert (found == -math.inf).all()


@pytest.mark.parametrize("logit", [0.0, -4.0, 60.0])
def test_samples_against_the_cdf(logit: float) -> None:
    torch.manual_seed(0)
    found = ContinuousBernoulli(double(logit))
    samples = found.sample((20_000,)).numpy()
    test = stats.kstest(samples, lambda x: found.cdf(torch.from_numpy(np.asarray(x))).numpy())
    assert test.pvalue > 1e-3

"""Bernoulli on grey values, and its renormalised mass."""

import math

import pytest
import torch

import likelihoods
from likelihoods.core.numerics import FLAT


def test_log_prob_is_the_cross_entropy() -> None:
    torch.manual_seed(0)
    outputs, x = torch.randn(4, 3, 2, 2), torch.randint(256, (4, 3, 2, 2)) / 255
    p = outputs.sigmoid()
    expected = (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
    torch.testing.assert_close(
        likelihoods.create("bernoulli", (3, 2, 2))(outputs).log_prob(x), expected
    )


@pytest.mark.parametrize(
    "logit",
    [0.0, 1e-3, -0.99 * FLAT, 1.01 * FLAT, 0.99 * 255 * FLAT, -1.01 * 255 * FLAT, -3.0, -900.0],
)
def test_log_mass_is_the_renormalised_one(logit: float) -> None:
    likelihood = likelihoods.create("bernoulli", (1, 1, 1)).double()
    levels = torch.arange(256).double()
    expected = (logit * levels / 255).log_softmax(0)
    outputs = torch.full((256, 1, 1, 1), logit, dtype=torch.float64).requires_grad_()
    found = likelihood.log_mass(outputs, (levels / 255).view(-1, 1, 1, 1))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-9)
    # Its slope is x less the mean of the mass, at a logit of zero as well.
    (slope,) = torch.autograd.grad(found.sum(), outputs)
    mean = (expected.exp() * levels / 255).sum()
    torch.testing.assert_close(slope.flatten(), levels / 255 - mean, rtol=0, atol=1e-6)


def test_mean_is_the_probability_and_not_that_of_the_mass() -> None:
    likelihood = likelihoods.create("bernoulli", (1, 1, 1))
    distribution = likelihood(torch.full((1, 1, 1, 1), math.log(9)))
    assert distribution.mean.item() == pytest.approx(0.9)
    samples = distribution.sample(torch.Size([20000]))
    p = (torch.arange(256) / 255 * math.log(9)).softmax(0)
    expected = (p * torch.arange(256) / 255).sum().item()
    assert expected < 0.7
    assert samples.mean().item() == pytest.approx(expected, abs=0.01)

"""Low-rank Gaussian against PyTorch's, and its bounds against masses that can be integrated."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal

import likelihoods
from likelihoods import Likelihood
from likelihoods.core.numerics import RANGE, bin_edges
from likelihoods.families.low_rank_gaussian import LowRankGaussianImages

stats: Any = scipy.stats  # typed the same with and without scipy-stubs
special: Any = scipy.special
NAME = "low_rank_gaussian"
SHAPE = (2, 3, 4)
D = math.prod(SHAPE)


def made(shape: tuple[int, int, int] = SHAPE, rank: int = 3) -> Likelihood:
    return likelihoods.create(NAME, shape, rank=rank).double()


def reference(outputs: Tensor, rank: int, size: int) -> LowRankMultivariateNormal:
    """The same density from raw outputs, by PyTorch's own implementation."""
    location, log_scale, *raw = outputs.view(len(outputs), 2 + rank, size).unbind(1)
    sigma = likelihoods.soft_clip(log_scale).exp()
    most = 10 / math.sqrt(rank)
    factors = torch.stack([sigma * most * torch.tanh(each / most) for each in raw], -1)
    return LowRankMultivariateNormal(location.sigmoid(), factors, sigma.square())


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_log_prob_and_gradient_are_those_of_pytorch(spread: float) -> None:
    torch.manual_seed(0)
    likelihood = made()
    outputs = spread * torch.randn(5, likelihood.output_channels, *SHAPE[1:]).double()
    outputs.requires_grad_()
    x = torch.rand(5, *SHAPE).double()
    found = likelihood(outputs).log_prob(x)
    expected = reference(outputs, 3, D).log_prob(x.flatten(1))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    (slopes,) = torch.autograd.grad(found.sum(), outputs)
    (of_reference,) = torch.autograd.grad(expected.sum(), outputs)
    torch.testing.assert_close(slopes, of_reference, rtol=1e-6, atol=1e-6)


def test_log_prob_in_float32_where_factors_explain_the_error() -> None:
    """The error is 150 sigma long, nearly all of it along one column of P."""
    likelihood = likelihoods.create(NAME, (1, 16, 16), rank=2)
    outputs = torch.zeros(1, likelihood.output_channels, 16, 16)
    outputs[:, 1], outputs[:, 2] = -9, 30
    x = torch.full((1, 1, 16, 16), 0.5 + 0.025)
    found = likelihood(outputs).log_prob(x).item()
    expected = reference(outputs.double(), 2, 256).log_prob(x.double().flatten(1)).item()
    assert found == pytest.approx(expected, rel=1e-6)


def test_samples_have_the_covariance() -> None:
    torch.manual_seed(0)
    likelihood = made((1, 2, 2), rank=2)
    outputs = torch.randn(1, likelihood.output_channels, 2, 2).double()
    distribution, n = likelihood(outputs), 100_000
    samples = distribution.sample(torch.Size([n])).view(n, 4)
    expected = reference(outputs, 2, 4)
    covariance = expected.covariance_matrix[0]
    scale = covariance.diagonal().sqrt()
    difference = (torch.cov(samples.T) - covariance) / (scale[:, None] * scale)
    assert difference.abs().max() < 6 * math.sqrt(2 / n)
    assert ((samples.mean(0) - expected.mean[0]) / scale).abs().max() < 6 / math.sqrt(n)
    torch.testing.assert_close(distribution.stddev.flatten(), scale)


def test_a_fresh_network_starts_as_per_pixel_sigma() -> None:
    likelihood, plain = made(), likelihoods.create("per_pixel_sigma", SHAPE).double()
    outputs = torch.randn(2, 2 * SHAPE[0], *SHAPE[1:]).double()
    rest = torch.zeros(2, 3 * SHAPE[0], *SHAPE[1:]).double()
    x = torch.rand(2, *SHAPE).double()
    found = likelihood(torch.cat([outputs, rest], 1)).log_prob(x)
    torch.testing.assert_close(found, plain(outputs).log_prob(x))


def test_without_factors_the_mass_is_exact() -> None:
    likelihood, plain = made(), likelihoods.create("per_pixel_sigma", SHAPE).double()
    outputs = 2 * torch.randn(4, 2 * SHAPE[0], *SHAPE[1:]).double()
    rest = torch.zeros(4, 3 * SHAPE[0], *SHAPE[1:]).double()
    x = torch.randint(256, (4, *SHAPE)).double() / 255
    for name in ("log_mass", "log_mass_censored"):
        found = getattr(likelihood, name)(torch.cat([outputs, rest], 1), x)
        torch.testing.assert_close(found, getattr(plain, name)(outputs, x), rtol=1e-9, atol=1e-9)


def one_factor(sigma: float, loading: float, size: int, count: int = 8) -> LowRankGaussianImages:
    """Images with one factor, their means and loadings of several sizes."""
    torch.manual_seed(0)
    mean = torch.rand(count, 1, 1, size).double()
    mean[: count // 2] = mean[: count // 2].round()  # at an end of the range
    scale = (sigma * (1 + torch.rand(count, 1, 1, size).double())).log()
    return LowRankGaussianImages(mean, scale, loading * torch.randn(count, 1, 1, 1, size).double())


def integrated(images: LowRankGaussianImages, lower: Tensor, upper: Tensor) -> Tensor:
    """The log probability of a box with one factor, by the trapezium rule over that factor."""
    scale = images._log_scale.exp().numpy()
    loading = images._loadings[:, 0].numpy() * scale
    logs = []
    factor = np.linspace(-12, 12, 4801)[:, None, None, None, None]
    for mean, s, load, low, high in zip(
        *map(np.asarray, (images.mean, scale, loading, lower, upper)), strict=True
    ):
        a, b = ((edge - mean - load * factor[:, 0]) / s for edge in (low, high))
        a, b = np.where(a + b > 0, -b, a), np.where(a + b > 0, -a, b)
        far, near = special.log_ndtr(a), special.log_ndtr(b)
        masses = (near + np.log(-np.expm1(far - near))).sum((1, 2, 3))
        logs.append(
            special.logsumexp(masses + stats.norm.logpdf(factor.ravel()))
            + np.log(factor[1] - factor[0]).item()
        )
    return torch.tensor(np.array(logs))


@pytest.mark.parametrize("loading", [0.3, 3.0, 10.0])
@pytest.mark.parametrize("sigma", [math.exp(-6), 0.01, 0.1])
@pytest.mark.parametrize("size", [1, 3, 20])
def test_the_bounds_enclose_the_mass_of_one_factor(sigma: float, loading: float, size: int) -> None:
    images = one_factor(sigma, loading, size)
    x = likelihoods.quantise(images.sample())
    lower, upper = bin_edges(x)
    exact = integrated(images, lower, upper)
    below = images.log_interval_mass(lower, upper)
    assert (below <= exact + 1e-4).all()
    assert (exact - below < 0.05 + 0.01 * size).all()  # and it is close
    start, end = (torch.full_like(lower, edge) for edge in RANGE)
    above = images.log_interval_mass_above(start, end)
    exact = integrated(images, start, end)
    assert (above >= exact - 1e-6).all()
    assert (above <= 1e-12).all()


@pytest.mark.parametrize("loading", [0.3, 3.0])
def test_level_cdf_is_the_marginal_of_images_in_the_range(loading: float) -> None:
    images = one_factor(0.1, loading, size=4)
    x = likelihoods.quantise(torch.rand(8, 1, 1, 4)).double()
    lower, upper = bin_edges(x)
    start, end = (torch.full_like(lower, edge) for edge in RANGE)
    whole, errors = integrated(images, start, end), []
    for found, edge in zip(images.level_cdf(x), (lower, upper), strict=True):
        for i in range(4):  # the others anywhere in the range
            one = torch.arange(4) == i
            low = torch.where(one, start - 1e-9, start)  # so that no interval is empty
            part = integrated(images, low, torch.where(one, edge, end))
            errors.append(found[:, 0, 0, i] - (part - whole).exp())
    size = torch.stack(errors).abs()
    assert size.mean() < 0.02  # Laplace's method, where it is not at its best
    assert size.max() < 0.15


def test_the_log_mass_is_below_the_exact_one_of_scipy() -> None:
    """Probabilities of boxes of three values, by scipy's multivariate normal."""
    torch.manual_seed(0)
    likelihood = made((3, 1, 1), rank=2)
    outputs = torch.randn(6, likelihood.output_channels, 1, 1).double()
    outputs[:, 3:6] -= 2
    x = likelihoods.quantise(likelihood(outputs).sample())
    found = likelihood.log_mass(outputs, x)
    gaussian = reference(outputs, 2, 3)
    for i, image in enumerate(x.flatten(1).numpy()):
        mean, covariance = gaussian.mean[i].numpy(), gaussian.covariance_matrix[i].numpy()
        box = stats.multivariate_normal(mean, covariance, maxpts=10**6, abseps=1e-12, releps=1e-8)
        ends = [np.full(3, edge) for edge in RANGE]
        mass = box.cdf(image + 0.5 / 255, lower_limit=image - 0.5 / 255)
        whole = box.cdf(ends[1], lower_limit=ends[0])
        exact = math.log(mass / whole)
        assert exact - 1 < found[i].item() < exact + 1e-3


def test_the_masses_of_all_images_sum_to_at_most_one() -> None:
    """Two values, all levels: what the bound gives away is little."""
    torch.manual_seed(0)
    likelihood = made((1, 1, 2), rank=1)
    outputs = torch.randn(1, likelihood.output_channels, 1, 2).double()
    outputs[:, 1] -= 4
    levels = torch.cartesian_prod(torch.arange(256), torch.arange(256)).double() / 255
    parts = levels.view(-1, 1, 1, 2).split(16384)
    total = sum(likelihood.log_mass(outputs, part).exp().sum().item() for part in parts)
    assert 0.9 < total < 1 + 1e-6


def test_extremes_are_finite_and_the_range_is_no_more_than_certain() -> None:
    likelihood = made(rank=2)
    values = torch.tensor([-1e4, 0.0, 1e4]).double()
    for location, scale, load in itertools.product(values, repeat=3):
        outputs = torch.stack([location, scale, load, -load]).repeat_interleave(SHAPE[0])
        outputs = outputs.view(1, -1, 1, 1).expand(2, -1, *SHAPE[1:])
        x = torch.stack([torch.zeros(SHAPE), torch.ones(SHAPE)]).double()
        assert likelihood.log_mass(outputs, x).isfinite().all()
        assert likelihood(outputs).log_prob(x).isfinite().all()

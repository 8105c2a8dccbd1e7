"""Gaussian decoders against scipy, and the conventions of the beta-VAE."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

import likelihoods
from likelihoods.core.numerics import OPEN, RANGE, bin_edges, log_gaussian_mass, soft_clip

stats: Any = scipy.stats  # typed the same with and without scipy-stubs

SHAPE = (3, 4, 4)
D = math.prod(SHAPE)


def inputs(outputs_per_value: int = 1) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    outputs = torch.randn(5, outputs_per_value * SHAPE[0], *SHAPE[1:])
    return outputs, torch.randint(256, (5, *SHAPE)) / 255


def scipy_log_prob(outputs: Tensor, x: Tensor, sigma: Tensor | float) -> Tensor:
    mean = outputs[:, : SHAPE[0]].double().sigmoid()
    log_prob = stats.norm.logpdf(x.double(), mean, sigma)
    return torch.from_numpy(log_prob.sum((1, 2, 3))).float()


def test_gaussian_is_half_the_squared_error_and_a_constant() -> None:
    outputs, x = inputs()
    found = likelihoods.create("gaussian", SHAPE)(outputs).log_prob(x)
    mse = (x - outputs.sigmoid()).square().mean((1, 2, 3))
    torch.testing.assert_close(found, -D / 2 * mse - D / 2 * math.log(2 * math.pi))
    torch.testing.assert_close(found, scipy_log_prob(outputs, x, 1.0))


def test_shared_sigma_is_a_parameter_from_one_unclipped() -> None:
    outputs, x = inputs()
    likelihood = likelihoods.create("shared_sigma", SHAPE)
    (log_sigma,) = likelihood.parameters()
    assert log_sigma.item() == 0
    with torch.no_grad():
        log_sigma.fill_(-8)
    sigma = math.exp(-8)
    torch.testing.assert_close(
        likelihood(outputs).log_prob(x), scipy_log_prob(outputs, x, sigma), rtol=1e-5, atol=0
    )
    assert isinstance(likelihood.variance, Tensor)
    assert likelihood.variance.item() == pytest.approx(sigma**2)


def test_shared_sigma_learns_the_root_mean_squared_error() -> None:
    outputs, x = inputs()
    likelihood = likelihoods.create("shared_sigma", SHAPE)
    optimiser = torch.optim.LBFGS(likelihood.parameters(), max_iter=50)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value: Tensor = -likelihood(outputs).log_prob(x).mean()
        value.backward()
        return value

    optimiser.step(loss)
    mse = (x - outputs.sigmoid()).square().mean().item()
    assert isinstance(likelihood.variance, Tensor)
    assert likelihood.variance.item() == pytest.approx(mse, rel=1e-4)


@pytest.mark.parametrize("bounds", [None, "none", (-6, 0), [-3, 2]])
def test_per_pixel_sigma(bounds: tuple[float, float] | str | None) -> None:
    outputs, x = inputs(2)
    likelihood = likelihoods.create("per_pixel_sigma", SHAPE, bounds=bounds)
    log_sigma = outputs[:, SHAPE[0] :].double()
    if bounds is not None and not isinstance(bounds, str):
        low, high = bounds
        log_sigma = high - torch.log1p(torch.exp(high - log_sigma))
        log_sigma = low + torch.log1p(torch.exp(log_sigma - low))
    expected = scipy_log_prob(outputs, x, log_sigma.exp())
    torch.testing.assert_close(likelihood(outputs).log_prob(x), expected)


def test_soft_clip_stays_within_its_bounds_and_is_nearly_nothing_inside() -> None:
    values = torch.tensor([-1e4, -6.0, -3.0, 0.0, 1e4])
    clipped = soft_clip(values, -6.0, 3.0)
    assert clipped[0] == -6
    assert clipped[-1] == pytest.approx(3, abs=1e-3)
    assert clipped[1] == pytest.approx(-6 + math.log(2), abs=1e-3)
    assert clipped[2] == pytest.approx(-3, abs=0.06)
    assert (clipped.diff() > 0).all()


@pytest.mark.parametrize(("convention", "sigma_squared"), [("slides", 0.1), ("paper", 0.05)])
def test_beta_vae_conventions(convention: str, sigma_squared: float) -> None:
    outputs, x = inputs()
    outputs.requires_grad_()
    likelihood = likelihoods.create("beta_vae", SHAPE, beta=0.1, convention=convention)
    assert likelihood.variance == pytest.approx(sigma_squared)
    assert likelihood.kl_weight == pytest.approx(sigma_squared)

    def loss() -> Tensor:
        kl = outputs.square().sum()  # stands for any function of the weights
        value: Tensor = likelihood.kl_weight * kl - likelihood(outputs).log_prob(x).sum()
        return value

    (in_training,) = torch.autograd.grad(loss(), outputs)
    likelihood.eval()
    assert likelihood.kl_weight == 1.0
    (in_evaluation,) = torch.autograd.grad(loss(), outputs)
    # The two objectives differ by the factor sigma^2 and a constant: so do their gradients.
    torch.testing.assert_close(in_training, sigma_squared * in_evaluation)
    torch.testing.assert_close(
        likelihood(outputs).log_prob(x).detach(),
        scipy_log_prob(outputs.detach(), x, math.sqrt(sigma_squared)),
    )


def test_paper_convention_is_the_loss_of_the_published_table() -> None:
    outputs, x = inputs()
    likelihood = likelihoods.create("beta_vae", SHAPE, beta=0.3, convention="paper")
    squared_error = (x - outputs.sigmoid()).square().sum()
    constant = 5 * D / 2 * math.log(2 * math.pi)
    loss = -likelihood(outputs).log_prob(x).sum() - constant + likelihood.kl_weight * 7.0
    torch.testing.assert_close(2 * loss, squared_error + 0.3 * 7.0, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sigma", [math.exp(-6), 0.01, 0.1, 1.0])
@pytest.mark.parametrize("mean", [-0.2, 0.0, 0.3, 0.999, 1.0, 1.3])
@pytest.mark.parametrize("ends", [OPEN, RANGE])
def test_log_mass_against_scipy(mean: float, sigma: float, ends: tuple[float, float]) -> None:
    levels = np.arange(256)
    edges = (np.arange(257) - 0.5) / 255
    edges[0], edges[-1] = ends
    z = (edges - mean) / sigma
    # Each bin from the side on which its tail is: differences of sf above the mean, of cdf below.
    cdf, sf = stats.norm.logcdf(z), stats.norm.logsf(z)
    upper = z[:-1] > 0
    near = np.where(upper, sf[:-1], cdf[1:])
    far = np.where(upper, sf[1:], cdf[:-1])
    expected = near + np.log(-np.expm1(far - near))
    x = torch.from_numpy(levels / 255)
    parameters = torch.tensor([mean, sigma], dtype=torch.float64)
    found = log_gaussian_mass(*bin_edges(x, ends), *parameters)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)
    whole = log_gaussian_mass(*torch.tensor(ends, dtype=torch.float64), *parameters)
    assert found.logsumexp(0).item() == pytest.approx(
        whole.item() if ends == RANGE else 0, abs=1e-9
    )


def test_mass_of_a_bin_far_out_in_the_tail_is_its_leading_term() -> None:
    sigma = math.exp(-6)
    x, mean = torch.tensor([200 / 255]).double(), torch.zeros(1).double()
    z = (199.5 / 255) / sigma
    # Mills' ratio: Q(z) = phi(z) / z (1 - 1/z^2 + ...).
    leading = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - math.log(z)
    scale = torch.tensor([sigma], dtype=torch.float64)
    found = log_gaussian_mass(*bin_edges(x), mean, scale).item()
    assert found == pytest.approx(leading, abs=1e-4)


def test_log_mass_sums_over_the_image() -> None:
    outputs, x = inputs(2)
    likelihood = likelihoods.create("per_pixel_sigma", SHAPE)
    one = likelihoods.create("per_pixel_sigma", (1, 1, 1))
    values = outputs.view(5, 2, -1).transpose(1, 2).reshape(-1, 2, 1, 1)
    expected = one.log_mass(values, x.reshape(-1, 1, 1, 1)).view(5, -1).sum(1)
    torch.testing.assert_close(likelihood.log_mass(outputs, x), expected)


def test_a_shared_sigma_starts_from_the_error_of_the_mean_image() -> None:
    torch.manual_seed(0)
    images = torch.rand(50, *SHAPE)
    likelihood = likelihoods.create("shared_sigma", SHAPE)
    likelihood.start_from(images)
    torch.testing.assert_close(likelihood.variance, images.var(0, correction=0).mean())
    likelihood.start_from(torch.zeros(3, *SHAPE))
    torch.testing.assert_close(likelihood.variance, torch.tensor(math.exp(-12.0)))


def test_what_is_not_learned_starts_from_nothing() -> None:
    likelihood = likelihoods.create("optimal_sigma", SHAPE)
    likelihood.start_from(torch.rand(5, *SHAPE))
    assert likelihood.variance == 1

"""Laplace against scipy and against closed forms of its masses."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

import likelihoods
from likelihoods.core.numerics import OPEN, RANGE
from likelihoods.families.laplace import OptimalLaplace, SharedLaplace, log_cdf

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


AXES = {"all": (0, 1, 2, 3), "image": (1, 2, 3), "channel": (0, 2, 3), "pixel": (0,)}


def batch(size: int = 6) -> tuple[Tensor, Tensor]:
    """Raw outputs and images about their locations, in float64."""
    torch.manual_seed(0)
    outputs = torch.randn(size, *SHAPE, dtype=torch.float64)
    noise = torch.distributions.Laplace(0.0, 0.05).sample((size, *SHAPE))
    return outputs, likelihoods.quantise(outputs.sigmoid() + noise)


def optimal(share: str = "all", **options: float) -> OptimalLaplace:
    likelihood = likelihoods.create("optimal_laplace", SHAPE, share=share, **options).double()
    assert isinstance(likelihood, OptimalLaplace)
    return likelihood


def shared() -> SharedLaplace:
    likelihood = likelihoods.create("shared_laplace", SHAPE).double()
    assert isinstance(likelihood, SharedLaplace)
    return likelihood


def scipy_log_prob(outputs: Tensor, x: Tensor, scale: Any) -> Any:
    values = stats.laplace(outputs.sigmoid().numpy(), np.asarray(scale)).logpdf(x.numpy())
    return values.sum((1, 2, 3))


def test_shared_laplace_has_the_loss_of_latent_diffusion() -> None:
    outputs, x = batch()
    likelihood = shared()
    with torch.no_grad():
        logvar = likelihood.log_scale.fill_(-1.3)
        found = likelihood(outputs).log_prob(x)
    loss = (x - outputs.sigmoid()).abs() / logvar.exp() + logvar
    torch.testing.assert_close(found, -loss.sum((1, 2, 3)) - math.prod(SHAPE) * math.log(2))
    np.testing.assert_allclose(found.numpy(), scipy_log_prob(outputs, x, math.exp(-1.3)))


def test_shared_laplace_learns_the_mean_absolute_error() -> None:
    outputs, x = batch()
    likelihood = shared()
    optimiser = torch.optim.LBFGS(likelihood.parameters(), max_iter=100)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value: Tensor = -likelihood(outputs).log_prob(x).mean()
        value.backward()
        return value

    optimiser.step(loss)
    error = (x - outputs.sigmoid()).abs().mean().item()
    assert likelihood.log_scale.exp().item() == pytest.approx(error, rel=1e-4)


def test_shared_laplace_starts_as_the_best_that_ignores_the_code() -> None:
    _, x = batch(7)
    likelihood = shared()
    likelihood.start_from(x)
    scale = likelihood.log_scale.exp().item()
    fits = [stats.laplace.fit(values) for values in x.flatten(1).T.numpy()]  # location, scale
    assert scale == pytest.approx(np.mean([fitted for _, fitted in fits]))
    likelihood.start_from(torch.zeros(3, *SHAPE))
    assert likelihood.log_scale.item() == -6


@pytest.mark.parametrize("share", AXES)
def test_optimal_laplace_is_the_most_likely_one(share: str) -> None:
    outputs, x = batch()
    found = optimal(share)(outputs, x).log_prob(x).numpy()
    scale = (x - outputs.sigmoid()).abs().mean(AXES[share], keepdim=True)
    np.testing.assert_allclose(found, scipy_log_prob(outputs, x, scale))
    for factor in (0.9, 1.1):
        assert scipy_log_prob(outputs, x, factor * scale).sum() < found.sum()


def test_loss_of_optimal_laplace_is_its_entropy() -> None:
    outputs, x = batch()
    likelihood = optimal()
    loss = -likelihood(outputs, x).log_prob(x).mean().item()
    scale = likelihood.scale
    assert scale is not None
    assert scale.item() == pytest.approx((x - outputs.sigmoid()).abs().mean().item())
    assert loss == pytest.approx(math.prod(SHAPE) * stats.laplace.entropy(scale=scale.item()))


@pytest.mark.parametrize("share", AXES)
def test_detached_and_attached_scales_have_the_same_gradient(share: str) -> None:
    outputs, x = batch()
    outputs.requires_grad_()
    (found,) = torch.autograd.grad(-optimal(share)(outputs, x).log_prob(x).sum(), outputs)
    scale = (x - outputs.sigmoid()).abs().mean(AXES[share], keepdim=True)
    attached = torch.distributions.Laplace(outputs.sigmoid(), scale).log_prob(x)
    (expected,) = torch.autograd.grad(-attached.sum(), outputs)
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("scale", [math.exp(-6), 0.02, 0.3, 1.0])
@pytest.mark.parametrize("ends", [RANGE, OPEN])
def test_mass_of_optimal_laplace_in_both_tails(scale: float, ends: tuple[float, float]) -> None:
    likelihood = likelihoods.create("optimal_laplace", (1, 1, 1)).double().eval()
    likelihood.get_buffer("average").fill_(scale)
    likelihood.get_buffer("weight").fill_(1)
    x = (torch.arange(256, dtype=torch.float64) / 255).view(-1, 1, 1, 1)
    edges = (np.arange(257) - 0.5) / 255
    edges[0], edges[-1] = ends
    for raw in (-1e4, -3.0, 0.3, 1e4):
        outputs = torch.full((256, 1, 1, 1), raw, dtype=torch.float64)
        laplace = stats.laplace(outputs[0].sigmoid().item(), scale)
        # Each bin from the side on which its tail is: differences of sf above, of cdf below.
        cdf, sf = laplace.logcdf(edges), laplace.logsf(edges)
        above = edges[:-1] > laplace.mean()
        near, far = np.where(above, sf[:-1], cdf[1:]), np.where(above, sf[1:], cdf[:-1])
        expected = near + np.log1p(-np.exp(far - near)) - np.log(np.exp(cdf[-1]) - np.exp(cdf[0]))
        mass = likelihood.log_mass if ends == RANGE else likelihood.log_mass_censored
        np.testing.assert_allclose(mass(outputs, x).numpy(), expected, rtol=1e-9, atol=1e-9)


def test_a_scale_of_an_image_is_scored_under_the_histogram_of_training_images() -> None:
    outputs, x = batch(40)
    x = (outputs.sigmoid() + (x - outputs.sigmoid()) * torch.rand(40, 1, 1, 1)).clamp(0, 1)
    likelihood = optimal("image", bins=32)
    likelihood.calibrate([(outputs, x)])
    errors = (x - outputs.sigmoid()).abs().mean((1, 2, 3)).log()
    weights = torch.histc(errors, 32, -6, 0) / 40
    scales = np.exp((np.arange(32) + 0.5) * 6 / 32 - 6)
    used = [(w, s) for w, s in zip(weights.tolist(), scales, strict=True) if w]
    assert len(used) > 4
    each = [np.log(w) + scipy_log_prob(outputs, x, s) for w, s in used]
    found = likelihood.eval()(outputs).log_prob(x).numpy()
    np.testing.assert_allclose(found, np.logaddexp.reduce(each), rtol=1e-6)
    spread = math.sqrt(sum(2 * w * s**2 for w, s in used))
    assert likelihood(outputs).stddev.max().item() == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize("share", ["all", "channel"])
def test_calibration_keeps_the_error_of_all_images(share: str) -> None:
    outputs, x = batch(7)
    likelihood = optimal(share)
    likelihood.calibrate(zip(outputs.split([2, 5]), x.split([2, 5]), strict=True))
    scale = (x - outputs.sigmoid()).abs().mean(AXES[share], keepdim=True)
    found = likelihood.eval()(outputs).log_prob(x).numpy()
    np.testing.assert_allclose(found, scipy_log_prob(outputs, x, scale), rtol=1e-6)
    assert likelihood.variance is None, "there is no sigma^2 of a Gaussian"


def test_a_perfect_fit_stops_at_the_floor() -> None:
    outputs = torch.full((2, *SHAPE), -1e4, dtype=torch.float64)
    x = torch.zeros(2, *SHAPE, dtype=torch.float64)
    found = optimal()(outputs, x).log_prob(x).numpy()
    np.testing.assert_allclose(found, math.prod(SHAPE) * (6 - math.log(2)))

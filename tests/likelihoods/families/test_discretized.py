"""The discretised logistic and Gaussian against what they are special cases of."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import likelihoods

SHAPE = (3, 4, 4)


def clip(log_scale: Tensor) -> Tensor:
    high = -torch.nn.functional.softplus(-log_scale)
    return -6 + torch.nn.functional.softplus(high + 6)


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    levels = torch.randint(256, (5, *SHAPE))
    levels[0], levels[1] = 0, 255
    return 3 * torch.randn(5, 6, 4, 4).double(), levels / 255


def test_logistic_is_a_mixture_of_one_with_a_sigmoid_as_location() -> None:
    outputs, x = inputs()
    location, log_scale = outputs.chunk(2, 1)
    # The mixture's images lie in [-1, 1]; its logits do not matter where there is one.
    other = [location, 2 * location.sigmoid() - 1, clip(log_scale) + np.log(2)]
    mixture = likelihoods.create("logistic_mixture", SHAPE, components=1)(torch.cat(other, 1))
    found = likelihoods.create("discretized_logistic", SHAPE)(outputs)
    torch.testing.assert_close(found.log_prob(x), mixture.log_prob(x))
    torch.testing.assert_close(found.mean, mixture.mean)


def test_gaussian_is_trained_on_the_mass_of_a_censored_gaussian() -> None:
    outputs, x = inputs()
    outputs.requires_grad_()
    found = likelihoods.create("discretized_gaussian", SHAPE)(outputs).log_prob(x)
    expected = likelihoods.create("per_pixel_sigma", SHAPE).log_mass_censored(outputs, x)
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(value.sum(), outputs)[0] for value in (found, expected)]
    assert slopes[0].abs().max() > 1
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("raw_scale", [-1e4, -6.0, -2.0, 5.0])
@pytest.mark.parametrize("name", ["discretized_gaussian", "discretized_logistic"])
def test_mean_is_the_sum_over_levels_to_a_hundredth_of_a_level(name: str, raw_scale: float) -> None:
    likelihood = likelihoods.create(name, (1, 1, 1)).double()
    levels = torch.arange(256).double()
    for location in np.linspace(-9, 9, 61):
        outputs = torch.tensor([location, raw_scale], dtype=torch.float64).view(1, 2, 1, 1)
        x = (levels / 255).view(-1, 1, 1, 1)
        masses = likelihood(outputs.expand(256, -1, -1, -1)).log_prob(x).exp()
        mean = 255 * likelihood(outputs).mean
        torch.testing.assert_close(mean.squeeze(), levels @ masses, rtol=0, atol=0.01)


TWINS = {
    "discretized_shared_sigma": "shared_sigma",
    "discretized_optimal_sigma": "optimal_sigma",
}


def with_sigma(name: str, sigma: float) -> likelihoods.Likelihood:
    """A likelihood in evaluation whose shared sigma is this one, in float64."""
    likelihood = likelihoods.create(name, SHAPE).double().eval()
    with torch.no_grad():
        for key, value in likelihood.state_dict().items():
            value.fill_({"log_sigma": np.log(sigma), "average": sigma**2, "weight": 1}[key])
    return likelihood


@pytest.mark.parametrize("sigma", [0.003, 0.1, 3.0])
@pytest.mark.parametrize("name", TWINS)
def test_twins_are_trained_on_the_mass_by_which_both_are_scored(name: str, sigma: float) -> None:
    outputs, x = inputs()
    outputs = outputs[:, :3]
    mass, density = with_sigma(name, sigma), with_sigma(TWINS[name], sigma)
    torch.testing.assert_close(mass(outputs).log_prob(x), density.log_mass(outputs, x))
    torch.testing.assert_close(mass.log_mass(outputs, x), density.log_mass(outputs, x))
    assert mass.variance == density.variance


@pytest.mark.parametrize("sigma", [0.5 / 255, 2 / 255, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", TWINS)
def test_means_of_twins_are_sums_over_levels_to_a_hundredth_of_a_level(
    name: str, sigma: float
) -> None:
    levels = torch.arange(256).double()
    x = (levels / 255).view(-1, 1, 1, 1).expand(-1, *SHAPE)
    likelihood = with_sigma(name, sigma)
    for location in np.linspace(-9, 9, 31):
        images: Any = likelihood(torch.full((256, *SHAPE), location, dtype=torch.float64))
        below, above = images.level_cdf(x)
        expected = (levels.view(-1, 1, 1, 1) * (above - below)).sum(0)
        torch.testing.assert_close(255 * images.mean[0], expected, rtol=0, atol=0.01)


@pytest.mark.parametrize("sigma", [1.5 / 255, 5 / 255, 0.05, 0.1])
def test_the_variance_of_the_mass_is_the_best_one_to_a_thousandth_of_a_bit(sigma: float) -> None:
    """That of the MSE is not, where sigma is close to a level."""
    torch.manual_seed(0)
    outputs = torch.randn(8, 3, 16, 16).double()  # means from about 0.1 to 0.9
    values = outputs.sigmoid() + sigma * torch.randn_like(outputs)
    x = likelihoods.quantise(values)

    def bits(variance: float) -> float:
        density = likelihoods.create("shared_sigma", (3, 16, 16)).double()
        torch.nn.init.constant_(density.log_sigma, 0.5 * np.log(variance))  # type: ignore[arg-type]
        nats: float = density.log_mass(outputs, x).sum().item()
        return -nats / x.numel() / float(np.log(2))

    likelihood = likelihoods.create("discretized_optimal_sigma", (3, 16, 16)).double()
    likelihood(outputs, x)
    found, mse = float(likelihood.variance or 0), float((x - outputs.sigmoid()).square().mean())
    best = min(bits(found * factor) for factor in np.linspace(0.7, 1.3, 61))
    assert found == pytest.approx(mse - 1 / (12 * 255**2), rel=1e-6)
    assert bits(found) < best + 1e-3
    if sigma < 2 / 255:
        assert bits(found) < bits(mse)


def test_samples_of_twins_stay_on_the_grid_and_in_range() -> None:
    samples = with_sigma("discretized_shared_sigma", 5.0)(torch.zeros(2, *SHAPE).double()).sample(
        [99]
    )
    assert torch.equal(samples, likelihoods.quantise(samples))
    ends = ((samples == 0) | (samples == 1)).double().mean()
    assert ends < 0.05, "so wide a Gaussian, clipped, would be black or white nearly everywhere"

"""The discretised logistic and Gaussian against what they are special cases of."""

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

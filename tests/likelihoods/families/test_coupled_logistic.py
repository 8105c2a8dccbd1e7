"""Mixture of logistics over pixels against a loop over pixels, sums over all levels, samples."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.special
import torch
from torch import Tensor

import likelihoods
from likelihoods import Likelihood

special: Any = scipy.special  # typed the same with and without scipy-stubs
Array = npt.NDArray[np.float64]
NAME = "coupled_logistic_mixture"
K = 3


def made(shape: tuple[int, int, int] = (3, 2, 2), components: int = K) -> Likelihood:
    return likelihoods.create(NAME, shape, components=components).double()


def raw(likelihood: Likelihood, batch: int, narrower: float = 3.0) -> Tensor:
    """Raw outputs whose logistics are narrower than the range."""
    torch.manual_seed(0)
    channels, (count, height, width) = likelihood.output_channels, likelihood.shape
    outputs = torch.randn(batch, channels, height, width).double()
    outputs[:, channels - K * count :] -= narrower
    return outputs


def mass_of_level(level: int, location: float, log_scale: float) -> float:
    """The mass of one level in the unit of the reference: images in [-1, 1]."""
    scale = np.exp(max(log_scale, -7))
    below = -np.inf if level == 0 else ((2 * level - 1) / 255 - 1 - location) / scale
    above = np.inf if level == 255 else ((2 * level + 1) / 255 - 1 - location) / scale
    if below + above > 0:  # mirrored for the sake of accuracy
        below, above = -above, -below
    return float(special.expit(above) - special.expit(below))


def mass_of_pixel(outputs: Array, levels: tuple[int, ...]) -> float:
    """The mass of one pixel of three channels, as PixelCNN++ writes it, from its raw outputs."""
    weights = special.softmax(outputs[:K])
    alpha, beta, gamma = np.tanh(outputs[K : 4 * K].reshape(3, K))
    location, log_scale = outputs[4 * K :].reshape(2, K, 3)
    r, g, _ = (2 * level / 255 - 1 for level in levels)
    total = 0.0
    for k in range(K):
        means = (
            location[k, 0],
            location[k, 1] + alpha[k] * r,
            location[k, 2] + beta[k] * r + gamma[k] * g,
        )
        masses = [mass_of_level(levels[c], means[c], log_scale[k, c]) for c in range(3)]
        total += weights[k] * np.prod(masses)
    return float(total)


def test_log_prob_is_that_of_a_loop_over_pixels() -> None:
    likelihood = made()
    outputs = raw(likelihood, 5)
    levels = torch.randint(256, (5, 3, 2, 2))
    levels[0], levels[1] = 0, 255
    expected = [
        sum(
            np.log(mass_of_pixel(one[:, i, j].numpy(), tuple(image[:, i, j].tolist())))
            for i, j in itertools.product(range(2), range(2))
        )
        for one, image in zip(outputs, levels, strict=True)
    ]
    found = likelihood(outputs).log_prob(levels / 255)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def masses_of(likelihood: Likelihood, outputs: Tensor, *levels: Tensor) -> Tensor:
    """The masses of a pixel at all combinations of levels, one tensor of them a channel."""
    pixels = torch.cartesian_prod(*levels).view(-1, len(levels), 1, 1).double() / 255
    masses = [likelihood(outputs).log_prob(part) for part in pixels.split(8192)]
    return torch.cat(masses).exp().view([len(each) for each in levels])


def test_the_masses_of_two_channels_sum_to_one() -> None:
    likelihood = made((2, 1, 1))
    every = torch.arange(256)
    total = masses_of(likelihood, raw(likelihood, 1), every, every).sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


COARSE = torch.cat([torch.arange(5), torch.arange(7, 250, 5), torch.arange(250, 256)])
"""Every level at the ends, whose bins are open; between them every fifth."""


def coarse_masses(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """The masses of a pixel of three channels; between the ends a level stands for five."""
    weights = torch.where((COARSE > 4) & (COARSE < 250), 5.0, 1.0).double()
    masses = masses_of(likelihood, outputs, COARSE, COARSE, COARSE)
    return torch.einsum("rgb,r,g,b->rgb", masses, weights, weights, weights)


def test_the_masses_of_three_channels_sum_to_one_over_a_coarse_grid() -> None:
    likelihood = made((3, 1, 1))
    total = coarse_masses(likelihood, raw(likelihood, 1, narrower=1.5)).sum()
    assert total.item() == pytest.approx(1, abs=1e-3)


def test_samples_of_two_channels_are_as_frequent_as_their_masses() -> None:
    likelihood = made((2, 1, 1))
    outputs = raw(likelihood, 1)
    every, cells = torch.arange(256), 16
    masses = masses_of(likelihood, outputs, every, every)
    expected = masses.view(cells, 16, cells, 16).sum((1, 3)).flatten()
    n = 100_000
    drawn = (likelihood(outputs).sample(torch.Size([n])).view(n, 2) * 255).round().long() // 16
    counts = torch.bincount(drawn[:, 0] * cells + drawn[:, 1], minlength=cells**2)
    often = expected * n > 10
    chi = ((counts - n * expected).square() / (n * expected))[often].sum().item()
    freedom = int(often.sum())
    assert freedom > 30
    assert abs(chi - freedom) < 6 * np.sqrt(2 * freedom)


def test_samples_of_three_channels_have_the_moments_of_their_masses() -> None:
    likelihood = made((3, 1, 1))
    outputs = raw(likelihood, 1, narrower=1.5)
    masses, x = coarse_masses(likelihood, outputs), COARSE.double() / 255
    samples = likelihood(outputs).sample(torch.Size([200_000])).view(-1, 3)
    for powers in itertools.product(range(3), repeat=3):
        expected = torch.einsum("rgb,r,g,b->", masses, *(x**power for power in powers)).item()
        found = (samples ** torch.tensor(powers)).prod(1)
        error = 6 * found.std().item() / np.sqrt(len(found)) + 1e-3
        assert found.mean().item() == pytest.approx(expected, abs=error), powers


def test_the_mean_is_the_sum_over_levels() -> None:
    likelihood = made((2, 1, 1))
    every = torch.arange(256)
    for narrower, tolerance in ((5.0, 0.15), (3.0, 0.6), (1.0, 1.0)):  # in levels
        outputs = raw(likelihood, 12, narrower)
        found = 255 * likelihood(outputs).mean.view(12, 2)
        for one, mean in zip(outputs.split(1), found, strict=True):
            masses = masses_of(likelihood, one, every, every)
            expected = torch.stack([masses.sum(1) @ every.double(), masses.sum(0) @ every.double()])
            np.testing.assert_allclose(mean[0].item(), expected[0].item(), atol=0.01)
            np.testing.assert_allclose(mean[1].item(), expected[1].item(), atol=tolerance)


def test_the_mean_of_the_third_channel_is_that_of_samples() -> None:
    likelihood = made((3, 4, 4), components=2)
    outputs = raw(likelihood, 2)
    distribution = likelihood(outputs)
    samples = distribution.sample(torch.Size([4000]))
    error = 6 * samples.std(0) / np.sqrt(len(samples)) + 0.6 / 255
    assert ((samples.mean(0) - distribution.mean).abs() < error).all()


def test_a_grey_image_has_the_plain_mixture() -> None:
    coupled = made((1, 4, 4))
    plain = likelihoods.create("logistic_mixture", (1, 4, 4), components=K).double()
    assert coupled.output_channels == plain.output_channels
    outputs = raw(coupled, 3)
    x = torch.randint(256, (3, 1, 4, 4)).double() / 255
    assert torch.equal(coupled(outputs).log_prob(x), plain(outputs).log_prob(x))
    assert torch.equal(coupled(outputs).mean, plain(outputs).mean)
    for edges in zip(coupled.level_cdf(outputs, x), plain.level_cdf(outputs, x), strict=True):
        torch.testing.assert_close(*edges, rtol=0, atol=1e-14)


def test_a_pixel_has_ten_outputs_a_component() -> None:
    assert likelihoods.create(NAME, (3, 2, 2)).output_channels == 100
    assert likelihoods.create(NAME, (3, 2, 2), components=4).output_channels == 40
    assert likelihoods.create(NAME, (1, 2, 2), components=4).output_channels == 12


def test_level_cdf_is_that_of_a_channel_given_the_one_before() -> None:
    likelihood = made((2, 1, 1))
    outputs, every = raw(likelihood, 1), torch.arange(256)
    masses = masses_of(likelihood, outputs, every, every)
    x = torch.cartesian_prod(torch.tensor([0, 100, 255]), torch.tensor([0, 31, 130, 255]))
    below, above = likelihood.level_cdf(outputs, x.double().view(-1, 2, 1, 1) / 255)
    for (r, g), low, high in zip(x.tolist(), below.view(-1, 2), above.view(-1, 2), strict=True):
        red, green = masses.sum(1), masses[r] / masses[r].sum()
        expected = [[red[:r].sum(), green[:g].sum()], [red[: r + 1].sum(), green[: g + 1].sum()]]
        np.testing.assert_allclose([low.tolist(), high.tolist()], expected, atol=1e-12)

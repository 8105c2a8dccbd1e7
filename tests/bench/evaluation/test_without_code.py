"""Rows without a code: against counts, scipy, and the black constant that open bins reward."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

import likelihoods
from bench import models
from bench.data import Data, images
from bench.evaluation import Trained
from bench.evaluation.base import MemoryCache
from bench.evaluation.without_code import MeanImage, References, fitted, principal_variance, score

stats: Any = scipy.stats  # typed the same with and without scipy-stubs


def untrained(data: Data, name: str = "vae", **options: Any) -> Trained:
    likelihood = likelihoods.create("gaussian", data.shape)
    return Trained(models.create(name, likelihood, seed=0, **options), data, seed=0)


def pixels(items: Tensor) -> Any:
    return images(items).numpy().astype(np.float64)


def test_both_are_those_of_numpy(data: Data) -> None:
    reached = score(untrained(data), data.test, 7)
    train, test = pixels(data.train), pixels(data.test)
    mean = train.mean(0) / 255
    sigma = math.sqrt(((train / 255 - mean) ** 2).mean())
    gaussian = stats.norm(mean, sigma)
    edges = (gaussian.cdf((test + side) / 255) for side in (0.5, -0.5))
    whole = gaussian.cdf(255.5 / 255) - gaussian.cdf(-0.5 / 255)
    counts = np.array([(train == level).sum(0) for level in range(256)])
    frequency = (counts + 1) / (len(train) + 256)
    seen = np.take_along_axis(frequency, test.astype(int), 0)
    bits = mean.size * math.log(2)
    expected = {
        "mean_image_nll_nats": -gaussian.logpdf(test / 255).sum((1, 2, 3)).mean(),
        "mean_image_bits_per_dim": -np.log(np.subtract(*edges) / whole).sum((1, 2, 3)).mean()
        / bits,
        "mean_image_mse": ((test / 255 - mean) ** 2).mean(),
        "histogram_nll_nats": -np.log(seen).sum((1, 2, 3)).mean(),
        "histogram_bits_per_dim": -np.log(seen).sum((1, 2, 3)).mean() / bits,
    }
    for key, value in expected.items():
        assert reached[key] == pytest.approx(value, rel=1e-5), key
    assert (np.log2(frequency).max(0) < 0).all(), "no level is certain"


def test_images_of_both(data: Data) -> None:
    known = fitted(untrained(data))
    assert torch.equal(known.means(3)[0], known.means(3)[2])
    error = (known.means(1)[0] / 255 - known.mean).abs().max().item()
    assert error <= 0.5 / 255 + 1e-6
    drawn = torch.cat(list(known.samples(3000)))
    assert drawn.shape == (3000, *data.shape)
    levels = torch.arange(256).view(-1, 1, 1, 1)
    expected = (known.log_histogram.exp() * levels).sum(0)
    spread = (known.log_histogram.exp() * (levels - expected).square()).sum(0).sqrt()
    z = (drawn.float().mean(0) - expected) / (spread / math.sqrt(3000))
    assert z.abs().max().item() < 5


def test_the_largest_variance_of_a_direction_is_that_of_the_covariance(data: Data) -> None:
    x = pixels(data.train).reshape(len(data.train), -1) / 255
    largest = np.linalg.eigvalsh(np.cov(x.T))[-1]
    assert principal_variance(untrained(data)) == pytest.approx(largest, rel=1e-5)


def test_it_is_computed_once_a_data_set(data: Data) -> None:
    cache = MemoryCache()
    first = untrained(data._replace(checksum="0"))
    first.cache = cache
    reached = References().measure(first).columns
    other = untrained(data._replace(checksum="0", test=255 - data.test))
    other.cache = cache
    assert References().measure(other).columns == reached
    other.data = other.data._replace(checksum="1")
    assert References().measure(other).columns != reached


def test_a_black_constant_gains_nothing_from_the_range() -> None:
    """With open end bins it is better than the histogram would be; with closed ones it is not."""
    x = torch.zeros(1, 1, 28, 28)
    x[..., 8:20, 8:20] = 1.0  # a fifth of the image is white
    black = MeanImage((1, 28, 28), variance=1.0)
    bits = {
        name: -float(method(torch.zeros_like(x), x)) / (784 * math.log(2))
        for name, method in (("open", black.log_mass_censored), ("closed", black.log_mass))
    }
    assert bits["open"] < 2
    assert bits["closed"] == pytest.approx(8, abs=0.25)  # all levels are about alike

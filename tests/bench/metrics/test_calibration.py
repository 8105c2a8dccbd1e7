from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

import likelihoods
from bench.metrics.calibration import BINS, INTERVALS, Calibration, Transforms, transform

stats: Any = scipy.stats  # typed the same with and without scipy-stubs
norm: Any = stats.norm
COUNT = 200_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counted(*parts: Tensor) -> Calibration:
    transforms = Transforms()
    for part in parts:
        transforms.update(part)
    return transforms.result()


@pytest.mark.parametrize("power", [1.0, 0.5, 3.0])
def test_equals_numpy_on_stored_transforms(power: float) -> None:
    found = torch.rand(7, 11, 13, generator=generator(), dtype=torch.float64) ** power
    found[0, 0, :4] = torch.tensor([0.0, 1.0, 0.5, 0.05])
    result = counted(*found.split(2))
    values = found.numpy().ravel()
    edges = np.arange(1, 20) / 20
    shares = np.histogram(values, np.arange(21) / 20)[0] / values.size
    np.testing.assert_allclose(result.histogram, shares, rtol=1e-12)
    cdf = np.array([(values < edge).mean() for edge in edges])
    assert result.error == pytest.approx(np.abs(cdf - edges).mean(), rel=1e-12)
    for percent, covered in result.coverage.items():
        low = (1 - percent / 100) / 2
        expected = 100 * np.mean((values >= low) & (values <= 1 - low))
        assert covered == pytest.approx(expected, rel=1e-12)
    assert result.count == values.size
    assert sum(result.histogram) == pytest.approx(1)


def test_uniform_transforms_are_calibrated() -> None:
    result = counted(torch.rand(COUNT, generator=generator(), dtype=torch.float64))
    assert result.error < 3e-3
    np.testing.assert_allclose(result.histogram, 1 / BINS, atol=3e-3)
    for percent, covered in result.coverage.items():
        assert covered == pytest.approx(percent, abs=0.5)


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_a_scale_that_is_wrong_by_a_factor_has_known_coverage(factor: float) -> None:
    # u = Phi(x / factor) for x ~ N(0, 1): F(p) = Phi(factor Phi^-1(p)).
    x = torch.randn(COUNT, generator=generator(), dtype=torch.float64)
    result = counted(torch.special.ndtr(x / factor))
    for percent, covered in result.coverage.items():
        expected = 2 * norm.cdf(factor * norm.ppf((1 + percent / 100) / 2)) - 1
        spread = math.sqrt(expected * (1 - expected) / COUNT)
        assert covered / 100 == pytest.approx(expected, abs=5 * spread + 1e-9)
    edges = np.arange(1, 20) / 20
    error = np.abs(norm.cdf(factor * norm.ppf(edges)) - edges).mean()
    assert result.error == pytest.approx(error, abs=3e-3)


def test_a_gaussian_decoder_with_twice_the_sigma_of_the_data() -> None:
    sigma = 0.08
    decoder = likelihoods.create("beta_vae", shape=(1, 100, 100), beta=(2 * sigma) ** 2).eval()
    noise = torch.randn(10, 1, 100, 100, generator=generator(), dtype=torch.float64)
    x = ((0.5 + sigma * noise).clamp(0, 1) * 255).round() / 255
    below, above = decoder.level_cdf(torch.zeros(10, 1, 100, 100), x)
    result = counted(transform(below, above, generator(1)))
    for percent, covered in result.coverage.items():
        expected = 200 * norm.cdf(2 * norm.ppf((1 + percent / 100) / 2)) - 100
        assert covered == pytest.approx(expected, abs=0.5)


def test_the_randomised_transform_of_a_discrete_value_is_uniform() -> None:
    mass = torch.tensor([0.6, 0.0, 0.3, 0.1], dtype=torch.float64)
    levels = torch.multinomial(mass, 50_000, replacement=True, generator=generator())
    above = mass.cumsum(0)
    drawn = transform((above - mass)[levels], above[levels], generator(1))
    assert drawn.shape == levels.shape
    assert stats.kstest(drawn.numpy(), "uniform").pvalue > 1e-3
    # Without the randomisation, or with one place for all values, it is not.
    for wrong in (above[levels], (above - 0.5 * mass)[levels]):
        assert stats.kstest(wrong.numpy(), "uniform").pvalue < 1e-3


def test_the_transform_is_determined_by_the_generator() -> None:
    below, above = torch.full((2, 50), 0.2), torch.full((2, 50), 0.7)
    first, same, other = (transform(below, above, generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert len(first.unique()) == 100
    assert (first >= 0.2).all()
    assert (first < 0.7).all()


@pytest.mark.parametrize(
    ("value", "error", "coverage"), [(0.0, 0.5, 0), (1.0, 0.5, 0), (0.5, 5 / 19, 100)]
)
def test_extremes(value: float, error: float, coverage: float) -> None:
    result = counted(torch.full((30,), value))
    assert result.error == pytest.approx(error)
    assert result.coverage == dict.fromkeys(INTERVALS, coverage)
    assert max(result.histogram) == 1


@pytest.mark.parametrize("rounded", [-1e-15, 1 + 1e-15])
def test_probabilities_sum_to_one_but_for_rounding(rounded: float) -> None:
    """Seen of a categorical decoder: the levels below one of no probability sum to 1 + 2e-16."""
    result = counted(torch.tensor([rounded, 0.5], dtype=torch.float64))
    assert sum(result.histogram) == 1


@pytest.mark.parametrize("wrong", [math.nan, -1e-6, 1.001, math.inf])
def test_refuses_what_is_no_probability(wrong: float) -> None:
    with pytest.raises(ValueError, match="not in"):
        Transforms().update(torch.tensor([0.5, wrong], dtype=torch.float64))


def test_nothing_has_no_calibration() -> None:
    with pytest.raises(ValueError, match="no transform"):
        Transforms().result()

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.metrics.frechet import Accumulator, Statistics, frechet_distance, statistics
from tests.bench.metrics.reference import pytorch_fid_distance


def features(count: int, dimensions: int, seed: int, rank: int | None = None) -> Tensor:
    """Correlated, skewed, non-negative where of full rank: as pooled ReLU features are."""
    generator = torch.Generator().manual_seed(seed)
    rank = rank or dimensions
    mixing = torch.randn(rank, dimensions, generator=generator, dtype=torch.float64)
    spread = torch.logspace(0, -2, rank, dtype=torch.float64)[:, None]
    source = torch.randn(count, rank, generator=generator, dtype=torch.float64)
    mixed = source @ (mixing * spread) + 0.1 * seed
    return mixed if rank < dimensions else mixed.relu()


def test_distance_of_diagonal_covariances_in_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    draw = torch.rand(4, 30, generator=generator, dtype=torch.float64)
    mean_a, mean_b, std_a, std_b = draw
    a = Statistics(1000, mean_a, torch.diag(std_a))
    b = Statistics(1000, mean_b, torch.diag(std_b))
    expected = (mean_a - mean_b).square().sum() + (std_a - std_b).square().sum()
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-12)


def test_distance_in_one_dimension() -> None:
    one = torch.ones(1, dtype=torch.float64)
    distance = frechet_distance(
        Statistics(9, one, 2 * one[None]), Statistics(9, 3 * one, 5 * one[None])
    )
    assert distance == pytest.approx(2**2 + (5 - 2) ** 2)


@pytest.mark.parametrize("dimensions", [64, 256])
@pytest.mark.parametrize(
    ("count_a", "count_b", "rank"),
    [
        pytest.param(1000, 1000, None, id="full rank"),
        pytest.param(40, 40, None, id="fewer images than dimensions"),
        pytest.param(1000, 40, None, id="one of them"),
        pytest.param(1000, 1000, 20, id="dependent features"),
        pytest.param(40, 1000, 20, id="dependent features of few images"),
    ],
)
def test_distance_equals_pytorch_fid(
    dimensions: int, count_a: int, count_b: int, rank: int | None
) -> None:
    a = statistics(features(count_a, dimensions, 1, rank))
    b = statistics(features(count_b, dimensions, 2, rank))
    assert frechet_distance(a, b) == pytest.approx(pytorch_fid_distance(a, b), rel=1e-6)


def test_features_that_never_fire_cost_nothing() -> None:
    alive_a, alive_b = features(100, 20, 1), features(100, 20, 2)
    dead = torch.zeros(100, 10, dtype=torch.float64)
    padded = [statistics(torch.cat([alive, dead], 1)) for alive in (alive_a, alive_b)]
    alive = frechet_distance(statistics(alive_a), statistics(alive_b))
    assert frechet_distance(*padded) == pytest.approx(alive, rel=1e-12)
    # pytorch-fid may get there through its offset of 1e-6: near, but not bound to be equal.
    assert pytorch_fid_distance(*padded) == pytest.approx(alive, rel=1e-3)


@pytest.mark.parametrize("count", [20, 500])
def test_distance_is_a_distance(count: int) -> None:
    a, b = statistics(features(count, 64, 1)), statistics(features(count, 64, 2))
    assert frechet_distance(a, b) > 0
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-10 * float(a.covariance.trace()))


def test_few_images_have_the_statistics_of_numpy() -> None:
    values = features(20, 64, 1) + 1e4
    result = statistics(values)
    assert result.factor.shape == (64, 19)
    np.testing.assert_allclose(result.mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(values, rowvar=False), atol=1e-9)


def test_distance_to_point_masses() -> None:
    flat = statistics(torch.ones(10, 5))
    cloud = statistics(features(50, 5, 1))
    expected = (cloud.mean - 1).square().sum() + cloud.covariance.trace()
    assert frechet_distance(flat, flat) == 0
    assert frechet_distance(flat, cloud) == pytest.approx(float(expected))


@pytest.mark.parametrize("count", [30, 500])
def test_distance_does_not_change_under_rotation(count: int) -> None:
    a, b = features(count, 64, 1), features(count, 64, 2)
    random = torch.randn(64, 64, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    rotation, _ = torch.linalg.qr(random)
    rotated = frechet_distance(statistics(a @ rotation), statistics(b @ rotation))
    assert rotated == pytest.approx(frechet_distance(statistics(a), statistics(b)), rel=1e-9)


def test_distance_rejects_what_does_not_match() -> None:
    a = statistics(features(20, 5, 1))
    with pytest.raises(ValueError, match="5 and 4 dimensions"):
        frechet_distance(a, statistics(features(20, 4, 1)))
    with pytest.raises(ValueError, match="NaN"):
        frechet_distance(a, dataclasses.replace(a, mean=a.mean * math.nan))


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_accumulator_equals_numpy(batch: int) -> None:
    values = features(100, 12, 1)
    accumulator = Accumulator()
    for start in range(0, len(values), batch):
        accumulator.update(values[start : start + batch])
    result = accumulator.statistics()
    assert result.count == 100
    np.testing.assert_allclose(result.mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(values, rowvar=False), rtol=1e-10)


def test_accumulator_keeps_a_small_spread_on_a_large_mean() -> None:
    values = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    accumulator = Accumulator()
    for start in range(0, 1000, 10):
        accumulator.update(values[start : start + 10] + 1e8)
    expected = np.cov(values + 1e8, rowvar=False)  # sees the rounding of the data as well
    np.testing.assert_allclose(accumulator.statistics().covariance, expected, rtol=1e-6, atol=1e-8)


def test_accumulator_computes_in_float64_and_goes_on_after_a_result() -> None:
    values = features(60, 8, 1).float()
    accumulator = Accumulator().update(values[:40])
    early = accumulator.statistics()
    kept = early.mean.clone(), early.covariance.clone()
    accumulator.update(values[:0]).update(values[40:])
    assert early.covariance.dtype == early.mean.dtype == torch.float64
    assert torch.equal(early.mean, kept[0])
    assert torch.equal(early.covariance, kept[1])
    expected = np.cov(values.double(), rowvar=False)
    np.testing.assert_allclose(accumulator.statistics().covariance, expected, rtol=1e-10)


def test_accumulator_rejects_bad_features() -> None:
    with pytest.raises(ValueError, match="at least 2 images"):
        statistics(torch.ones(1, 4))
    with pytest.raises(ValueError, match="matrix"):
        statistics(torch.ones(4))
    with pytest.raises(ValueError, match="NaN"):
        statistics(torch.tensor([[1.0], [math.nan]]))
    with pytest.raises(ValueError, match="3 dimensions, earlier 4"):
        Accumulator().update(torch.ones(2, 4)).update(torch.ones(2, 3))

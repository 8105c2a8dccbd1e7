from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from reports.analysis.intervals import (
    FEWEST,
    Interval,
    _interval,
    effect,
    improvement,
    paired,
    told_apart,
)


def runs(values: list[float], seeds: list[int] | None = None, **columns: object) -> pd.DataFrame:
    given = {"x": values, "seed": seeds or list(range(len(values))), "status": "finished"}
    return pd.DataFrame(given | columns)


FIVE = [0.3, -1.2, 0.8, 2.0, 0.1]


def test_the_interval_of_few_seeds_is_that_of_plain_resampling() -> None:
    found = effect(np.array(FIVE))
    rng = np.random.default_rng(7)
    means = np.array(FIVE)[rng.integers(5, size=(40_000, 5))].mean(axis=1)
    assert found.mean == pytest.approx(np.mean(FIVE))
    assert found.interval is not None
    low, high = np.quantile(means, [0.025, 0.975])
    assert found.interval.low == pytest.approx(low, abs=0.05)
    assert found.interval.high == pytest.approx(high, abs=0.05)


def test_the_interval_of_three_seeds_is_their_range() -> None:
    assert effect(np.array([1.0, 2.0, 5.0])).interval == Interval(1.0, 5.0)


def test_many_seeds_are_corrected_for_skewness() -> None:
    values = np.exp(np.random.default_rng(0).normal(size=30))
    found = effect(values).interval
    assert found is not None
    means = values[np.random.default_rng(1).integers(30, size=(40_000, 30))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    assert found.low > low
    assert found.high > high + 0.05


def test_the_same_values_give_the_same_interval() -> None:
    found = effect(np.array(FIVE))
    _interval.cache_clear()
    assert effect(np.array(FIVE)) == found


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "nothing was measured"),
        ([1.0], "1 seed"),
        ([1.0, 2.0], "2 seeds"),
        ([2.0] * 4, "the same value"),
        ([0.0] * 4, "the same value"),
        ([0.1 + 0.2, 0.3, 0.3], "the same value"),
        ([1.0, np.inf, 2.0], "infinite"),
    ],
)
def test_without_an_interval_there_is_a_reason(values: list[float], why: str) -> None:
    found = effect(np.array(values))
    assert found.interval is None
    assert why in found.why


def test_differences_are_paired_by_seed_and_not_by_position() -> None:
    first = runs([1.0, 2.0, 3.0], [0, 1, 2])
    second = runs([2.5, 2.0, 1.5], [2, 1, 0])
    found = paired(first, second, "x")
    assert found.mean == pytest.approx(0.0)
    assert found.interval == Interval(-0.5, 0.5)


def test_pairing_removes_what_a_seed_does_to_both() -> None:
    noise = np.random.default_rng(0).normal(scale=100, size=6)
    gain = np.array([1.0, 1.2, 0.9, 1.1, 0.8, 1.0])
    first, second = runs([*(noise - gain)]), runs([*noise])
    assert told_apart(first, second, "x")
    assert not told_apart(first, runs([*noise[::-1]]), "x")


def test_a_seed_that_one_of_both_lost_is_counted() -> None:
    second = runs([1.0, 2.0, 4.0, 8.0])
    second.loc[3, "status"] = "diverged"
    found = paired(runs([0.0, 0.0, 0.0, 0.0]), second, "x")
    assert (found.count, found.lost) == (3, 1)
    assert found.mean == pytest.approx(-7 / 3)


def test_different_seeds_do_not_paired() -> None:
    found = paired(runs([1.0, 2.0], [0, 1]), runs([1.0, 2.0], [2, 3]), "x")
    assert (found.mean, found.interval, found.lost) == (None, None, 4)
    assert found.why == "no seed was measured in both"


def test_equal_infinities_differ_by_nothing() -> None:
    found = paired(runs([np.inf] * 3), runs([np.inf] * 3), "x")
    assert found.mean == 0.0
    assert paired(runs([np.inf] * 3), runs([1.0] * 3), "x").why == "an infinite value"


def test_what_nobody_measured_does_not_paired() -> None:
    assert paired(runs([1.0] * 3), runs([1.0] * 3), "y").mean is None
    assert paired(pd.DataFrame(), runs([1.0] * 3), "x").mean is None


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_probability_of_improvement_is_mann_whitneys(size: int) -> None:
    rng = np.random.default_rng(size)
    x, y = (rng.integers(4, size=each).astype(np.float64) for each in (size, size + 1))
    u = mannwhitneyu(y, x, method="asymptotic").statistic  # pairs with y > x, ties half
    found = improvement(x, y).mean
    assert found == pytest.approx(u / (x.size * y.size))
    assert improvement(x, y, lower=False).mean == pytest.approx(1 - u / (x.size * y.size))


def test_the_interval_of_the_probability_resamples_both() -> None:
    x, y = np.array([1.0, 3.0, 5.0, 7.0]), np.array([2.0, 4.0, 6.0, 8.0])
    found = improvement(x, y)
    rng = np.random.default_rng(3)
    a, b = (each[rng.integers(4, size=(20_000, 4))] for each in (x, y))
    shares = (a[:, :, None] < b[:, None, :]).mean(axis=(1, 2))
    assert found.mean == pytest.approx(10 / 16)
    assert found.interval is not None
    low, high = np.quantile(shares, [0.025, 0.975])
    assert found.interval.low == pytest.approx(low, abs=0.07)
    assert found.interval.high == pytest.approx(high, abs=0.07)


@pytest.mark.parametrize("y", [[4.0, 5.0, 6.0], [0.0, 0.0, 0.0]])
def test_a_certain_improvement_has_no_interval(y: list[float]) -> None:
    found = improvement(np.array([1.0, 2.0, 3.0]), np.array(y))
    assert found.mean in (0.0, 1.0)
    assert found.interval is None
    assert "every resample" in found.why


def test_few_runs_have_a_probability_without_an_interval() -> None:
    found = improvement(np.array([1.0, 2.0]), np.array([1.5, 2.5, 3.5]))
    assert found.mean == pytest.approx(5 / 6)
    assert str(FEWEST) in found.why
    assert improvement(np.array([]), np.array([1.0])).mean is None


@pytest.mark.parametrize("count", [3, 9, 10, 30])
def test_one_outlier_leaves_the_interval_finite(count: int) -> None:
    found = effect(np.array([0.0] * (count - 1) + [1e6])).interval
    assert found is not None
    assert 0 <= found.low <= found.high <= 1e6


def test_many_runs_fit_into_memory() -> None:
    x = np.arange(200.0)
    assert improvement(x, x).mean == pytest.approx(0.5)

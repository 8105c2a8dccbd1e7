from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import ndtr

from reports.analysis.intervals import (
    FEWEST,
    LEVEL,
    Effect,
    correlation,
    effect,
    holm,
    improvement,
    paired,
    student,
)

FIVE = [0.3, -1.2, 0.8, 2.0, 0.1]
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]

NORMAL: Draw = lambda rng, shape: rng.normal(size=shape)  # noqa: E731
EXPONENTIAL: Draw = lambda rng, shape: rng.exponential(size=shape)  # noqa: E731
LOG_NORMAL: Draw = lambda rng, shape: rng.lognormal(sigma=0.5, size=shape)  # noqa: E731


def runs(values: list[float], seeds: list[int] | None = None, **columns: object) -> pd.DataFrame:
    given = {"x": values, "seed": seeds or list(range(len(values))), "status": "finished"}
    return pd.DataFrame(given | columns)


def test_the_interval_and_the_p_value_are_those_of_scipys_t_test() -> None:
    found = effect(np.array(FIVE))
    test = stats.ttest_1samp(FIVE, 0.0)
    expected = test.confidence_interval(LEVEL)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected))
    assert found.p_value == pytest.approx(test.pvalue)
    assert found.above(0.5) == pytest.approx(
        stats.ttest_1samp(FIVE, 0.5, alternative="greater").pvalue
    )
    assert found.below(0.5) == pytest.approx(
        stats.ttest_1samp(FIVE, 0.5, alternative="less").pvalue
    )
    assert (found.above(-np.inf), found.below(np.inf)) == (0.0, 0.0)


@pytest.mark.parametrize("draw", [NORMAL, EXPONENTIAL, LOG_NORMAL])
@pytest.mark.parametrize("seeds", [5, 10])
def test_the_interval_of_a_difference_of_two_decoders_holds_its_level(
    draw: Draw, seeds: int
) -> None:
    rng = np.random.default_rng(0)
    differences = draw(rng, (40_000, seeds)) - draw(rng, (40_000, seeds))
    errors = differences.std(axis=1, ddof=1) / np.sqrt(seeds)
    half = student(0.0, 1.0, seeds).high
    assert 0.93 <= np.mean(np.abs(differences.mean(axis=1)) <= half * errors) <= 0.97
    for some in differences[:20]:
        found = effect(some)
        assert found.interval is not None
        inside = abs(some.mean()) <= half * some.std(ddof=1) / np.sqrt(seeds)
        assert inside != found.interval.excludes(0.0), "what was counted is what is returned"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "nothing was measured"),
        ([1.0], "1 seed, an interval needs 5"),
        ([1.0, 2.0, 5.0, 7.0], "4 seeds, an interval needs 5"),
        ([2.0] * 5, "the same value"),
        ([0.0] * 5, "the same value"),
        ([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3], "the same value"),
        ([1.0, np.inf, 2.0, 3.0, 4.0], "infinite"),
    ],
)
def test_without_an_interval_there_is_a_reason_and_no_evidence(
    values: list[float], why: str
) -> None:
    found = effect(np.array(values))
    assert found.interval is None
    assert why in found.why
    assert (found.p_value, found.above(0.5), found.below(0.5)) == (1.0, 1.0, 1.0)


# --- several comparisons ---


def test_holm_is_that_of_the_paper() -> None:
    # Holm (1979): the smallest times 4, the next times 3, ..., never falling, at most 1.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == pytest.approx([0.02])
    assert holm([]).size == 0


def test_holm_keeps_the_level_whatever_the_dependence() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 6))
    for mixed in (own, (own + 2 * shared) / np.sqrt(5)):
        p_values = 2 * ndtr(-np.abs(mixed))
        assert np.mean([min(holm(each)) <= 0.05 for each in p_values]) <= 0.06


# --- pairs ---


def test_differences_are_paired_by_seed_and_not_by_position() -> None:
    first = runs([1.0, 2.0, 3.0, 4.0, 5.0], [0, 1, 2, 3, 4])
    second = runs([5.5, 4.0, 3.0, 2.0, 0.5], [4, 3, 2, 1, 0])
    found = paired(first, second, "x")
    assert found.mean == pytest.approx(0.0)
    assert found.interval is not None
    expected = stats.ttest_rel([1, 2, 3, 4, 5], [0.5, 2, 3, 4, 5.5]).confidence_interval(LEVEL)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(expected))


def test_pairing_removes_what_a_seed_does_to_both() -> None:
    noise = np.random.default_rng(0).normal(scale=100, size=6)
    gain = np.array([1.0, 1.2, 0.9, 1.1, 0.8, 1.0])
    first, second = runs([*(noise - gain)]), runs([*noise])
    assert paired(first, second, "x").p_value < 0.001
    assert paired(first, runs([*noise[::-1]]), "x").p_value > 0.5


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


def test_the_correlation_of_paired_seeds_is_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(3, 6))
    expected = np.mean([stats.pearsonr(own[i], own[j])[0] for i, j in ((0, 1), (0, 2), (1, 2))])
    measured = [pd.Series(each) for each in own]
    assert correlation(measured) == pytest.approx(expected)
    shifted = [pd.Series(each[::-1], index=range(5, -1, -1)) for each in own]
    assert correlation(shifted) == pytest.approx(expected), "by seed, not by position"
    constant, infinite = pd.Series([1.0] * 6), pd.Series([np.inf] * 6)
    assert correlation([*measured, constant, infinite]) == pytest.approx(expected)
    for nothing in ([], measured[:1], [each[:2] for each in measured], [constant] * 3):
        assert correlation(nothing) is None


# --- the probability of improvement ---


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_probability_of_improvement_is_mann_whitneys(size: int) -> None:
    rng = np.random.default_rng(size)
    x, y = (rng.integers(4, size=each).astype(np.float64) for each in (size, size + 1))
    u = stats.mannwhitneyu(y, x, method="asymptotic").statistic  # pairs with y > x, ties half
    assert improvement(x, y) == pytest.approx(u / (x.size * y.size))
    assert improvement(x, y, lower=False) == pytest.approx(1 - u / (x.size * y.size))


def test_equal_infinities_are_ties() -> None:
    assert improvement(np.array([np.inf, 1.0]), np.array([np.inf])) == 0.75


def test_an_effect_without_an_error_is_no_evidence() -> None:
    assert Effect(-3.0, None, FEWEST).p_value == 1.0

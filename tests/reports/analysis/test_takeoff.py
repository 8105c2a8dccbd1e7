from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.analysis.groups import Entry, groups
from reports.analysis.intervals import effect
from reports.analysis.takeoff import (
    INFORMATION,
    MARGINAL,
    PLATEAU,
    THRESHOLDS,
    NoTakeOff,
    TakeOff,
    _jackknife,
    crossing,
    take_off,
)
from tests.reports.typed import content, run

BETAS = (0.01, 0.1, 1.0, 10.0)


def entry(curves: list[list[float]], information: float = 2.0, key: str = MARGINAL) -> Entry:
    """One curve a seed, its heights in the order of BETAS."""
    runs = [
        run(
            "odd",
            seed,
            option_beta=beta,
            variance=beta,
            **{INFORMATION: information, "information_cap_nats": 8.0} | {key: height},
        )
        for seed, heights in enumerate(curves)
        for beta, height in zip(BETAS, heights, strict=True)
    ]
    (group,) = groups(content(runs))
    return next(each for each in group.entries if each.settings)


def test_the_crossing_is_linear_in_the_logarithm() -> None:
    found = take_off(entry([[100.0, 20.0, 0.0, 0.0]]))
    assert isinstance(found, TakeOff)
    assert found.threshold == pytest.approx(5.0)
    assert np.log10(found.variance) == pytest.approx(-0.25), "a quarter of the way from 1 to 0.1"


@pytest.mark.parametrize("seeds", [1, 4])
def test_few_seeds_give_the_values_around_it(seeds: int) -> None:
    found = take_off(entry([[100.0 + seed, 20.0, 0.0, 0.0] for seed in range(seeds)]))
    assert isinstance(found, TakeOff)
    assert found.kind == "bracket"
    assert (found.interval.low, found.interval.high) == pytest.approx((0.1, 1.0))


def test_seeds_that_agree_give_the_values_around_it() -> None:
    found = take_off(entry([[100.0, 20.0, 0.0, 0.0]] * 5))
    assert isinstance(found, TakeOff)
    assert found.kind == "bracket"


def test_a_seed_without_which_there_is_no_crossing_gives_the_values_around_it() -> None:
    flat = [[0.0, 0.0, 0.0, 0.0]] * 4
    found = take_off(entry([[100.0, 20.0, 0.0, 0.0], *flat]))
    assert isinstance(found, TakeOff)
    assert found.kind == "bracket"


def test_the_interval_over_seeds_is_scipys_on_pseudo_values() -> None:
    seconds = np.array([6.0, 10.0, 20.0, 40.0, 15.0])
    found = take_off(entry([[100.0, second, 0.0, 0.0] for second in seconds]))
    assert isinstance(found, TakeOff)
    assert found.kind == "seeds"
    # log10: at beta 0.1 the height is the second, at beta 1 it is 0, the threshold is 5.
    whole = -5.0 / seconds.mean()
    left = np.array([-5.0 / np.delete(seconds, seed).mean() for seed in range(5)])
    half = 2.776445 * stats.sem(5 * whole - 4 * left)  # t of four degrees at 97.5 %
    assert np.log10(found.variance) == pytest.approx(whole)
    assert np.log10(found.interval.low) == pytest.approx(whole - half)
    assert np.log10(found.interval.high) == pytest.approx(whole + half)
    assert found.by_seed.mean() == pytest.approx(whole)
    assert stats.sem(found.by_seed) * 2.776445 == pytest.approx(half)


@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("seeds", [5, 10])
def test_the_interval_over_seeds_holds_its_level(skewed: bool, seeds: int) -> None:
    rng, places, inside = np.random.default_rng(0), np.log10(BETAS), []
    mean = np.array([100.0, 20.0, 0.0, 0.0])[:, None]  # crosses at 10^-0.25
    for _ in range(1500):
        drawn = rng.normal(size=(4, seeds))
        heights = mean * (np.exp(0.3 * drawn - 0.3**2 / 2) if skewed else 1 + 0.1 * drawn)
        at = crossing(places, heights.mean(axis=1), THRESHOLDS[MARGINAL])
        assert at is not None
        interval = effect(_jackknife(places, heights, at, THRESHOLDS[MARGINAL])).interval
        assert interval is not None
        inside.append(not interval.excludes(-0.25))
    assert 0.93 <= np.mean(inside) <= 0.97


@pytest.mark.parametrize(
    ("heights", "why"),
    [
        ([0.3, 0.2, 0.1, 0.0], "KL(m‖p) ranges over less than 1 nat"),
        ([5.0, 5.0, 5.0, 5.0], "KL(m‖p) ranges over less than 1 nat"),
        ([0.0, 1.0, 20.0, 100.0], "falls where it should rise"),
        ([np.nan, np.nan, np.nan, 1.0], "fewer than two values"),
    ],
)
def test_without_a_take_off_there_is_a_reason(heights: list[float], why: str) -> None:
    found = take_off(entry([heights]))
    assert isinstance(found, NoTakeOff)
    assert why in found.why


def test_of_several_crossings_the_last_one_before_it_stays_above_counts() -> None:
    places = np.array([-2.0, -1.0, 0.0, 1.0])
    heights = np.array([100.0, 0.0, 50.0, 0.0])
    assert crossing(places, heights, THRESHOLDS[MARGINAL]) == pytest.approx(-1.05)


def test_information_near_its_cap_is_told() -> None:
    for information, capped in ((7.9, True), (2.0, False)):
        found = take_off(entry([[100.0, 20.0, 0.0, 0.0]], information))
        assert isinstance(found, TakeOff)
        assert found.capped is capped


def test_seeds_that_lost_a_value_do_not_take_part() -> None:
    found = take_off(entry([[100.0, 20.0, 0.0, 0.0], [100.0, 90.0, np.nan, 0.0]]))
    assert isinstance(found, TakeOff)
    assert list(found.by_seed.index) == [0]
    assert np.log10(found.variance) == pytest.approx(-0.25)


# --- the plateau of the information ---


def plateau(*curves: list[float]) -> TakeOff | NoTakeOff:
    return take_off(entry(list(curves), key=INFORMATION), INFORMATION)


def test_the_plateau_ends_where_the_information_has_lost_a_twentieth_of_its_most() -> None:
    found = plateau([8.0, 8.0, 4.0, 0.0])
    assert isinstance(found, TakeOff)
    assert found.threshold == pytest.approx(PLATEAU * 8.0)
    assert np.log10(found.variance) == pytest.approx(-0.9), "a tenth of the way from 0.1 to 1"


def test_a_plateau_at_ln_n_is_one_as_any_other() -> None:
    low, high = (plateau([top, top, top / 2, 0.0]) for top in (2.0, 8.0))
    assert isinstance(low, TakeOff)
    assert isinstance(high, TakeOff)
    assert low.variance == pytest.approx(high.variance)


def test_the_end_of_the_sweep_that_is_far_from_the_plateau_does_not_move_it() -> None:
    ends = [plateau([8.0, 8.0, 4.0, last]) for last in (0.0, 3.9)]
    assert {round(each.variance, 9) for each in ends if isinstance(each, TakeOff)} == {
        round(10**-0.9, 9)
    }


@pytest.mark.parametrize(
    ("heights", "why"),
    [
        ([8.0, 7.0, 4.0, 0.0], "I_e(x;z) has no plateau: it is highest at the smallest variance"),
        ([0.4, 0.4, 0.2, 0.0], "I_e(x;z) ranges over less than 1 nat"),
        ([1.0, 8.0, 8.0, 0.0], "I_e(x;z) is below the threshold at the smallest variance"),
    ],
    ids=["one high value", "no code", "a failed first value"],
)
def test_what_is_no_plateau_has_no_end(heights: list[float], why: str) -> None:
    found = plateau(heights)
    assert isinstance(found, NoTakeOff)
    assert found.why.startswith(why)


def test_a_seed_without_which_there_is_no_crossing_leaves_no_values_of_seeds() -> None:
    found = take_off(entry([[100.0, 20.0, 0.0, 0.0], *[[0.0] * 4] * 4]))
    assert isinstance(found, TakeOff)
    assert found.by_seed.empty

"""Where along a sweep the marginal KL takes off, and where the information leaves its plateau."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry, Setting
from reports.analysis.intervals import FEWEST, Interval, Values, array, by_seed, effect
from reports.analysis.speed import first_below
from reports.analysis.statistics import estimate

MARGINAL, INFORMATION, CAP = "marginal_kl_nats", "information_nats", "information_cap_nats"
SHARE = 0.05
"""The threshold lies at this share of the range above the floor."""
PLATEAU = 0.95
"""The information is on its plateau from this share of its largest mean on."""
LEAST_RANGE = 1.0
"""Nats; a sweep along which a curve ranges over less shows no such place."""
NEAR_CAP = 0.9
"""From this share of ln N on, an estimate of I_e is near its cap."""


@dataclass(frozen=True, eq=False)
class TakeOff:
    """Where a curve, followed from the smallest variance, first comes down to its threshold."""

    variance: float
    interval: Interval
    kind: Literal["seeds", "bracket"]
    """Over seeds, or the neighbouring values of the sweep, between which the crossing lies."""
    threshold: float
    """Nats."""
    capped: bool
    """Whether I_e is near its cap at the crossing, so that KL(m||p) is too high there."""
    by_seed: pd.Series[float]
    """Seed -> log10 of the variance: the jackknife's values, whose mean is the place. All are the
    place below FEWEST seeds; empty where the curve without some seed has no crossing."""


@dataclass(frozen=True)
class NoTakeOff:
    """Why there is no take-off."""

    why: str


def variance_of(setting: Setting) -> float:
    """Return the variance of a value of the sweep: measured, or the value itself."""
    at = estimate(setting.runs, "variance")
    return at.mean if at else setting.value


def take_off(entry: Entry, key: str = MARGINAL) -> TakeOff | NoTakeOff:
    """Return where KL(m||p) takes off along the sweep of an entry, or why it does not.

    Or, by the key `INFORMATION`, where I_e leaves its plateau.
    """
    name = {MARGINAL: "KL(m‖p)", INFORMATION: "I_e(x;z)"}[key]
    threshold = THRESHOLDS[key]
    known = {each: by_seed(each.runs, key, collapsed=True) for each in entry.settings}
    whole = [each for each, held in known.items() if len(held) and np.isfinite(array(held)).all()]
    swept = sorted((each for each in whole if variance_of(each) > 0), key=variance_of)
    if len(swept) < 2:
        return NoTakeOff(f"fewer than two values of a sweep measured {name}")
    seeds = sorted(set.intersection(*(set(known[each].index) for each in swept)))
    if not seeds:
        return NoTakeOff(f"no seed measured {name} at every value of the sweep")
    heights = np.array([array(known[each].loc[seeds]) for each in swept])
    mean, places = heights.mean(axis=1), np.log10([variance_of(each) for each in swept])
    if np.ptp(mean) < LEAST_RANGE:
        return NoTakeOff(f"{name} ranges over less than {LEAST_RANGE:g} nat")
    at = crossing(places, mean, threshold)
    if at is None:
        return NoTakeOff(
            f"{name} is below the threshold at the smallest variance: it falls where it should rise"
        )
    right = max(1, int(np.searchsorted(places, at)))  # the crossing lies in (right - 1, right]
    if key == INFORMATION and right < 2:
        return NoTakeOff(f"{name} has no plateau: it is highest at the smallest variance alone")
    jackknife = _jackknife(places, heights, at, threshold)
    interval = effect(jackknife).interval
    low, high = (interval.low, interval.high) if interval else places[right - 1 : right + 1]
    return TakeOff(
        variance=10**at,
        interval=Interval(10**low, 10**high),
        kind="seeds" if interval else "bracket",
        threshold=threshold(mean),
        capped=any(near_cap(each.runs) for each in swept[right - 1 : right + 1]),
        by_seed=pd.Series(jackknife, index=seeds[: jackknife.size]),
    )


THRESHOLDS: dict[str, Callable[[Values], float]] = {
    MARGINAL: lambda heights: float(heights.min() + SHARE * np.ptp(heights)),
    INFORMATION: lambda heights: float(PLATEAU * heights.max()),
}
"""The threshold of a curve, from its heights, (n,)."""


def crossing(places: Values, heights: Values, threshold: Callable[[Values], float]) -> float | None:
    """Return the place where heights at ascending places cross the threshold; None if they do not.

    Followed from the smallest place, which must be above it, to the first that is not.
    """
    limit = threshold(heights)
    return None if heights[0] <= limit else first_below(places, heights, limit)


def near_cap(runs: pd.DataFrame) -> bool:
    """Tell whether the information that runs measured is near ln N."""
    mean, cap = estimate(runs, INFORMATION), estimate(runs, CAP)
    return mean is not None and cap is not None and mean.mean >= NEAR_CAP * cap.mean


def _jackknife(
    places: Values, heights: Values, at: float, threshold: Callable[[Values], float]
) -> Values:
    """Return a value for each seed, (n,), of mean `at`, with the standard error of the crossing.

    These are the jackknife's pseudo-values, shifted by its estimate of the bias. Tukey (1958),
    "Bias and confidence in not-quite large samples".
    """
    count = heights.shape[1]
    if count < FEWEST:
        return np.full(count, at)
    kept = (np.delete(heights, seed, axis=1).mean(axis=1) for seed in range(count))
    others = [crossing(places, each, threshold) for each in kept]
    left = np.array([each for each in others if each is not None])
    return at - (count - 1) * (left - left.mean()) if left.size == count else np.empty(0)

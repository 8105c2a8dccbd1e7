"""How sure a number over seeds is: bootstrap intervals and the probability of improvement.

Two decoders are compared seed by seed: with one seed they share initial weights, batches and noise,
so the difference of a pair spreads less than either value. Every interval is at LEVEL and comes
from a generator of a fixed seed, so that the same content gives the same report.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from reports.analysis.statistics import finished, sound

Values = npt.NDArray[np.float64]

LEVEL = 0.95
FEWEST = 3
"""Seeds below which there is no interval."""
MANY = 10
"""Seeds from which on the interval is BCa; the correction needs more values than a few."""
RESAMPLES = 9999
BATCH = 10_000_000
"""Numbers that a statistic may hold at a time."""
ROUNDING = 1e-9
"""Relative differences below this are rounding."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval at LEVEL."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Tell whether `value` lies outside."""
        return not self.low <= value <= self.high


@dataclass(frozen=True)
class Effect:
    """A mean over seeds and its interval, or why there is none."""

    mean: float | None
    """None if nothing was measured."""
    interval: Interval | None
    count: int
    """Seeds, or pairs of seeds, that it rests on."""
    why: str = ""
    """Why there is no interval; "" if there is one."""
    lost: int = 0
    """Seeds that were run but have no pair of measurements."""


def effect(measured: Values) -> Effect:
    """Return the mean of `measured`, (n,), with its bootstrap interval."""
    if not measured.size:
        return Effect(None, None, 0, "nothing was measured")
    if not np.isfinite(measured).all():
        return Effect(None, None, measured.size, "an infinite value")
    mean = float(np.mean(measured))
    if measured.size < FEWEST:
        return Effect(mean, None, measured.size, too_few(measured.size))
    if np.ptp(measured) <= ROUNDING * np.abs(measured).max():
        return Effect(mean, None, measured.size, "the same value for every seed")
    return Effect(mean, _interval(tuple(measured.tolist())), measured.size)


def too_few(seeds: int) -> str:
    """Return that so few seeds have no interval."""
    return f"{seeds} seed{'' if seeds == 1 else 's'}, an interval needs {FEWEST}"


@cache
def _interval(measured: tuple[float, ...]) -> Interval:
    method = "BCa" if len(measured) >= MANY else "percentile"
    return bootstrap((np.array(measured),), np.mean, method=method)


def bootstrap(
    samples: tuple[Values, ...],
    statistic: Callable[..., Any],
    *,
    method: str = "percentile",
    resamples: int = RESAMPLES,
    vectorized: bool = True,
) -> Interval:
    """Return the bootstrap interval of a statistic of independent samples."""
    limits = stats.bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        batch=max(1, BATCH // math.prod(each.size for each in samples)),
        vectorized=vectorized,
        confidence_level=LEVEL,
        method=method,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return Interval(float(limits.low), float(limits.high))


def by_seed(runs: pd.DataFrame, key: str, *, collapsed: bool = False) -> pd.Series[float]:
    """Return what sound runs measured, seed -> value; missing values are left out.

    With `collapsed`, what all finished runs measured.
    """
    if key not in runs or runs.empty:
        return pd.Series(dtype=np.float64)
    ended = finished(runs) if collapsed else sound(runs)
    numbers = pd.to_numeric(ended[key], errors="coerce").groupby(ended["seed"]).mean()
    return numbers.dropna().astype(np.float64)


def array(measured: pd.Series[float]) -> Values:
    """Return the values of a series, (n,)."""
    return np.asarray(measured, dtype=np.float64)


def differences(first: pd.Series[float], second: pd.Series[float]) -> Values:
    """Return first minus second for each seed that both have, (n,)."""
    seeds = first.index.intersection(second.index)
    a, b = (array(each.loc[seeds]) for each in (first, second))
    return np.subtract(a, b, out=np.zeros(a.shape), where=a != b)  # equal infinities: 0


def paired(first: pd.DataFrame, second: pd.DataFrame, key: str) -> Effect:
    """Return the mean of first minus second, paired by seed, with its interval."""
    difference = effect(differences(by_seed(first, key), by_seed(second, key)))
    planned = {*first.get("seed", ()), *second.get("seed", ())}
    why = difference.why if difference.count else "no seed was measured in both"
    return replace(difference, why=why, lost=len(planned) - difference.count)


def told_apart(first: pd.DataFrame, second: pd.DataFrame, key: str) -> bool:
    """Tell whether the interval of the paired difference exists and does not contain zero."""
    interval = paired(first, second, key).interval
    return interval is not None and interval.excludes(0.0)


def improvement(first: Values, second: Values, *, lower: bool = True) -> Effect:
    """Return the probability that a run of `first` is better than one of `second`.

    The share of the n·m pairs with first < second, ties counting half (Agarwal et al. 2021); it
    equals U/(n·m) of Mann and Whitney. The interval resamples both sets of runs.
    """
    count = min(first.size, second.size)
    if not count:
        return Effect(None, None, 0, "nothing was measured")
    if not lower:
        first, second = second, first
    share = float(_share(first, second))
    if count < FEWEST:
        return Effect(share, None, count, too_few(count))
    if share in (0.0, 1.0) or np.unique(np.concatenate([first, second])).size == 1:
        return Effect(share, None, count, "the same value in every resample")
    return Effect(share, bootstrap((first, second), _share), count)


def _share(first: Values, second: Values, axis: int = -1) -> Any:
    """Return P(X < Y) + P(X = Y)/2 over all pairs along the last axis."""
    x, y = first[..., :, None], second[..., None, :]
    return ((x < y) + 0.5 * (x == y)).mean(axis=(-2, -1))

"""How sure a number over seeds is: Student's t, p-values, and Holm's correction of several.

Two decoders are compared seed by seed. The level was simulated (tests/reports/analysis,
docs/metrics.md): an interval of the mean difference of two decoders covers 93 to 97 percent from
five seeds on, whether the seeds spread normally or skewed, where both spread alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr, stdtrit  # Student's t: distribution and quantile

from reports.analysis.statistics import finished, sound

Values = npt.NDArray[np.float64]

LEVEL = 0.95
FEWEST = 5
"""Seeds below which there is no interval."""
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
    error: float | None = None
    """The standard error over seeds; None where there is no interval."""

    def above(self, edge: float) -> float:
        """Return the one-sided p-value of a true mean at or below `edge`; 1 without an error."""
        if self.mean is None or self.error is None:
            return 1.0
        return float(stdtr(self.count - 1, (edge - self.mean) / self.error))

    def below(self, edge: float) -> float:
        """Return the one-sided p-value of a true mean at or above `edge`; 1 without an error."""
        return 1.0 if self.error is None else 1.0 - self.above(edge)

    @property
    def p_value(self) -> float:
        """The two-sided p-value of a true mean of 0; 1 without an error."""
        return min(1.0, 2 * min(self.above(0.0), self.below(0.0)))


def effect(measured: Values) -> Effect:
    """Return the mean of `measured`, (n,), with the interval of Student's t."""
    count = measured.size
    if not count:
        return Effect(None, None, 0, "nothing was measured")
    if not np.isfinite(measured).all():
        return Effect(None, None, count, "an infinite value")
    mean = float(np.mean(measured))
    if count < FEWEST:
        return Effect(mean, None, count, too_few(count))
    if np.ptp(measured) <= ROUNDING * np.abs(measured).max():
        return Effect(mean, None, count, "the same value for every seed")
    error = float(np.std(measured, ddof=1) / np.sqrt(count))
    return Effect(mean, student(mean, error, count), count, error=error)


def too_few(seeds: int) -> str:
    """Return that so few seeds have no interval."""
    return f"{seeds} seed{'' if seeds == 1 else 's'}, an interval needs {FEWEST}"


def student(mean: float, error: float, count: int) -> Interval:
    """Return Student's t interval of a mean with its standard error over `count` values."""
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * error
    return Interval(mean - half, mean + half)


def holm(p_values: Sequence[float]) -> Values:
    """Return p-values, (n,), corrected for being several; each is held against 1 - LEVEL.

    Whatever their dependence, the probability of any false rejection keeps the level. Holm (1979),
    "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)
    stepped = np.maximum.accumulate(given[order] * np.arange(given.size, 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


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


def improvement(first: Values, second: Values, *, lower: bool = True) -> float:
    """Return the probability that a run of `first` is better than one of `second`.

    The share of the n·m pairs with first < second, ties counting half (Agarwal et al. 2021); it
    equals U/(n·m) of Mann and Whitney. It has no interval: a bootstrap of both covers 90 percent
    with five seeds. Neither may be empty.
    """
    x, y = (first[:, None], second) if lower else (second[:, None], first)
    return float(((x < y) + 0.5 * (x == y)).mean())


def correlation(measured: Sequence[pd.Series[float]]) -> float | None:
    """Return the mean correlation over seeds of all pairs of decoders, seed -> value each.

    Only seeds that all have count; None below three of them, or without two decoders that vary.
    """
    table = pd.concat(measured, axis=1).dropna().to_numpy() if measured else np.empty((0, 0))
    varying = [each for each in table.T if np.isfinite(each).all() and np.unique(each).size > 1]
    if len(table) < 3 or len(varying) < 2:
        return None
    return float(np.corrcoef(varying)[np.triu_indices(len(varying), 1)].mean())

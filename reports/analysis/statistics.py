"""Numbers over several runs of the same thing, which differ in their seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.analysis.collapse import COLLAPSED
from reports.content import Status


@dataclass(frozen=True)
class Estimate:
    """The mean of a measurement over runs, and how far the runs spread around it."""

    mean: float
    spread: float | None
    """Sample standard deviation (divisor n - 1); None for one run or infinite values."""
    count: int


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that ended as planned; diverged and failed ones hold no measurement."""
    return runs[runs["status"] == Status.FINISHED]


def sound(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the finished runs that are not collapsed: those that decide anything."""
    ended = finished(runs)
    return ended[ended[COLLAPSED] == ""] if COLLAPSED in ended else ended


def shown(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs whose numbers are shown: the sound ones, or where none is, all finished."""
    kept = sound(runs)
    return finished(runs) if kept.empty else kept


def values(runs: pd.DataFrame, key: str) -> npt.NDArray[np.float64]:
    """Return what the runs that are `shown` measured, (n,), without the missing values."""
    if key not in runs:
        return np.empty(0)
    numbers = pd.to_numeric(shown(runs)[key], errors="coerce")
    return numbers.dropna().to_numpy(dtype=np.float64)


def estimate(runs: pd.DataFrame, key: str) -> Estimate | None:
    """Return mean and spread of a metric over the `shown` runs; None if none measured it."""
    return summary(values(runs, key))


def summary(measured: npt.NDArray[np.float64]) -> Estimate | None:
    """Return mean and spread of some values, (n,); None if there are none."""
    if not measured.size:
        return None
    if (measured == measured[0]).all():  # also infinite ones; spares the rounding of a mean
        return Estimate(float(measured[0]), 0.0 if measured.size > 1 else None, measured.size)
    spread = float(np.std(measured, ddof=1)) if np.isfinite(measured).all() else None
    return Estimate(float(np.mean(measured)), spread, measured.size)


def complete(runs: pd.DataFrame, key: str) -> bool:
    """Tell whether every run is sound and measured a metric: only then may it be called best.

    The mean over the runs that survived favours the decoder that loses its worst runs.
    """
    return 0 < len(runs) == len(sound(runs)) == values(runs, key).size

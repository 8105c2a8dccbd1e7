"""How fast a decoder learns: steps and seconds until its validation curve reaches a target."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import Values
from reports.analysis.ranks import WITHOUT_CODE
from reports.analysis.statistics import sound
from reports.content import TIMED_ON, Content

BITS, NLL = "bits_per_dim", "nll_nats"
OVER = ("step", "seconds")


class Reach(NamedTuple):
    """Where a curve first came down to a target."""

    steps: float
    seconds: float


def points(history: pd.DataFrame | None, key: str) -> pd.DataFrame:
    """Return step, seconds and value where all are finite, ascending; empty without any."""
    if history is None or not {*OVER, key} <= set(history):
        return pd.DataFrame(columns=[*OVER, "value"], dtype=np.float64)
    chosen = history[[*OVER, key]].set_axis([*OVER, "value"], axis=1)
    numbers = chosen.apply(pd.to_numeric, errors="coerce")
    finite = np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)
    kept: pd.DataFrame = numbers[finite].sort_values("step")
    return kept


def first_below(places: Values, heights: Values, limit: float) -> float | None:
    """Return the first place where heights, (n,), are at or below `limit`; None if they never are.

    Between two places they are taken to be a straight line.
    """
    below = np.flatnonzero(heights <= limit)
    if not below.size or below[0] == 0:
        return float(places[0]) if below.size else None
    left, right = below[0] - 1, below[0]
    part = (heights[left] - limit) / (heights[left] - heights[right])
    return float(places[left] + part * (places[right] - places[left]))


def reach(curve: pd.DataFrame, target: float) -> Reach | None:
    """Return where a curve of `points` first is at or below `target`; None if it never is."""
    *places, heights = curve[[*OVER, "value"]].to_numpy(dtype=np.float64).T
    reached = [at for each in places if (at := first_below(each, heights, target)) is not None]
    return Reach(*reached) if reached else None


def curves(content: Content, entry: Entry, key: str) -> dict[int, pd.DataFrame]:
    """Return the curves of the sound runs that have one, by seed."""
    ended = sound(entry.runs)
    return {
        seed: curve
        for run, seed in zip(ended["run"], ended["seed"], strict=True)
        if len(curve := points(content.histories.get(str(run)), key))
    }


def log_ratios(
    first: Mapping[int, pd.DataFrame], second: Mapping[int, pd.DataFrame], target: float
) -> dict[int, float]:
    """Return ln(steps of first / steps of second) to a target, by seed.

    One that does not get there is taken to be there at its last step: a ratio that is nearer to 1
    than the true one. A seed has none if neither gets there, or one is there before the first step.
    """
    ratios = {}
    for seed in sorted(set(first) & set(second)):
        pair = (first[seed], second[seed])
        reached = [reach(curve, target) for curve in pair]
        last = [float(curve["step"].iloc[-1]) for curve in pair]
        steps = [at.steps if at else end for at, end in zip(reached, last, strict=True)]
        if any(reached) and min(steps) > 0:
            ratios[seed] = math.log(steps[0] / steps[1])
    return ratios


def machines(content: Content) -> Counter[str]:
    """Return on which machines and versions of the code the times were taken, and of how many runs.

    A run that was continued elsewhere counts on each.
    """
    held = content.results.get(TIMED_ON, pd.Series(dtype=str)).dropna().astype(str)
    return Counter(each for text in held for each in dict.fromkeys(text.split(" | ")))


class Targets(NamedTuple):
    """Values of a curve that the decoders of a group are timed to."""

    worst: float
    """The largest final value of a finished run: every finished run reaches it."""
    median: float
    """The median over decoders of the mean final value: half of them reach it."""
    untrained: float
    """The least that needs no training: of a row without a code, or of a curve at step 0. A time to
    a target that is no lower says nothing."""


def targets(content: Content, group: Group, key: str) -> Targets | None:
    """Return the targets of the curves of a group; None without any."""
    every = [curves(content, entry, key).values() for entry in group.entries]
    finals = [[float(curve["value"].iloc[-1]) for curve in held] for held in every if held]
    if not finals:
        return None
    starts = [float(curve["value"].iloc[0]) for held in every for curve in held]
    metric = group.metric(key)
    rows = (reference.reached(group.runs, metric) for reference in WITHOUT_CODE)
    return Targets(
        worst=max(map(max, finals)),
        median=float(np.median([np.mean(each) for each in finals])),
        untrained=min([*starts, *(value for reached in rows for value in reached)]),
    )

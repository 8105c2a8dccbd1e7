"""Equal steps and equal seconds: validation bits/dim as measured during training.

All decoders of a group train for the same number of steps, so the ends of two curves compare at
equal steps. For equal seconds both are read at the training time of the faster one, the slower
one's on a straight line between its measurements; nothing is extrapolated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry
from reports.analysis.intervals import Effect, Interval, Values, effect
from reports.analysis.speed import BITS, curves, log_ratios, points
from reports.analysis.statistics import finished
from reports.content import Content

CLOSE = 1e-6
"""Relative difference of seconds that is rounding."""


@dataclass(frozen=True)
class Equal:
    """Two curves compared; means are over the seeds that allow it."""

    steps: Effect
    """First minus second at the end of training."""
    seconds: Effect
    """First minus second at the training time of the faster."""
    at: float | None
    """That time, s; None if no seed allows it."""
    there: tuple[float, float] | None
    """The values of both at that time."""
    sooner: Mapping[str, Effect]
    """"steps" and "seconds" -> ratio of the times to the worse final value; below 1 the first is
    sooner."""
    short: tuple[str, ...]
    """Labels of the decoders whose history does not reach as far as it should."""


@dataclass(frozen=True)
class _Curve:
    points: pd.DataFrame
    """step, seconds, value."""
    end: float
    """Seconds of the whole training."""
    last: float
    """Its last step."""

    @property
    def complete(self) -> bool:
        return self.at(self.end) is not None and self.points["step"].iloc[-1] == self.last

    @property
    def final(self) -> float:
        return float(self.points["value"].iloc[-1])

    def at(self, seconds: float) -> float | None:
        """Return the value at a time; None outside of what was measured."""
        times, measured = (self.points[name].to_numpy(np.float64) for name in ("seconds", "value"))
        slack = CLOSE * max(abs(seconds), abs(float(times[-1])))
        if not times[0] - slack <= seconds <= times[-1] + slack:
            return None
        return float(np.interp(seconds, times, measured))


def equal(content: Content, first: Entry, second: Entry) -> Equal:
    """Return two decoders at equal steps and at equal seconds, paired by seed."""
    pair = (_curves(content, first), _curves(content, second))
    planned = {*first.runs.get("seed", ()), *second.runs.get("seed", ())}
    seeds = sorted(set(pair[0]) & set(pair[1]))
    ends, there, times = [], [], []
    short: dict[str, None] = {}
    for seed in seeds:
        a, b = pair[0][seed], pair[1][seed]
        cut = [e.label for e, each in ((first, a), (second, b)) if not each.complete]
        short |= dict.fromkeys(cut)
        if not cut and a.last == b.last:
            ends.append(a.final - b.final)
        time = min(a.end, b.end)
        values = [each.at(time) for each in (a, b)]
        short |= {e.label: None for e, v in zip((first, second), values, strict=True) if v is None}
        known = [value for value in values if value is not None]
        if len(known) == 2:
            there.append(known)
            times.append(time)
    read = np.array(there, dtype=np.float64).reshape(-1, 2)
    return Equal(
        steps=_effect(np.array(ends, dtype=np.float64), len(planned)),
        seconds=_effect(read[:, 0] - read[:, 1], len(planned)),
        at=float(np.mean(times)) if times else None,
        there=(float(read[:, 0].mean()), float(read[:, 1].mean())) if there else None,
        sooner={over: _sooner(pair, over) for over in ("steps", "seconds")},
        short=tuple(short),
    )


def _effect(measured: Values, planned: int) -> Effect:
    if not measured.size:
        return Effect(None, None, 0, "no seed has the curves of both")
    return replace(effect(measured), lost=planned - measured.size)


def _sooner(pair: tuple[Mapping[int, _Curve], Mapping[int, _Curve]], over: str) -> Effect:
    """Return the geometric mean over seeds of the ratio of times, with its interval."""
    whole = [{seed: c.points for seed, c in each.items() if c.complete} for each in pair]
    ratios = log_ratios(whole[0], whole[1], over)
    if not ratios:
        return Effect(None, None, 0, "there before the first step")
    logs = effect(np.array(list(ratios.values())))
    interval = logs.interval and Interval(*np.exp([logs.interval.low, logs.interval.high]))
    mean = None if logs.mean is None else float(np.exp(logs.mean))
    return replace(logs, mean=mean, interval=interval)


def _curves(content: Content, entry: Entry) -> dict[int, _Curve]:
    if entry.runs.empty:
        return {}
    runs = {int(run["seed"]): run for _, run in finished(entry.runs).iterrows()}
    by_seed = {}
    for seed, curve in curves(content, entry, BITS).items():
        history = points(content.histories.get(str(runs[int(seed)]["run"])), "seconds")
        recorded = runs[int(seed)].get("train_seconds")
        end = float(history["seconds"].iloc[-1] if pd.isna(recorded) else recorded)
        planned = runs[int(seed)].get("steps")
        last = float(history["step"].iloc[-1] if pd.isna(planned) else planned)
        by_seed[int(seed)] = _Curve(curve, end, last)
    return by_seed

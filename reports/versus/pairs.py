"""One decoder and another: their difference by a metric, at equal steps and at equal seconds.

All decoders of a group train for the same number of steps, so the ends of two curves of validation
bits/dim compare at equal steps. For equal seconds both are read at the training time of the faster
one, the slower one's on a straight line between its measurements; nothing is extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import LEVEL, Effect, Interval, effect, holm
from reports.analysis.ranks import compared_metrics, contests
from reports.analysis.speed import BITS, curves, log_ratios, points, targets
from reports.analysis.statistics import complete, finished, values
from reports.analysis.verdict import ABOVE, BELOW, Verdict, compared
from reports.content import SMOKE, Content
from reports.metric import Metric
from reports.printing.cells import gap, outcome

WORDS = {Verdict.SUPPORTED: "better", Verdict.REFUTED: "worse"}
"""A decoder is supported to be better."""
EVEN, NONE = "not told apart", "no verdict"
CLOSE = 1e-6
"""Relative difference of seconds that is rounding."""


@dataclass(frozen=True, eq=False)
class Match:
    """One decoder and those that it is compared with, on the data of one group."""

    content: Content
    group: Group
    new: Entry
    baselines: tuple[Entry, ...]

    @cached_property
    def differences(self) -> dict[Metric, list[Difference]]:
        """The difference from each baseline, by metric; verdicts are corrected for all of them."""
        return {
            metric: corrected(
                [difference(self.content, self.new, each, metric) for each in self.baselines]
            )
            for metric in self.metrics
        }

    @cached_property
    def timed(self) -> dict[Entry, Equal]:
        """The comparison with each baseline at equal steps and at equal seconds."""
        return {each: equal(self, each) for each in self.baselines}

    @property
    def everyone(self) -> list[Entry]:
        """What is compared, and all other decoders of the group; what a rank is among."""
        compared = [self.new, *self.baselines]
        decoders = {each.decoder for each in compared}
        return [*compared, *(e for e in self.group.entries if e.decoder not in decoders)]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that some run of the group holds; bits/dim comes first, held or not."""
        compared = [metric.key for metric in compared_metrics(self.group)]
        others = ("calibration_error", "ssim_best_of_n", "psnr_best_of_n_db")
        return list(dict.fromkeys([self.bits, *self.group.measured(*compared, *others)]))

    @property
    def bits(self) -> Metric:
        """The metric that all decoders share."""
        return self.group.metric("bits_per_dim")


@dataclass(frozen=True)
class Difference:
    """One decoder minus another by one metric, or why they do not compare."""

    effect: Effect
    improvement: float | None
    """The probability that a run of the first is better."""
    verdict: Verdict
    """Whether the first is better."""
    why: str = ""
    """Why there is no verdict."""

    @property
    def words(self) -> str:
        """The verdict in words: better, worse, not told apart, or no verdict."""
        return WORDS.get(self.verdict, NONE if self.why else EVEN)


def difference(content: Content, new: Entry, baseline: Entry, metric: Metric) -> Difference:
    """Return new minus baseline, paired by seed, with all that may be said of it."""
    pair = (new, baseline)
    lacks = [each for each in pair if each.collapsed or not values(each.runs, metric.key).size]
    if lacks or not any(set(pair) <= set(each) for each in contests(pair, metric)):
        measures = [each.measure or "value of unknown measure" for each in pair]
        why = f"a {measures[0]} and a {measures[1]} do not compare"
        why = f"{lacks[0].label}: {gap(lacks[0], metric)}" if lacks else why
        nothing = Effect(None, None, 0, why)
        return Difference(nothing, None, Verdict.NOT_DECIDED, why)
    effect, chance = compared(new, baseline, metric)
    why = _no_verdict(content, pair, metric) or effect.why
    verdict, interval = Verdict.NOT_DECIDED, effect.interval
    if interval is not None and interval.excludes(0.0) and not why:
        verdict = (BELOW if metric.best == "lowest" else ABOVE).verdict(interval)
    return Difference(effect, chance, verdict, why)


def corrected(pairs: Sequence[Difference]) -> list[Difference]:
    """Return differences of one decoder; those stay verdicts that are after Holm's correction."""
    p_values = iter(holm([each.effect.p_value for each in pairs if not each.why]))
    return [
        replace(each, verdict=Verdict.NOT_DECIDED)
        if not each.why and next(p_values) > 1 - LEVEL
        else each
        for each in pairs
    ]


def _no_verdict(content: Content, pair: Sequence[Entry], metric: Metric) -> str:
    """Return why nothing is said of a pair, whatever the numbers; "" if something may be."""
    if content.budget == SMOKE:
        return f"budget {SMOKE}"
    for entry in pair:
        if not complete(entry.runs, metric.key):
            ended = f"{len(finished(entry.runs))} of {len(entry.runs)} finished"
            return f"{entry.label}: {outcome(entry.runs) or ended}"
    return ""


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
    sooner: Effect
    """Ratio of their steps to the target; below 1 the first is sooner."""
    target: float | None
    """The median of the final values of all other decoders of the group; None without any."""
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

    def at(self, seconds: float) -> float | None:
        """Return the value at a time; None outside of what was measured."""
        times, measured = (self.points[name].to_numpy(np.float64) for name in ("seconds", "value"))
        slack = CLOSE * max(abs(seconds), abs(float(times[-1])))
        if not times[0] - slack <= seconds <= times[-1] + slack:
            return None
        return float(np.interp(seconds, times, measured))


def equal(match: Match, second: Entry) -> Equal:
    """Return the decoder and a baseline at equal steps and at equal seconds, paired by seed."""
    first, curves_of = match.new, [_curves(match.content, e) for e in (match.new, second)]
    planned = {*first.runs.get("seed", ()), *second.runs.get("seed", ())}
    ends, there, times, short = [], [], [], []
    for seed in sorted(set(curves_of[0]) & set(curves_of[1])):
        pair = [by_seed[seed] for by_seed in curves_of]
        time = min(curve.end for curve in pair)
        read = [curve.at(time) for curve in pair]
        cut = [not curve.complete for curve in pair]
        short += [e.label for e, missing in zip((first, second), cut, strict=True) if missing]
        short += [e.label for e, v in zip((first, second), read, strict=True) if v is None]
        if not any(cut) and pair[0].last == pair[1].last:
            own, other = (float(curve.points["value"].iloc[-1]) for curve in pair)
            ends.append(own - other)
        if None not in read:
            there.append(read)
            times.append(time)

    def over_seeds(measured: list[float]) -> Effect:
        if not measured:
            return Effect(None, None, 0, "no seed has the curves of both")
        return replace(effect(np.array(measured)), lost=len(planned) - len(measured))

    target = _target(match, second)
    both = np.array(there, dtype=np.float64).reshape(-1, 2)
    return Equal(
        steps=over_seeds(ends),
        seconds=over_seeds(list(both[:, 0] - both[:, 1])),
        at=float(np.mean(times)) if times else None,
        there=(float(both[:, 0].mean()), float(both[:, 1].mean())) if there else None,
        sooner=_sooner(curves_of, target),
        target=target,
        short=tuple(dict.fromkeys(short)),
    )


def _target(match: Match, second: Entry) -> float | None:
    """Return a target that neither of the two decides; None if they are alone."""
    pair = {match.new.decoder, second.decoder}
    others = tuple(entry for entry in match.group.entries if entry.decoder not in pair)
    found = targets(match.content, replace(match.group, entries=others), BITS)
    return found and found.median


def _sooner(curves_of: Sequence[dict[int, _Curve]], target: float | None) -> Effect:
    """Return the geometric mean over seeds of the ratio of steps, with its interval."""
    if target is None:
        return Effect(None, None, 0, "no other decoder sets a target")
    whole = [{seed: c.points for seed, c in e.items() if c.complete} for e in curves_of]
    ratios = log_ratios(whole[0], whole[1], target)
    if not ratios:
        return Effect(None, None, 0, "neither comes down to the target")
    logs = effect(np.array(list(ratios.values())))
    interval = logs.interval and Interval(*np.exp([logs.interval.low, logs.interval.high]))
    mean = None if logs.mean is None else float(np.exp(logs.mean))
    return replace(logs, mean=mean, interval=interval, error=None)


def _curves(content: Content, entry: Entry) -> dict[int, _Curve]:
    runs = {int(run["seed"]): run for _, run in finished(entry.runs).iterrows()}
    by_seed = {}
    for seed, curve in curves(content, entry, BITS).items():
        run = runs[int(seed)]
        history = points(content.histories.get(str(run["run"])), "seconds")
        end, last = (
            float(history[name].iloc[-1] if pd.isna(run.get(recorded)) else run[recorded])
            for name, recorded in (("seconds", "train_seconds"), ("step", "steps"))
        )
        by_seed[int(seed)] = _Curve(curve, end, last)
    return by_seed

"""What is printed in one cell: a measurement over several runs, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports.analysis.collapse import COLLAPSED
from reports.analysis.groups import Entry
from reports.analysis.intervals import FEWEST, Effect, Interval
from reports.analysis.ranks import contests, level, ranking, without_code
from reports.analysis.statistics import Estimate, estimate, shown, sound
from reports.content import Status
from reports.metric import Metric
from reports.printing.markup import bold
from reports.printing.words import decimals_for, number, short

NOT_RUN, NOT_CHOSEN, NOT_MEASURED = "not run", "not chosen", "not measured"
NOT_NORMALISED, UNNORMALISED = "not normalised", "unnormalised"
DAGGER = "†"
BOUND = "§"


def leaders(entries: Sequence[Entry], metric: Metric) -> list[Entry]:
    """Return the entries that are bold: the best and those `level` with it.

    From fewer than FEWEST seeds nobody is told apart; then the best printed mean is bold, and a
    caption says what little that means.
    No entry is where fewer than two may be called best, all print the same, or none is told apart.
    """
    best = []
    for contest in contests(entries, metric):
        ranked = ranking(contest, metric)
        tied = _tied(ranked, metric)
        if len(tied) < len(ranked) and len(set(printed_means(ranked, metric))) > 1:
            best += tied
    return best


def _tied(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> list[Entry]:
    if not ranked or ranked[0][1].count >= FEWEST:
        return level(ranked, metric)
    printed = printed_means(ranked, metric)
    return [e for (e, _), text in zip(ranked, printed, strict=True) if text == printed[0]]


def printed_means(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> list[str]:
    """Return the means as they are printed."""
    means = [mean.mean for _, mean in ranked]
    decimals = decimals_of(metric, means)
    return [number(mean, decimals) for mean in means]


def decimals_of(metric: Metric, values: Sequence[float]) -> int:
    """Return with how many decimals values of a metric are printed beside each other."""
    return decimals_for(values) if metric.decimals is None else metric.decimals


def cells(entries: Sequence[Entry], metric: Metric) -> list[str]:
    """Return the cells of one metric; the best of one that has a best are bold."""
    means = [mean.mean for entry in entries if (mean := estimate(entry.runs, metric.key))]
    metric = replace(metric, decimals=decimals_of(metric, means))
    best = leaders(entries, metric) if metric.best else []
    return [cell(entry, metric, entry in best) for entry in entries]


def cell(entry: Entry, metric: Metric, best: bool = False) -> str:
    """Return the printed measurement of an entry, or the reason why there is none."""
    mean = estimate(entry.runs, metric.key)
    if mean is None:
        return gap(entry, metric)
    if metric.constant:
        mean = replace(mean, spread=None)
    text, ended = with_spread(mean, metric.decimals or 0), len(shown(entry.runs))
    text += mark(entry, metric)
    parts = [
        bold(text) if best else text,
        "" if mean.count == ended else f"{NOT_MEASURED} ({ended - mean.count}/{ended})",
        outcome(entry.runs),
    ]
    return ", ".join(part for part in parts if part)


def mark(entry: Entry, metric: Metric) -> str:
    """Return the marks of an entry: it is no better than a row without a code; it is a bound."""
    return DAGGER * without_code(entry, metric) + BOUND * entry.bounds(metric)


def gap(entry: Entry, metric: Metric | None = None) -> str:
    """Return why an entry has no measurement at all, of a metric or of something else."""
    if entry.runs.empty:
        return absent(entry)
    if metric and metric.native and entry.measure == UNNORMALISED:
        return outcome(entry.runs[entry.runs["status"] != Status.FINISHED]) or NOT_NORMALISED
    return outcome(entry.runs) or NOT_MEASURED


def absent(entry: Entry) -> str:
    """Return why an entry without runs has none."""
    return NOT_CHOSEN if entry.undecided else NOT_RUN


def outcome(runs: pd.DataFrame) -> str:
    """Return what became of the runs that are not sound, such as "diverged (2/3)"."""
    lost = runs.drop(sound(runs).index)
    statuses = [
        COLLAPSED if status == Status.FINISHED else str(status) for status in lost["status"]
    ]
    return ", ".join(
        status if len(runs) == 1 else f"{status} ({statuses.count(status)}/{len(runs)})"
        for status in sorted(set(statuses))
    )


def with_spread(estimated: Estimate, decimals: int) -> str:
    """Return "mean ± sample standard deviation", or the mean where there is no spread."""
    mean, spread = number(estimated.mean, decimals), estimated.spread
    return mean if spread is None else f"{mean} ± {number(spread, decimals)}"


def with_interval(effect: Effect, decimals: int, *, sign: bool = True) -> str:
    """Return "mean [low, high]", or the mean where there is no interval, or why there is none."""
    if effect.mean is None or math.isnan(effect.mean):
        return effect.why
    mean = number(effect.mean, decimals)
    if sign and float(mean.replace(",", "").replace("∞", "inf")) > 0:
        mean = f"+{mean}"
    if effect.interval is None:
        return mean
    low, high = number(effect.interval.low, decimals), number(effect.interval.high, decimals)
    return f"{mean} [{low}, {high}]"


def of_seeds(effect: Effect) -> str:
    """Return how many of the seeds that were run an effect rests on, where not on all."""
    partial = effect.lost and effect.count
    return f" ({effect.count} of {effect.count + effect.lost} seeds)" if partial else ""


def short_interval(value: float, interval: Interval) -> str:
    """Return "value [low, high]" with three significant digits, for a sentence."""
    return f"{short(value)} [{short(interval.low)}, {short(interval.high)}]"

"""What is printed in one cell: a measurement over several runs, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from reports.comparison import Entry
from reports.content import Measure
from reports.markup import bold, decimals_for, number
from reports.statistics import FINISHED, Estimate, complete, estimate, finished
from reports.uncertainty import FEWEST, Effect, told_apart

NOT_RUN, NOT_CHOSEN, NOT_MEASURED = "not run", "not chosen", "not measured"
NOT_NORMALISED = "not normalised"
UNNORMALISED = "unnormalised"


@dataclass(frozen=True)
class Metric:
    """A column of the results and how it is printed."""

    column: str
    name: str
    decimals: int | None = None
    """None: as many as show four digits of the largest value in the table."""
    native: bool = False
    """Whether it is comparable only between decoders of the same measure."""
    constant: bool = False
    """Whether it is the same for every seed, so that a spread says nothing."""
    best: Literal["lowest", "highest"] | None = None
    """Which value is the best and printed in bold."""

    @property
    def heading(self) -> str:
        """The heading of its column; an arrow says what is better."""
        arrows = {"lowest": f"{self.name} ↓", "highest": f"{self.name} ↑", None: self.name}
        return arrows[self.best]


BITS = Metric("bits_per_dim", "bits/dim", 3, best="lowest")
SSIM = Metric("ssim_best_of_n", "SSIM", 3, best="highest")
PSNR = Metric("psnr_best_of_n_db", "PSNR (dB)", 2, best="highest")
CALIBRATION = Metric("calibration_error", "calibration error", 4, best="lowest")


def nll(unit: str) -> Metric:
    """Return the metric of the native NLL, whose images are called `unit`."""
    return Metric("nll_nats", f"NLL (nats/{unit})", 1, native=True, best="lowest")


def generated(measure: Measure) -> Metric:
    """Return the metric of a measure of generated images."""
    return Metric(measure.column, measure.heading, measure.decimals, best=measure.best)


def ranking(entries: Sequence[Entry], metric: Metric) -> list[tuple[Entry, Estimate]]:
    """Return the entries that may be called best, with their estimates, the best first.

    Only entries whose every run finished and measured the metric take part, and of those only the
    ones with the most runs: a mean over fewer seeds may be lower by luck.
    """
    found = [
        (entry, each)
        for entry in entries
        if complete(entry.runs, metric.column) and (each := estimate(entry.runs, metric.column))
    ]
    most = max((each.count for _, each in found), default=0)
    equal = [pair for pair in found if pair[1].count == most]
    return sorted(equal, key=lambda pair: pair[1].mean, reverse=metric.best == "highest")


def contests(entries: Sequence[Entry], metric: Metric) -> list[list[Entry]]:
    """Return the entries that compare with each other by a metric.

    All do, but by a native metric only those of one measure.
    """
    if not metric.native:
        return [list(entries)]
    measures = dict.fromkeys(entry.measure for entry in entries if entry.measure)
    return [[e for e in entries if e.measure == measure] for measure in measures]


def leaders(entries: Sequence[Entry], metric: Metric) -> list[Entry]:
    """Return the entries that are bold: the best and all that cannot be told apart from it.

    Two are told apart by the interval of their paired difference. From fewer than FEWEST seeds
    there is none; then the best printed mean is bold, and a caption says what little that means.
    No entry is where fewer than two may be called best, all print the same, or none is told apart.
    """
    best = []
    for comparable in contests(entries, metric):
        ranked = ranking(comparable, metric)
        tied = level(ranked, metric)
        if len(tied) < len(ranked) and len(set(printed_means(ranked, metric))) > 1:
            best += tied
    return best


def level(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> list[Entry]:
    """Return the first of a ranking and the entries that cannot be told apart from it."""
    if not ranked:
        return []
    (first, found), *others = ranked
    if found.count < FEWEST:
        printed = printed_means(ranked, metric)
        return [e for (e, _), text in zip(ranked, printed, strict=True) if text == printed[0]]
    column = metric.column
    return [first, *(e for e, _ in others if not told_apart(first.runs, e.runs, column))]


def printed_means(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> list[str]:
    """Return the means as they are printed."""
    decimals = metric.decimals
    if decimals is None:
        decimals = decimals_for(found.mean for _, found in ranked)
    return [number(found.mean, decimals) for _, found in ranked]


def cells(entries: Sequence[Entry], metric: Metric) -> list[str]:
    """Return the cells of one column of a table; the best of a metric that has one are bold."""
    metric = with_decimals(metric, entries)
    best = leaders(entries, metric) if metric.best else []
    return [cell(entry, metric, entry in best) for entry in entries]


def with_decimals(metric: Metric, entries: Sequence[Entry]) -> Metric:
    """Return the metric with the decimals that show four digits of the largest mean."""
    if metric.decimals is not None:
        return metric
    found = [each.mean for e in entries if (each := estimate(e.runs, metric.column))]
    return replace(metric, decimals=decimals_for(found))


def cell(entry: Entry, metric: Metric, best: bool = False) -> str:
    """Return the printed measurement of an entry, or the reason why there is none."""
    found = estimate(entry.runs, metric.column)
    if found is None:
        return gap(entry, metric)
    if metric.constant:
        found = replace(found, spread=None)
    text, ended = with_spread(found, metric.decimals or 0), len(finished(entry.runs))
    parts = [
        bold(text) if best else text,
        "" if found.count == ended else f"{NOT_MEASURED} ({ended - found.count}/{ended})",
        outcome(entry.runs),
    ]
    return ", ".join(part for part in parts if part)


def gap(entry: Entry, metric: Metric) -> str:
    """Return why an entry has no measurement at all."""
    if entry.runs.empty:
        return absent(entry)
    missing = NOT_NORMALISED if metric.native and entry.measure == UNNORMALISED else ""
    return outcome(entry.runs) or missing or NOT_MEASURED


def absent(entry: Entry) -> str:
    """Return why an entry without runs has none."""
    return NOT_CHOSEN if entry.undecided else NOT_RUN


def outcome(runs: pd.DataFrame) -> str:
    """Return what became of the runs that did not finish, such as "diverged (2/3)"."""
    statuses = [str(status) for status in runs["status"] if status != FINISHED]
    return ", ".join(
        status if len(runs) == 1 else f"{status} ({statuses.count(status)}/{len(runs)})"
        for status in sorted(set(statuses))
    )


def with_spread(found: Estimate, decimals: int) -> str:
    """Return "mean ± sample standard deviation", or the mean where there is no spread."""
    mean = number(found.mean, decimals)
    return mean if found.spread is None else f"{mean} ± {number(found.spread, decimals)}"


def with_interval(found: Effect, decimals: int, *, sign: bool = True) -> str:
    """Return "mean [low, high]", or the mean where there is no interval, or why there is none."""
    if found.mean is None or math.isnan(found.mean):
        return found.why
    mean = signed(found.mean, decimals) if sign else number(found.mean, decimals)
    if found.interval is None:
        return mean
    low, high = number(found.interval.low, decimals), number(found.interval.high, decimals)
    return f"{mean} [{low}, {high}]"


def signed(value: float, decimals: int) -> str:
    """Print a number with its sign, also a positive one."""
    text = number(value, decimals)
    return f"+{text}" if float(text.replace(",", "").replace("∞", "inf")) > 0 else text

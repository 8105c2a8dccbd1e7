"""What is printed in one cell: a measurement over several runs, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from reports.comparison import Entry
from reports.content import Measure
from reports.markup import bold, decimals_for, number
from reports.statistics import FINISHED, Estimate, complete, estimate, finished

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


def nll(unit: str) -> Metric:
    """Return the metric of the native NLL, whose images are called `unit`."""
    return Metric("nll_nats", f"NLL (nats/{unit})", 1, native=True, best="lowest")


def generated(measure: Measure) -> Metric:
    """Return the metric of a measure of generated images."""
    return Metric(measure.column, measure.heading, measure.decimals, best=measure.best)


def ranking(entries: Sequence[Entry], metric: Metric) -> list[tuple[Entry, Estimate]]:
    """Return the entries that may be called best, with their estimates, the best first.

    Only entries whose every run finished and measured the metric take part.
    """
    found = [
        (entry, each)
        for entry in entries
        if complete(entry.runs, metric.column) and (each := estimate(entry.runs, metric.column))
    ]
    return sorted(found, key=lambda pair: pair[1].mean, reverse=metric.best == "highest")


def leaders(entries: Sequence[Entry], metric: Metric) -> list[Entry]:
    """Return the entries that print the best mean of a metric that has one.

    There is none where fewer than two entries may be called best, or where all print the same.
    A native metric has leaders of each measure, since values of two measures do not compare.
    """
    contests: list[Sequence[Entry]] = [entries]
    if metric.native:
        measures = dict.fromkeys(entry.measure for entry in entries if entry.measure)
        contests = [[e for e in entries if e.measure == measure] for measure in measures]
    best = []
    for comparable in contests:
        ranked = ranking(comparable, metric)
        printed = [number(found.mean, metric.decimals or 0) for _, found in ranked]
        if len(set(printed)) > 1:
            best += [ranked[i][0] for i, text in enumerate(printed) if text == printed[0]]
    return best


def cells(entries: Sequence[Entry], metric: Metric) -> list[str]:
    """Return the cells of one column of a table; the best of a metric that has one are bold."""
    if metric.decimals is None:
        found = [each.mean for e in entries if (each := estimate(e.runs, metric.column))]
        metric = replace(metric, decimals=decimals_for(found))
    best = leaders(entries, metric) if metric.best else []
    return [cell(entry, metric, entry in best) for entry in entries]


def cell(entry: Entry, metric: Metric, best: bool = False) -> str:
    """Return the printed measurement of an entry, or the reason why there is none."""
    if entry.runs.empty:
        return absent(entry)
    found, trouble = estimate(entry.runs, metric.column), outcome(entry.runs)
    if found is None:
        missing = NOT_NORMALISED if metric.native and entry.measure == UNNORMALISED else ""
        return trouble or missing or NOT_MEASURED
    if metric.constant:
        found = replace(found, spread=None)
    text, ended = with_spread(found, metric.decimals or 0), len(finished(entry.runs))
    parts = [
        bold(text) if best else text,
        "" if found.count == ended else f"{NOT_MEASURED} ({ended - found.count}/{ended})",
        trouble,
    ]
    return ", ".join(part for part in parts if part)


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

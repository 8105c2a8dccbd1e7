"""The tables that compare: differences from the best with their intervals, and ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from reports.cells import (
    BITS,
    NOT_RUN,
    Metric,
    contests,
    gap,
    generated,
    nll,
    ranking,
    with_interval,
)
from reports.comparison import Entry, Group, decoders
from reports.content import Content
from reports.markup import LEFT, RIGHT, bullets, decimals_for, escape, listing, number
from reports.statistics import complete, estimate, finished, values
from reports.tables import from_columns, headline_metrics
from reports.uncertainty import array, by_seed, compare, improvement

REFERENCE, NO_BEST = "the best", "no best"


def difference_table(content: Content, group: Group) -> str:
    """Return each decoder's difference from the best of the group, by every metric."""
    columns = [("decoder", LEFT, [escape(entry.label) for entry in group.entries])]
    for metric in compared_metrics(content, group):
        name = metric.name.removesuffix(f" (nats/{group.unit})")
        columns.append((f"Δ {metric.name}", RIGHT, _differences(group.entries, metric)))
        columns.append((f"P by {name}", RIGHT, _improvements(group.entries, metric)))
    return from_columns(columns)


def without_intervals(content: Content, group: Group) -> str:
    """Return why some differences have no interval, one line a reason; "" if all have one."""
    reasons: dict[str, list[str]] = {}
    compared = 0
    for metric in compared_metrics(content, group):
        for entry, best in _pairs(group.entries, metric):
            found = compare(entry.runs, best.runs, metric.column)
            compared += 1
            if found.why:
                reasons.setdefault(found.why, []).append(f"{escape(entry.label)}: {metric.name}")
    if len(reasons) == 1 and compared == len(next(iter(reasons.values()))):
        return f"No difference has an interval: {next(iter(reasons))}."
    return bullets(f"No interval ({why}): {listing(who)}." for why, who in reasons.items())


def bests(entries: Sequence[Entry], metric: Metric) -> dict[Entry, Entry]:
    """Return for each entry the best of those that it compares with, where there is one."""
    found: dict[Entry, Entry] = {}
    for comparable in contests(entries, metric):
        ranked = ranking(comparable, metric)
        if ranked:
            found |= dict.fromkeys(comparable, ranked[0][0])
    return found


def rank_tables(content: Content, groups: Sequence[Group]) -> dict[str, str]:
    """Return, by the name of a metric, the table of the ranks of every decoder in every group."""
    headlines = [measure for features in content.quality for measure in features.headlines]
    metrics = [BITS, *map(generated, headlines)]
    found = {metric.name: _rank_table(content, groups, metric) for metric in metrics}
    return {name: text for name, text in found.items() if text}


def ranks(entries: Sequence[Entry], metric: Metric) -> list[float | None]:
    """Return the rank of each entry by its mean, 1 the best; ties share their mean rank.

    One that lost a run ranks behind all others, since it cannot be trusted to end. None for one
    that was not run or not measured: nothing is known of it.
    """
    known = [not gap_in(entry, metric) for entry in entries]
    sign = -1.0 if metric.best == "highest" else 1.0
    keys = [
        sign * found.mean if complete(entry.runs, metric.column) and found else np.inf
        for entry in entries
        for found in [estimate(entry.runs, metric.column)]
    ]
    placed = iter(rankdata([key for key, here in zip(keys, known, strict=True) if here]))
    return [float(next(placed)) if here else None for here in known]


def gap_in(entry: Entry, metric: Metric) -> str:
    """Return why nothing is known of an entry by a metric; "" if it was measured or diverged."""
    if entry.runs.empty:
        return gap(entry, metric)
    ended = len(finished(entry.runs))
    if ended == values(entry.runs, metric.column).size:
        return ""
    return gap(entry, metric) if ended == len(entry.runs) else ""


def compared_metrics(content: Content, group: Group) -> list[Metric]:
    """Return the metrics by which decoders are compared."""
    return [nll(group.unit), BITS, *headline_metrics(content, group)]


def _pairs(entries: Sequence[Entry], metric: Metric) -> list[tuple[Entry, Entry]]:
    """Return each measured entry with the best that it is compared with."""
    return [
        (entry, best)
        for entry, best in bests(entries, metric).items()
        if best is not entry and values(entry.runs, metric.column).size
    ]


def _differences(entries: Sequence[Entry], metric: Metric) -> list[str]:
    found = {e: compare(e.runs, best.runs, metric.column) for e, best in _pairs(entries, metric)}
    decimals = metric.decimals
    if decimals is None:
        decimals = decimals_for([each.mean for each in found.values() if each.mean is not None])
    printed = {entry: with_interval(each, decimals) for entry, each in found.items()}
    for entry, each in found.items():
        if each.lost and each.count:
            printed[entry] += f" ({each.count} of {each.count + each.lost} seeds)"
    return _against_best(entries, metric, printed)


def _improvements(entries: Sequence[Entry], metric: Metric) -> list[str]:
    found = {
        entry: improvement(
            *(array(by_seed(each.runs, metric.column)) for each in (entry, best)),
            lower=metric.best != "highest",
        )
        for entry, best in _pairs(entries, metric)
    }
    printed = {entry: with_interval(each, 2, sign=False) for entry, each in found.items()}
    return _against_best(entries, metric, printed)


def _against_best(entries: Sequence[Entry], metric: Metric, printed: dict[Entry, str]) -> list[str]:
    """Return the cells of one column: what is printed, or why an entry was not compared."""
    best = bests(entries, metric)

    def text(entry: Entry) -> str:
        if entry in printed:
            return printed[entry]
        if best.get(entry) is entry:
            return REFERENCE
        measured = not entry.runs.empty and values(entry.runs, metric.column).size
        return NO_BEST if measured else gap(entry, metric)

    return [text(entry) for entry in entries]


def _rank_table(content: Content, groups: Sequence[Group], metric: Metric) -> str:
    shown = [g for g in groups if sum(r is not None for r in ranks(g.entries, metric)) > 1]
    if not shown:
        return ""
    placed = [ranks(group.entries, metric) for group in shown]
    columns = [("decoder", LEFT, [escape(row.label) for row in decoders(content)])]
    for group, each in zip(shown, placed, strict=True):
        pairs = zip(group.entries, each, strict=True)
        columns.append((escape(group.heading), RIGHT, [_rank(e, r, metric) for e, r in pairs]))
    means = [_mean_rank(row) for row in zip(*placed, strict=True)]
    return from_columns([*columns, ("mean rank", RIGHT, means)])


def _rank(entry: Entry, rank: float | None, metric: Metric) -> str:
    if rank is None:
        return gap_in(entry, metric)
    lost = "" if complete(entry.runs, metric.column) else " (did not finish)"
    return f"{rank:g}{lost}"


def _mean_rank(found: Sequence[float | None]) -> str:
    placed = [rank for rank in found if rank is not None]
    if len(placed) < len(found):
        return f"ranked in {len(placed)} of {len(found)}" if placed else NOT_RUN
    return number(float(np.mean(placed)), 2)

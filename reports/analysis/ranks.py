"""Who competes by a metric, who is the best of them, and everybody's rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, takewhile
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import LEVEL, by_seed, differences, effect, holm
from reports.analysis.statistics import Estimate, complete, estimate, finished, values
from reports.metric import Metric


class Reference(NamedTuple):
    """A row without a code: what knows nothing of an image."""

    key: str
    """Prefix of its columns of the results."""
    name: str
    measure: str
    spread: bool = False
    """Whether its masses are spread evenly over the bins of their levels, which makes a density of
    them. That says nothing new but in nats."""

    def reached(self, runs: pd.DataFrame, metric: Metric) -> list[float]:
        """Return what it reaches by a metric, [] if that is not known."""
        reached: list[float] = values(runs, f"{self.key}_{self._same(runs, metric)}")[:1].tolist()
        if not self.spread:
            return reached
        sizes = values(runs, "dimensions")[:1].tolist() if metric.native else []
        return [nats - size * math.log(255) for nats, size in zip(reached, sizes, strict=False)]

    def _same(self, runs: pd.DataFrame, metric: Metric) -> str:
        """Return the metric by whose key it is known: images of a histogram are samples of it."""
        counts = [values(runs, key)[:1].tolist() for key in ("sample_images", "frechet_images")]
        if self.key == "histogram" and counts[0] == counts[1]:
            return metric.key.removesuffix("_samples")
        return metric.key


WITHOUT_CODE = (
    Reference("mean_image", "mean image (no code)", "density"),
    Reference("histogram", "grey-level histogram (no code)", "mass"),
    Reference("histogram", "the same, as a density (no code)", "density", spread=True),
)


def compared_metrics(group: Group) -> list[Metric]:
    """Return the metrics by which decoders are compared."""
    return [group.metric("nll_nats"), group.metric("bits_per_dim"), *group.headlines]


def without_code(entry: Entry, metric: Metric) -> bool:
    """Tell whether an entry is no better by a metric than some row without a code.

    By a native metric only those of its own measure count.
    """
    limits: list[float] = []
    mean = estimate(entry.runs, metric.key)
    for reference in WITHOUT_CODE:
        if not metric.native or entry.measure == reference.measure:
            limits += reference.reached(entry.runs, metric)
    if mean is None or metric.best is None:
        return False
    sign = -1 if metric.best == "highest" else 1
    return any(sign * mean.mean >= sign * limit for limit in limits)


def contests(entries: Sequence[Entry], metric: Metric) -> list[list[Entry]]:
    """Return the entries that compete with each other by a metric: all that are not collapsed.

    By a native metric only those of one measure compete.
    """
    entries = [entry for entry in entries if not entry.collapsed]
    if not metric.native:
        return [entries]
    measures = dict.fromkeys(entry.measure for entry in entries if entry.measure)
    return [[e for e in entries if e.measure == measure] for measure in measures]


def ranking(entries: Sequence[Entry], metric: Metric) -> list[tuple[Entry, Estimate]]:
    """Return the entries that may be called best, with their estimates, the best first.

    Only entries whose every run finished and measured the metric take part, and of those only the
    ones with the most runs: a mean over fewer seeds may be lower by luck.
    """
    whole = [entry for entry in entries if complete(entry.runs, metric.key)]
    candidates = [(e, mean) for e in whole if (mean := estimate(e.runs, metric.key))]
    most = max((mean.count for _, mean in candidates), default=0)
    equal = [pair for pair in candidates if pair[1].count == most]
    return sorted(equal, key=lambda pair: pair[1].mean, reverse=metric.best == "highest")


def behind(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> list[Entry]:
    """Return the entries of a ranking that are told apart from its first.

    Holm's correction is over all pairs of the ranking and not over those with the first alone,
    because that one was picked on the same numbers.
    """
    return [b for a, b in _told_apart(ranked, metric) if a is ranked[0][0]]


def _told_apart(
    ranked: Sequence[tuple[Entry, Estimate]], metric: Metric
) -> list[tuple[Entry, Entry]]:
    measured = {entry: by_seed(entry.runs, metric.key) for entry, _ in ranked}
    pairs = list(combinations(measured, 2))
    p_values = [effect(differences(measured[a], measured[b])).p_value for a, b in pairs]
    return [pair for pair, p in zip(pairs, holm(p_values), strict=True) if p <= 1 - LEVEL]


def level(
    ranked: Sequence[tuple[Entry, Estimate]], metric: Metric, first: Entry | None = None
) -> list[Entry]:
    """Return the first of a ranking and those behind it, down to one that is told apart from it.

    One further behind is not level with the first, however widely its runs spread: a decoder that
    is better than it has already been told apart. So no worse mean is level where a better is not.

    Args:
        ranked: all that compete, the best first; Holm's correction is over all their pairs.
        metric: what they compete by.
        first: who counts as the first, where those before it may not be the best.

    """
    entries = [entry for entry, _ in ranked]
    place = entries.index(first) if first else 0
    told = behind([*ranked[place : place + 1], *ranked[:place], *ranked[place + 1 :]], metric)
    return list(takewhile(lambda entry: entry not in told, entries[place:]))


def separates(entries: Sequence[Entry], metric: Metric) -> bool:
    """Tell whether some two decoders are told apart by a metric, of one measure if it is native.

    Each value of a sweep counts as a decoder of its own.
    """
    each = [value for entry in entries for value in entry.every_value]
    return any(_told_apart(ranking(part, metric), metric) for part in contests(each, metric))


def bests(entries: Sequence[Entry], metric: Metric) -> dict[Entry, Entry]:
    """Return for each entry the best of those that it competes with, where there is one."""
    best: dict[Entry, Entry] = {}
    for contest in contests(entries, metric):
        ranked = ranking(contest, metric)
        if ranked:
            best |= dict.fromkeys(contest, ranked[0][0])
    return best


def ranks(
    entries: Sequence[Entry], metric: Metric, *, lost_last: bool = True
) -> list[float | None]:
    """Return the rank of each entry by its mean, 1 the best; ties share their mean rank.

    One that lost a run ranks behind all others, since it cannot be trusted to end, or else by the
    mean of what is left (`lost_last` False). None for one that was not run or not measured, of
    which nothing is known, and for one with a collapsed run.
    """
    order = []
    for entry in entries:
        mean, lost = estimate(entry.runs, metric.key), len(entry.runs) > len(finished(entry.runs))
        if mean and (complete(entry.runs, metric.key) or not (lost_last or entry.collapsed)):
            order.append(-mean.mean if metric.best == "highest" else mean.mean)
        else:
            order.append(np.inf if lost and lost_last else np.nan)
    placed = rankdata(order, nan_policy="omit")
    return [None if np.isnan(each) else float(each) for each in placed]


def rank(
    entry: Entry, among: Sequence[Entry], metric: Metric, *, lost_last: bool = True
) -> tuple[float, int] | None:
    """Return the rank of an entry by a metric and among how many that were measured, it included.

    None if it has no rank.
    """
    contest = next((each for each in contests([entry, *among], metric) if entry in each), [])
    own = next(iter(ranks(contest, metric, lost_last=lost_last)), None)
    count = sum(values(each.runs, metric.key).size > 0 for each in contest)
    return None if own is None else (own, count)

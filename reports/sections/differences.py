"""How sure the order of the decoders is: differences with intervals, and ranks over all data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.analysis.groups import Entry, Group, decoders
from reports.analysis.images import image_error
from reports.analysis.intervals import (
    FEWEST,
    LEVEL,
    array,
    by_seed,
    correlation,
    improvement,
    paired,
)
from reports.analysis.ranks import behind, bests, compared_metrics, contests, ranking, ranks
from reports.analysis.statistics import complete, values
from reports.content import Content
from reports.metric import Metric
from reports.printing import tables
from reports.printing.cells import NOT_RUN, decimals_of, gap, of_seeds, with_interval
from reports.printing.markup import LEFT, RIGHT, bold, bullets, escape, paragraphs, table_of
from reports.printing.words import decimals_for, listing, number, plural
from reports.sections.section import Section, Subject, by_group

REFERENCE, NO_BEST = "the best", "no best"

INTERVAL = (
    f"[{LEVEL:.0%} interval] over seeds (Student's t; none below {FEWEST} seeds or where all "
    "differences are the same)"
)
CHANCE = (
    "P is the probability that a run of the one is better than one of the other, ties counting "
    "half (Agarwal et al. 2021): ½ is no difference."
)
OF_IMAGES = (
    "SE: standard error of a difference over the test images, paired by image, of one run each. It "
    "is of the sampling of test images only, not of training: another seed may differ by more."
)


def differences(subject: Subject) -> Section:
    """Return the difference of every decoder from the best, with its uncertainty."""
    reading = (
        "Δ is a decoder's value minus that of the best (of its measure, for the NLL), paired by "
        f"seed, mean and {INTERVAL}. **Bold: told apart from the best**, by Holm's correction for "
        "all pairs of decoders, since the best was picked on the same numbers; the interval is "
        f"that of one difference and is not corrected. {CHANCE}"
    )
    return by_group(
        subject,
        "Differences from the best",
        reading,
        lambda group: (
            difference_table(subject.content, group),
            OF_IMAGES if _image_errors(subject.content, group) else "",
            without_intervals(group),
            pairing(group),
        ),
        nothing="There are no runs to compare.",
        anchor="differences",
    )


def rank_sections(subject: Subject) -> Section:
    """Return the rank of every decoder on every group."""
    tables_of_ranks = rank_tables(subject.content, subject.groups)
    reading = (
        "Rank of each decoder by its mean, 1 the best; equal means share the mean of their ranks. "
        "A decoder that lost a run (diverged, failed, too large) ranks behind all that did not. "
        "One that was not run or not measured on some data has no rank there, and no mean rank. "
        "A rank says nothing of distances, and order within the noise counts as much as any other."
    )
    parts = [paragraphs(f"### Ranks by {name}", table) for name, table in tables_of_ranks.items()]
    nothing = "Fewer than two decoders were measured on the same data, so there are no ranks."
    return Section("Ranks over all data", paragraphs(reading, *(parts or [nothing])))


def difference_table(content: Content, group: Group) -> str:
    """Return each decoder's difference from the best of the group, by every metric."""
    fields = [tables.decoders(group.entries)]
    errors = _image_errors(content, group)
    for metric in compared_metrics(group):
        ranked = [ranking(contest, metric) for contest in contests(group.entries, metric)]
        apart = [entry for each in ranked for entry in behind(each, metric)]
        pairs = _pairs(group.entries, metric)
        effects = {entry: paired(entry.runs, best.runs, metric.key) for entry, best in pairs}
        means = [each.mean for each in effects.values() if each.mean is not None]
        decimals = decimals_of(metric, means)
        deltas, shares = {}, {}
        for entry, best in pairs:
            first, second = (array(by_seed(each.runs, metric.key)) for each in (entry, best))
            shares[entry] = number(improvement(first, second, lower=metric.best != "highest"), 2)
            delta, error = with_interval(effects[entry], decimals), errors.get((entry, metric))
            deltas[entry] = bold(delta) if entry in apart else delta
            deltas[entry] += of_seeds(effects[entry])
            if error is not None:
                deltas[entry] += f" (SE {number(error, max(decimals, decimals_for([error], 2)))})"
        for heading, printed in ((f"Δ {metric.label}", deltas), (f"P by {metric.name}", shares)):
            fields.append((heading, RIGHT, _against_best(group.entries, metric, printed)))
    return table_of(fields)


def pairing(group: Group) -> str:
    """Return how much runs of one seed have in common, as a sentence; "" with too few seeds."""
    ranked = ranking(group.entries, bits := group.metric("bits_per_dim"))
    mean = correlation([by_seed(entry.runs, bits.key) for entry, _ in ranked])
    if mean is None:
        return ""
    return (
        f"Correlation of two decoders over paired seeds, mean over all pairs, {bits.label}: "
        f"{number(mean, 2)} ({plural(ranked[0][1].count, 'seed')}). Where it is about 0, a "
        "difference is no surer for being paired by seed."
    )


def without_intervals(group: Group) -> str:
    """Return why some differences have no interval, one line a reason; "" if all have one."""
    reasons: dict[str, list[str]] = {}
    compared = 0
    for metric in compared_metrics(group):
        for entry, best in _pairs(group.entries, metric):
            difference = paired(entry.runs, best.runs, metric.key)
            compared += 1
            if difference.why:
                pair = f"{escape(entry.label)}: {metric.label}"
                reasons.setdefault(difference.why, []).append(pair)
    if len(reasons) == 1 and compared == len(next(iter(reasons.values()))):
        return f"No difference has an interval: {next(iter(reasons))}."
    return bullets(f"No interval ({why}): {listing(who)}." for why, who in reasons.items())


def rank_tables(content: Content, groups: Sequence[Group]) -> dict[str, str]:
    """Return, by the name of a metric, the table of the ranks of every decoder in every group."""
    if not groups:
        return {}
    headlines = [metric for metric in content.metrics if metric.headline]
    metrics = [groups[0].metric("bits_per_dim"), *headlines]
    return {m.label: text for m in metrics if (text := _rank_table(content, groups, m))}


def _pairs(entries: Sequence[Entry], metric: Metric) -> list[tuple[Entry, Entry]]:
    """Return each measured entry with the best that it is compared with."""
    return [
        (entry, best)
        for entry, best in bests(entries, metric).items()
        if best is not entry and values(entry.runs, metric.key).size
    ]


def _image_errors(content: Content, group: Group) -> dict[tuple[Entry, Metric], float]:
    """Return the standard error over test images of each difference that has one."""
    return {
        (entry, metric): error
        for metric in compared_metrics(group)
        for entry, best in _pairs(group.entries, metric)
        if (error := image_error(content, entry, best, metric.key)) is not None
    }


def _against_best(entries: Sequence[Entry], metric: Metric, printed: dict[Entry, str]) -> list[str]:
    """Return the cells of one metric: what is printed, or why an entry was not compared."""
    best = dict.fromkeys(set(bests(entries, metric).values()), REFERENCE)
    judged = [e for e in entries if values(e.runs, metric.key).size and not e.collapsed]
    rest = {e: NO_BEST if e in judged else gap(e, metric) for e in entries}
    return [(rest | best | printed)[entry] for entry in entries]


def _rank_table(content: Content, groups: Sequence[Group], metric: Metric) -> str:
    placed = {group: ranks(group.entries, metric) for group in groups}
    placed = {g: each for g, each in placed.items() if sum(r is not None for r in each) > 1}
    if not placed:
        return ""
    fields = [("decoder", LEFT, [escape(row.label) for row in decoders(content)])]
    for group, each in placed.items():
        pairs = zip(group.entries, each, strict=True)
        fields.append((escape(group.heading), RIGHT, [_rank(e, r, metric) for e, r in pairs]))
    means = [_mean_rank(row) for row in zip(*placed.values(), strict=True)]
    return table_of([*fields, ("mean rank", RIGHT, means)])


def _rank(entry: Entry, rank: float | None, metric: Metric) -> str:
    if rank is None:
        return gap(entry, metric)
    return f"{rank:g}{'' if complete(entry.runs, metric.key) else ' (did not finish)'}"


def _mean_rank(every: Sequence[float | None]) -> str:
    placed = [rank for rank in every if rank is not None]
    if len(placed) < len(every):
        return f"ranked in {len(placed)} of {len(every)}" if placed else NOT_RUN
    return number(float(np.mean(placed)), 2)

"""How sure the order of the decoders is: differences with intervals, and ranks over all data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.analysis.groups import Entry, Group, decoders
from reports.analysis.images import image_error
from reports.analysis.intervals import FEWEST, LEVEL, by_seed, correlation, paired
from reports.analysis.ranks import behind, bests, compared_metrics, contests, ranking, ranks
from reports.analysis.statistics import complete, values
from reports.analysis.verdict import compared
from reports.metric import Metric
from reports.printing import tables
from reports.printing.cells import NOT_RUN, decimals_of, gap, of_seeds, with_interval
from reports.printing.markup import LEFT, RIGHT, bold, bullets, escape, paragraphs, table_of
from reports.printing.words import decimals_for, listing, number, plural
from reports.sections.section import Subject, by_group, section

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


@by_group(
    "Differences from the best",
    "Δ is a decoder's value minus that of the best (of its measure, for the NLL), paired by seed, "
    f"mean and {INTERVAL}. **Bold: told apart from the best**, by Holm's correction for all pairs "
    "of decoders, since the best was picked on the same numbers; the interval is that of one "
    f"difference and is not corrected. {CHANCE}",
    nothing="There are no runs to compare.",
    anchor="differences",
)
def differences(subject: Subject, group: Group) -> tuple[str, ...]:
    """Return the difference of every decoder from the best, with its uncertainty."""
    fields, any_error = [tables.decoders(group.entries)], False
    for metric in compared_metrics(group):
        ranked = [ranking(contest, metric) for contest in contests(group.entries, metric)]
        apart = [entry for each in ranked for entry in behind(each, metric)]
        best_of = dict(_pairs(group.entries, metric))
        pairs = {entry: compared(entry, best, metric) for entry, best in best_of.items()}
        decimals = decimals_of(metric, [d.mean for d, _ in pairs.values() if d.mean is not None])
        deltas = {}
        for entry, (difference, _) in pairs.items():
            delta = with_interval(difference, decimals)
            deltas[entry] = (bold(delta) if entry in apart else delta) + of_seeds(difference)
            error = image_error(subject.content, entry, best_of[entry], metric.key)
            if error is not None:
                places = max(decimals, decimals_for([error], 2))
                deltas[entry] += f" (SE {number(error, places)})"
                any_error = True
        shares = {entry: number(chance, 2) for entry, (_, chance) in pairs.items()}
        for heading, printed in ((f"Δ {metric.label}", deltas), (f"P by {metric.name}", shares)):
            fields.append((heading, RIGHT, _against_best(group.entries, metric, printed)))
    of_images = OF_IMAGES if any_error else ""
    return table_of(fields), of_images, _without_intervals(group), _pairing(group)


def _pairing(group: Group) -> str:
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


def _without_intervals(group: Group) -> str:
    """Return why some differences have no interval, one line a reason; "" if all have one."""
    reasons: dict[str, list[str]] = {}
    for metric in compared_metrics(group):
        for entry, best in _pairs(group.entries, metric):
            why = paired(entry.runs, best.runs, metric.key).why
            reasons.setdefault(why, []).append(f"{escape(entry.label)}: {metric.label}")
    if len(reasons) == 1 and "" not in reasons:
        return f"No difference has an interval: {next(iter(reasons))}."
    reasons.pop("", None)
    return bullets(f"No interval ({why}): {listing(who)}." for why, who in reasons.items())


def rank_sections(subject: Subject) -> str:
    """Return the rank of every decoder on every group."""
    reading = (
        "Rank of each decoder by its mean, 1 the best; equal means share the mean of their ranks. "
        "A decoder that lost a run (diverged, failed, too large) ranks behind all that did not. "
        "One that was not run or not measured on some data has no rank there, and no mean rank. "
        "A rank says nothing of distances, and order within the noise counts as much as any other."
    )
    headlines = [metric for metric in subject.content.metrics if metric.headline]
    metrics = [subject.groups[0].metric("bits_per_dim"), *headlines] if subject.groups else []
    made = {m.label: text for m in metrics if (text := _rank_table(subject, m))}
    parts = [paragraphs(f"### Ranks by {name}", table) for name, table in made.items()]
    nothing = "Fewer than two decoders were measured on the same data, so there are no ranks."
    return section("Ranks over all data", paragraphs(reading, *(parts or [nothing])))


def _pairs(entries: Sequence[Entry], metric: Metric) -> list[tuple[Entry, Entry]]:
    """Return each measured entry with the best that it is compared with."""
    return [
        (entry, best)
        for entry, best in bests(entries, metric).items()
        if best is not entry and values(entry.runs, metric.key).size
    ]


def _against_best(entries: Sequence[Entry], metric: Metric, printed: dict[Entry, str]) -> list[str]:
    """Return the cells of one metric: what is printed, or why an entry was not compared."""
    best = dict.fromkeys(set(bests(entries, metric).values()), REFERENCE)
    judged = [e for e in entries if values(e.runs, metric.key).size and not e.collapsed]
    rest = {e: NO_BEST if e in judged else gap(e, metric) for e in entries}
    return [(rest | best | printed)[entry] for entry in entries]


def _rank_table(subject: Subject, metric: Metric) -> str:
    placed = {group: ranks(group.entries, metric) for group in subject.groups}
    placed = {g: each for g, each in placed.items() if sum(r is not None for r in each) > 1}
    if not placed:
        return ""
    fields = [("decoder", LEFT, [escape(row.label) for row in decoders(subject.content)])]
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

"""The head of the report: what came out, and what was run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from reports.analysis.groups import Entry, Group, learned
from reports.analysis.intervals import FEWEST
from reports.analysis.ranks import ranking
from reports.analysis.statistics import Estimate, estimate
from reports.content import PAPER, Status
from reports.metric import Metric
from reports.printing.cells import decimals_of, level, mark, printed_means, with_spread
from reports.printing.markup import LEFT, bullets, escape, paragraphs, table
from reports.printing.tables import counts
from reports.printing.words import listing, plural, short
from reports.sections.section import Section, Subject

IMAGES = ("test_images", "calibration_images", "frechet_images")
FACTS = ("steps", "batch_size", "test_sequences", "predicted_frames", *IMAGES)
"""Counts that say what was run."""


def budget(subject: Subject) -> str:
    """Return the first lines of the report: which budget made it, and what that permits."""
    name = subject.content.budget
    if name == PAPER:
        return (
            "> **Budget: paper**, the published protocol. Columns on the paper's own data stand "
            "beside the published numbers; columns with a stand-in do not."
        )
    return (
        f"> **Budget: {escape(name)}.** Only the budget `paper` may be set beside published "
        "numbers, so none of the results below are."
    )


def summary(subject: Subject) -> Section:
    """Return what came out, read from the results alone."""
    if not subject.groups:
        return Section("Summary", "There are no runs in the results, so nothing was compared.")
    best = best_table(subject.groups)
    reading = "No decoder finished all its runs with a measurement, so none can be called best."
    if best:
        reading = (
            "Lower is better in every line. Only decoders whose every run finished and did not "
            "collapse take part; † marks what is no better than a row without a code. A "
            "lead over those in the last column is none: their paired differences are within "
            "what seeds do by chance."
        )
    variances = bullets(_variances(subject))
    return Section("Summary", paragraphs(_count(subject), reading, best, variances))


def what_was_run(subject: Subject) -> Section:
    """Return data, budget and circumstances of the runs."""
    content = subject.content
    columns = []
    for group in subject.groups:
        data = dict.fromkeys(escape(column.description) for column in group.columns)
        facts = ", ".join(counts(group, group.measured(*FACTS)))
        what = " ".join([*filter(None, data), f"{facts}." if facts else ""]).rstrip()
        columns.append(f"**{escape(group.heading)}**, model `{group.model}`: {what}")
    about = [f"{escape(name)}: {' '.join(line.split())}" for name, line in content.about.items()]
    reading = (
        "One model with different decoders: data, network trunk, optimiser and number of steps are "
        "the same for every decoder of a column. A *stand-in* replaces a data set that was not at "
        "hand or not asked for; its numbers say nothing of the original's."
    )
    return Section("What was run", paragraphs(reading, bullets(columns), bullets(about)))


def best_table(groups: Sequence[Group]) -> str:
    """Return the two lowest of each group by bits/dim and by each headline; may be "".

    A last column says who cannot be told apart from the lowest, so that no lead is read as a win
    that is none.
    """
    rows = []
    for group in groups:
        for metric in (group.metric("bits_per_dim"), *group.headlines):
            ranked = ranking(group.entries, metric)
            if not ranked:
                continue
            decimals = decimals_of(metric, [mean.mean for _, mean in ranked])
            printed = [
                (escape(e.label), with_spread(mean, decimals) + mark(e, metric))
                for e, mean in ranked
            ]
            means = printed_means(ranked, metric)
            ties = means.count(means[0])
            lowest = f"{ties} decoders tie: {means[0]}" if ties > 1 else ": ".join(printed[0])
            second = ": ".join(printed[ties]) if ties < len(printed) else "no other"
            equals = _equals(ranked, metric)
            rows.append([escape(group.heading), metric.label, lowest, second, equals])
    headings = ["data", "measured by", "lowest", "second", "not told apart from the lowest"]
    return table(headings, rows, [LEFT] * 5) if rows else ""


def _equals(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> str:
    if ranked[0][1].count < FEWEST:
        return f"unknown from {plural(ranked[0][1].count, 'seed')}"
    equals = level(ranked, metric)[1:]
    if len(equals) > 3:
        return f"{len(equals)} of {len(ranked) - 1} others"
    return listing([escape(entry.label) for entry in equals]) or "none"


def _count(subject: Subject) -> str:
    runs = pd.concat([group.runs for group in subject.groups])
    counts = Counter(map(str, runs["status"]))
    ended = f"{plural(len(runs), 'run')}, of which {counts.pop(Status.FINISHED, 0)} finished"
    text = listing([ended, *(f"{counts[name]} {name}" for name in sorted(counts))]) + "."
    seeds = runs["seed"].nunique()
    if seeds > 1:
        return f"{text} {seeds} seeds; ± is the sample standard deviation over them."
    return f"{text} One seed: nothing is known of the spread, so a small lead may be chance."


def _variances(subject: Subject) -> Iterator[str]:
    """Say for each group what the sweep chose and what was learned in one run."""
    for group in subject.groups:
        chosen = [
            f"the sweep is best on validation data at {entry.decoder.sweep} = {entry.chosen:g}"
            for entry in group.entries
            if entry.chosen is not None
        ]
        values = [
            f"{short(at.mean)} ({escape(entry.decoder.label)})"
            for entry in learned(subject.content, group)
            if (at := estimate(entry.runs, "variance"))
        ]
        if values:
            chosen.append(f"the learned variance is {listing(values)}")
        if chosen:
            yield f"{escape(group.heading)}: {'; '.join(chosen)}."

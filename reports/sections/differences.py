"""How sure the order of the decoders is: differences with intervals, and ranks over all data."""

from __future__ import annotations

from reports.differences import difference_table, rank_tables, without_intervals
from reports.markup import paragraphs
from reports.sections.section import Section, Subject, subsection
from reports.uncertainty import FEWEST, LEVEL, MANY, RESAMPLES

FEW_SEEDS = (
    "With few seeds the interval is optimistic: it lies within the range of the n differences, "
    "and that covers a median with a probability of 1 − 2^(1−n) only, 75% for 3 seeds, 94% for "
    "5. The best was picked on the same numbers, and nothing is corrected for the number of "
    "comparisons."
)


def differences(subject: Subject) -> Section:
    """Return the difference of every decoder from the best, with its uncertainty."""
    reading = (
        "Δ is a decoder's value minus that of the best (of its measure, for the NLL), paired by "
        f"seed, mean and [{LEVEL:.0%} bootstrap interval] over seeds ({RESAMPLES:,} resamples; "
        f"percentile, from {MANY} seeds on BCa; none below {FEWEST} seeds or where all differences "
        "are the same). An interval that contains 0 is no difference. P is the probability that a "
        "run of the decoder is better than one of the best, ties counting half (Agarwal et al. "
        "2021): ½ is no difference; a P of 0 or 1 has no interval."
    )
    parts = [
        subsection(
            group,
            difference_table(subject.content, group),
            without_intervals(subject.content, group),
        )
        for group in subject.groups
    ]
    nothing = "There are no runs to compare."
    return Section(
        "Differences from the best",
        paragraphs(reading, FEW_SEEDS, *(parts or [nothing])),
        anchor="differences",
    )


def ranks(subject: Subject) -> Section:
    """Return the rank of every decoder on every group."""
    tables = rank_tables(subject.content, subject.groups)
    reading = (
        "Rank of each decoder by its mean, 1 the best; equal means share the mean of their ranks. "
        "A decoder that lost a run (diverged, failed, too large) ranks behind all that did not. "
        "One that was not run or not measured on some data has no rank there, and no mean rank. "
        "A rank says nothing of distances, and order within the noise counts as much as any other."
    )
    parts = [paragraphs(f"### Ranks by {name}", table) for name, table in tables.items()]
    nothing = "Fewer than two decoders were measured on the same data, so there are no ranks."
    return Section("Ranks over all data", paragraphs(reading, *(parts or [nothing])))

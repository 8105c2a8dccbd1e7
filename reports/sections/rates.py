"""Learning rates that were chosen for each decoder by trials."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from reports.analysis.collapse import with_collapse
from reports.analysis.groups import Entry, Group, entry
from reports.analysis.statistics import sound
from reports.printing.cells import NOT_RUN, cell
from reports.printing.markup import LEFT, RIGHT, bullets, escape, table
from reports.printing.words import listing, plural, short
from reports.sections.section import Subject, by_group

SELECTOR, RATE = "validation_bits_per_dim", "learning_rate"
SECONDS = ["train_seconds", "evaluate_seconds"]
READING = (
    "Beside the table at one rate for all stands one in which each decoder has its own, out of one "
    "grid. Shown are the validation bits/dim of the trials, means over their seeds, none of which "
    "is reported. Chosen is the rate with the most sound trials (finished, measured and not "
    "collapsed), and of those the one of the lowest mean; another than the rate that is fixed for "
    "all only if it is better by 0.02 bits a value, a lead that seeds alone seldom bring about."
)


@by_group("Learning rates", READING, nothing="", anchor="rates")
def learning_rates(subject: Subject, group: Group) -> Iterator[str]:
    """Yield the trials of a group of tuned rates, and how many each decoder got."""
    every = subject.content.trials
    keys = {column.key for column in group.columns}
    trials = with_collapse(every[every["column_key"].isin(keys)]) if len(every) else every
    if trials.empty:
        return
    rates = sorted(set(trials[RATE]))
    tried = [(own, entry(own.decoder, trials)) for own in group.entries]
    tried = [(own, searched) for own, searched in tried if len(searched.every_run)]
    rows, counts = [], set()
    for own, searched in tried:
        reported = _by_value(own)
        for value, each in _by_value(searched).items():
            at = (Entry(each.decoder, each.runs[each.runs[RATE] == rate]) for rate in rates)
            cells = [cell(of_rate, group.metric(SELECTOR)) for of_rate in at]
            chosen = sorted(set(reported[value].runs[RATE])) if value in reported else []
            printed = listing([f"{rate:g}" for rate in chosen]) or NOT_RUN
            rows.append([escape(each.label), *cells, printed, _remark(each, chosen, rates)])
            counts.add(len(each.runs))
    headings = ["decoder", *(f"rate {rate:g}" for rate in rates), "chosen", "remark"]
    yield table(headings, rows, [LEFT, *[RIGHT] * (len(rates) + 1), LEFT])
    yield bullets(_fairness([searched for _, searched in tried], counts, trials))


def _by_value(searched: Entry) -> dict[float | None, Entry]:
    """Return an entry for each value of its sweep, or the one of all runs."""
    decoder = searched.decoder
    values: dict[float | None, Entry] = {
        each.value: Entry(decoder, each.runs, chosen=each.value) for each in searched.settings
    }
    return values or {None: Entry(decoder, searched.every_run)}


def _remark(tried: Entry, chosen: list[float], rates: list[float]) -> str:
    if sound(tried.runs).empty:
        return "no trial was sound"
    at_end = len(rates) > 1 and bool({rates[0], rates[-1]} & set(chosen))
    return "at the end of the grid: a wider one might find a better rate" if at_end else ""


def _fairness(tried: list[Entry], counts: set[int], trials: pd.DataFrame) -> Iterator[str]:
    each = listing([str(count) for count in sorted(counts)])
    yield (
        f"Trials of each decoder, and of each value of a sweep: {each}, at "
        f"{plural(trials[RATE].nunique(), 'rate')} on {plural(trials['seed'].nunique(), 'seed')}."
    )
    alone = [escape(entry.decoder.label) for entry in tried if not entry.settings]
    swept = [
        f"{escape(entry.decoder.label)} ({len(entry.settings)} values of {entry.decoder.sweep})"
        for entry in tried
        if entry.settings
    ]
    if alone:
        yield f"Self-tuned but for the rate, one run a seed: {', '.join(alone)}."
    if swept:
        yield f"Tuned by a sweep besides: {', '.join(swept)}."
    seconds = trials.reindex(columns=SECONDS).apply(pd.to_numeric, errors="coerce").sum().sum()
    yield f"The trials took {short(float(seconds))} s, which the table of costs leaves out."

"""The tables of a comparison. No cell is left empty, and only a difference that is one is bold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports.analysis.groups import Entry
from reports.analysis.intervals import Effect
from reports.analysis.ranks import contests, ranks
from reports.analysis.statistics import estimate
from reports.metric import Metric
from reports.printing.cells import absent, cells, decimals_of, gap, of_seeds, outcome, with_interval
from reports.printing.markup import LEFT, RIGHT, bold, escape, table_of
from reports.printing.tables import decoders, metric_fields
from reports.printing.words import number, short
from reports.versus.pairs import WORDS, Difference, Match

ITSELF = "itself"
COSTS = ("parameters", "outputs_per_value", "step_memory_megabytes")
SECONDS = ("train_seconds", "evaluate_seconds")


def metric_table(match: Match, metric: Metric) -> str:
    """Return every decoder's value, and the difference from each baseline."""
    entries = [match.new, *match.baselines]
    pairs = match.differences[metric]
    decimals = decimals_of(metric, [each.effect.mean for each in pairs if each.effect.mean])
    name = escape(match.new.label)
    rows = [(ITSELF,) * 3, *(_printed(pair, decimals) for pair in pairs)]
    deltas, chances, verdicts = zip(*rows, strict=True)
    fields = [
        decoders(entries),
        (metric.heading, RIGHT, cells(entries, replace(metric, best=None))),
        (f"Δ: {name} minus it", RIGHT, deltas),
        (f"P({name} better)", RIGHT, chances),
        ("verdict", LEFT, verdicts),
    ]
    return table_of(fields)


def equal_table(match: Match) -> str:
    """Return validation bits/dim at equal steps and at equal seconds; "" without any curve."""
    timed = list(match.timed.values())
    if all(each.at is None and each.steps.mean is None for each in timed):
        return ""
    name, decimals = escape(match.new.label), match.bits.decimals or 0

    def printed(effects: Sequence[Effect], places: int, *, sign: bool = False) -> list[str]:
        return [
            with_interval(effect, places, sign=sign) + of_seeds(effect)
            if effect.mean is not None
            else absent(entry)
            if entry.runs.empty
            else "history too short"
            if both.short
            else outcome(entry.runs) or effect.why
            for (entry, both), effect in zip(match.timed.items(), effects, strict=True)
        ]

    def there(which: int) -> list[str]:
        return [number(e.there[which], decimals) if e.there else "none" for e in timed]

    fields = [
        ("baseline", LEFT, [escape(entry.label) for entry in match.baselines]),
        ("Δ at equal steps", RIGHT, printed([e.steps for e in timed], decimals, sign=True)),
        ("Δ at equal seconds", RIGHT, printed([e.seconds for e in timed], decimals, sign=True)),
        ("at (s)", RIGHT, ["none" if e.at is None else short(e.at) for e in timed]),
        (f"{name} there", RIGHT, there(0)),
        ("baseline there", RIGHT, there(1)),
        ("target", RIGHT, ["none" if e.target is None else short(e.target) for e in timed]),
        ("steps to it: ratio", RIGHT, printed([e.sooner for e in timed], 2)),
    ]
    return table_of(fields)


def cost_table(match: Match) -> str:
    """Return what each decoder costs, with the ratio of the seconds of training."""
    entries = [match.new, *match.baselines]
    ratios = [seconds_ratio(match.new, entry) for entry in match.baselines]
    printed = ["no ratio" if ratio is None else number(ratio, 2) for ratio in ratios]
    fields = [
        decoders(entries),
        *metric_fields(entries, match.group.measured(*COSTS, *SECONDS)),
        ("training, ratio", RIGHT, [ITSELF, *printed]),
    ]
    return table_of(fields)


def rank_table(match: Match) -> str:
    """Return the ranks among all decoders of the group, by every metric."""
    entries = [match.new, *match.baselines]
    fields = [decoders(entries)]
    for metric in match.metrics:
        placed = {entry: gap(entry, metric) for entry in entries}
        for contest in contests(match.everyone, metric):
            own = zip(contest, ranks(contest, metric), strict=True)
            placed |= {entry: f"{rank:g}" for entry, rank in own if rank is not None}
        fields.append((metric.heading, RIGHT, [placed[entry] for entry in entries]))
    return table_of(fields)


def seconds_ratio(new: Entry, baseline: Entry) -> float | None:
    """Return the mean seconds of training over those of a baseline; None if not both are known."""
    first, second = (estimate(each.runs, "train_seconds") for each in (new, baseline))
    return first.mean / second.mean if first and second and second.mean > 0 else None


def differences(matches: Sequence[Match]) -> pd.DataFrame:
    """Return one row for each group, baseline and metric."""
    return pd.DataFrame(
        {
            "data_set": match.group.data_set,
            "model": match.group.model,
            "columns": match.group.heading,
            "decoder": match.new.label,
            "baseline": baseline.label,
            "metric": metric.key,
            "pairs": pair.effect.count,
            "difference": pair.effect.mean,
            **_interval(pair.effect),
            "improvement": pair.improvement,
            "verdict": pair.words,
            "why": pair.why,
        }
        for match in matches
        for metric, pairs in match.differences.items()
        for baseline, pair in zip(match.baselines, pairs, strict=True)
    )


def _interval(effect: Effect) -> dict[str, float | None]:
    low, high = (effect.interval.low, effect.interval.high) if effect.interval else (None, None)
    return {"difference_low": low, "difference_high": high}


def _printed(pair: Difference, decimals: int) -> tuple[str, str, str]:
    if pair.improvement is None:
        return escape(pair.effect.why), "no pair", pair.words
    delta = with_interval(pair.effect, decimals)
    delta = (bold(delta) if pair.verdict in WORDS else delta) + of_seeds(pair.effect)
    verdict = f"{pair.words}: {pair.why}" if pair.why else pair.words
    return delta, number(pair.improvement, 2), escape(verdict)

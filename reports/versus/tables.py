"""The tables of a comparison. No cell is left empty, and only a difference that is one is bold."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.cells import (
    Metric,
    absent,
    cell,
    contests,
    gap,
    outcome,
    with_decimals,
    with_interval,
)
from reports.comparison import Entry
from reports.differences import ranks
from reports.markup import LEFT, RIGHT, bold, decimals_for, escape, number, short
from reports.statistics import estimate, values
from reports.tables import MEMORY, from_columns
from reports.uncertainty import Effect
from reports.versus.equal import Equal
from reports.versus.pairs import Difference, Match, Verdict

ITSELF = "itself"
COSTS = (
    Metric("parameters", "parameters", 0, constant=True),
    Metric("outputs_per_value", "raw outputs a value", 0, constant=True),
    MEMORY,
    Metric("train_seconds", "training (s)", 1),
    Metric("evaluate_seconds", "evaluation (s)", 1),
)


def metric_table(match: Match, metric: Metric) -> str:
    """Return every decoder's value, and the difference from each baseline."""
    entries = [match.new, *match.baselines]
    found = [match.difference(each, metric) for each in match.baselines]
    decimals = metric.decimals
    if decimals is None:
        decimals = decimals_for(each.effect.mean for each in found if each.effect.mean)
    metric = with_decimals(metric, entries)
    name = escape(match.new.label)
    columns = [
        ("decoder", LEFT, [escape(entry.label) for entry in entries]),
        (metric.heading, RIGHT, [cell(entry, metric) for entry in entries]),
        (f"Δ: {name} minus it", RIGHT, [ITSELF, *(_delta(d, decimals) for d in found)]),
        (f"P({name} better)", RIGHT, [ITSELF, *(_chance(d) for d in found)]),
        ("verdict", LEFT, [ITSELF, *(escape(_verdict(d)) for d in found)]),
    ]
    return from_columns(columns)


def equal_table(match: Match) -> str:
    """Return validation bits/dim at equal steps and at equal seconds; "" without any curve."""
    found = [match.equal(each) for each in match.baselines]
    if all(each.at is None and each.steps.mean is None for each in found):
        return ""
    name = escape(match.new.label)
    pairs = list(zip(match.baselines, found, strict=True))
    columns = [
        ("baseline", LEFT, [escape(entry.label) for entry, _ in pairs]),
        ("Δ at equal steps", RIGHT, [_or_why(e, f, f.steps, 3, sign=True) for e, f in pairs]),
        ("Δ at equal seconds", RIGHT, [_or_why(e, f, f.seconds, 3, sign=True) for e, f in pairs]),
        ("at (s)", RIGHT, [_at(f) for f in found]),
        (f"{name} there", RIGHT, [_there(f, 0) for f in found]),
        ("baseline there", RIGHT, [_there(f, 1) for f in found]),
        *(
            (f"{over}: ratio", RIGHT, [_or_why(e, f, f.sooner[over], 2) for e, f in pairs])
            for over in ("steps", "seconds")
        ),
    ]
    return from_columns(columns)


def cost_table(match: Match) -> str:
    """Return what each decoder costs, with the ratio of the seconds of training."""
    entries = [match.new, *match.baselines]
    costs = [each for each in COSTS if values(match.group.runs, each.column).size]
    metrics = [with_decimals(each, entries) for each in costs]
    columns = [
        ("decoder", LEFT, [escape(entry.label) for entry in entries]),
        *((each.name, RIGHT, [cell(e, each) for e in entries]) for each in metrics),
        ("training, ratio", RIGHT, [ITSELF, *(_ratio(match.new, e) for e in match.baselines)]),
    ]
    return from_columns(columns)


def rank_table(match: Match) -> str:
    """Return the ranks among all decoders of the group, by every metric."""
    entries = [match.new, *match.baselines]
    columns = [("decoder", LEFT, [escape(entry.label) for entry in entries])]
    for metric in match.metrics:
        placed: dict[Entry, float | None] = {}
        for contest in contests(match.everyone, metric):
            placed |= dict(zip(contest, ranks(contest, metric), strict=True))
        columns.append((metric.heading, RIGHT, [_rank(e, placed.get(e), metric) for e in entries]))
    return from_columns(columns)


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
            "metric": metric.column,
            "pairs": found.effect.count,
            "difference": found.effect.mean,
            **_interval("difference", found.effect),
            "improvement": found.improvement.mean,
            **_interval("improvement", found.improvement),
            "verdict": str(found.verdict),
            "why": found.why,
        }
        for match in matches
        for metric in match.metrics
        for baseline in match.baselines
        for found in [match.difference(baseline, metric)]
    )


def _interval(name: str, found: Effect) -> dict[str, float | None]:
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _rank(entry: Entry, rank: float | None, metric: Metric) -> str:
    return gap(entry, metric) if rank is None else f"{rank:g}"


def _delta(found: Difference, decimals: int) -> str:
    if not found.measured:
        return escape(found.effect.why)
    text = with_interval(found.effect, decimals)
    if found.verdict in (Verdict.BETTER, Verdict.WORSE):
        text = bold(text)
    return text + _pairs(found.effect)


def _pairs(found: Effect) -> str:
    return f" ({found.count} of {found.count + found.lost} seeds)" if found.lost else ""


def _chance(found: Difference) -> str:
    return with_interval(found.improvement, 2, sign=False) if found.measured else "no pair"


def _verdict(found: Difference) -> str:
    told = found.measured and found.why  # the reason why there is no number stands beside
    return f"{found.verdict}: {found.why}" if told else str(found.verdict)


def _or_why(entry: Entry, found: Equal, part: Effect, decimals: int, *, sign: bool = False) -> str:
    if part.mean is not None:
        return with_interval(part, decimals, sign=sign) + _pairs(part)
    if entry.runs.empty:
        return absent(entry)
    if found.short:
        return "history too short"
    return outcome(entry.runs) or part.why


def _at(found: Equal) -> str:
    return "none" if found.at is None else short(found.at)


def _there(found: Equal, which: int) -> str:
    return "none" if found.there is None else number(found.there[which], 3)


def _ratio(new: Entry, baseline: Entry) -> str:
    found = seconds_ratio(new, baseline)
    if found is not None:
        return number(found, 2)
    return "no ratio"

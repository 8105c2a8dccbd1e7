"""What a claim is judged by: effects over seeds, and the regions in which it says that they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import Effect, Interval, by_seed, differences, effect
from reports.analysis.ranks import rank
from reports.analysis.statistics import complete, values
from reports.analysis.verdict import Region, Verdict
from reports.content import SMOKE, Content
from reports.metric import Metric
from reports.printing.cells import gap, with_interval
from reports.printing.words import decimals_for, plural, short


@dataclass(frozen=True)
class Finding:
    """One piece of evidence on one group."""

    quantity: str
    effect: str
    verdict: Verdict
    reason: str
    """Why there is this verdict."""
    measured: bool = True
    """Whether there was anything to judge by."""


@dataclass(frozen=True)
class Claim:
    """One claim of the paper."""

    text: str
    rule: str
    """How it is judged, as printed."""
    evidence: tuple[str, ...]
    """Anchors of the sections that show its evidence."""
    look: Callable[[Content, Group], Iterator[Finding]]


class Absent(Exception):
    """There is no evidence; the message is the reason."""


def findings(claim: Claim, content: Content, group: Group) -> list[Finding]:
    """Return the evidence for a claim on a group; under the budget smoke it decides nothing."""
    evidence = list(claim.look(content, group))
    if content.budget != SMOKE:
        return evidence
    reason = f"the budget {SMOKE} is a test that everything runs; its numbers mean nothing"
    return [replace(each, verdict=Verdict.NOT_DECIDED, reason=reason) for each in evidence]


def overall(evidence: Sequence[Finding]) -> Verdict:
    """Return the verdict on all evidence: one refuted piece refutes; support needs every piece.

    Pieces for which nothing was measured do not count.
    """
    verdicts = {each.verdict for each in evidence if each.measured}
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.SUPPORTED if verdicts == {Verdict.SUPPORTED} else Verdict.NOT_DECIDED


def piece(quantity: str, make: Callable[..., Finding], *arguments: object) -> Finding:
    """Return the evidence that `make` finds for a quantity, or that there is none and why."""
    try:
        return make(quantity, *arguments)
    except Absent as reason:
        return Finding(quantity, "none", Verdict.NOT_DECIDED, str(reason), measured=False)


def judge(quantity: str, judged: Effect, region: Region, decimals: int | None = None) -> Finding:
    """Return the verdict on an effect over seeds."""
    if judged.mean is None:
        raise Absent(judged.why)
    printed = decimals_for([judged.mean]) if decimals is None else decimals
    text = with_interval(judged, printed)
    if judged.interval is None:
        return Finding(quantity, text, Verdict.NOT_DECIDED, judged.why)
    if judged.lost:
        reason = f"only {judged.count} of {judged.count + judged.lost} seeds were measured in both"
        return Finding(quantity, text, Verdict.NOT_DECIDED, reason)
    verdict = region.verdict(judged.interval)
    edge = short(region.edge(judged.interval))
    seeds = plural(judged.count, "seed")
    reasons = {
        Verdict.SUPPORTED: f"the whole interval agrees, {seeds}",
        Verdict.REFUTED: f"the whole interval disagrees, {seeds}",
        Verdict.NOT_DECIDED: f"the interval contains {edge}, {seeds}",
    }
    return Finding(quantity, text, verdict, reasons[verdict])


def measured(entry: Entry, metric: Metric) -> Entry:
    """Return an entry that has the metric.

    Raises:
        Absent: it was not measured.

    """
    if not values(entry.runs, metric.key).size:
        raise Absent(f"{metric.label} of {entry.decoder.name}: {gap(entry, metric)}")
    return entry


def against_median(entry: Entry, others: Sequence[Entry], metric: Metric) -> Effect:
    """Return the difference of an entry from the median of others with the same seed."""
    measured(entry, metric)
    known = [each for each in others if complete(each.runs, metric.key)]
    if not known:
        raise Absent(f"no other decoder finished all its runs with {metric.label}")
    median = pd.concat([by_seed(each.runs, metric.key) for each in known], axis=1).dropna()
    difference = effect(differences(by_seed(entry.runs, metric.key), median.median(axis=1)))
    if not difference.count:
        raise Absent("no seed was measured in all")
    return replace(difference, lost=len(set(entry.runs["seed"])) - difference.count)


def noted(finding: Finding, note: str) -> Finding:
    """Return a finding with a note on its effect."""
    return replace(finding, effect=f"{finding.effect}; {note}")


def ranked(finding: Finding, entry: Entry, others: Sequence[Entry], metric: Metric) -> Finding:
    """Return a finding with the rank of an entry among others, such as "rank 2 of 5", by means."""
    placed = rank(entry, others, metric, lost_last=False)
    return noted(finding, f"rank {placed[0]:g} of {placed[1]}") if placed else finding


def shifted(shown: Effect, by: float) -> Effect:
    """Return an effect with a number added."""
    interval = shown.interval and Interval(shown.interval.low + by, shown.interval.high + by)
    return replace(shown, mean=None if shown.mean is None else shown.mean + by, interval=interval)

"""What a claim is judged by.

A piece of evidence is an effect over seeds with its interval, and the region in which the claim
says that it lies:

- supported: the whole interval lies inside the region;
- refuted: the whole interval lies outside;
- not decided: it reaches across an edge, or there is no interval, and the reason says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import pandas as pd

from reports.cells import Metric, gap, with_interval
from reports.comparison import Entry, Group
from reports.content import Content
from reports.markup import decimals_for, plural, short
from reports.statistics import complete, estimate, values
from reports.uncertainty import Effect, Interval, by_seed, differences, effect

MEANINGLESS = "smoke"
"""The budget whose numbers mean nothing."""


class Verdict(StrEnum):
    """What the results say of a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    NOT_DECIDED = "not decided"


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


@dataclass(frozen=True)
class Region:
    """Where a claim says that an effect lies: between two edges, which are outside."""

    low: float = -math.inf
    high: float = math.inf

    def verdict(self, interval: Interval) -> Verdict:
        """Return the verdict on an effect with this interval."""
        if self.low < interval.low and interval.high < self.high:
            return Verdict.SUPPORTED
        if interval.high <= self.low or self.high <= interval.low:
            return Verdict.REFUTED
        return Verdict.NOT_DECIDED

    def edge(self, interval: Interval) -> float:
        """Return the edge that an undecided interval contains."""
        return self.high if interval.high >= self.high else self.low


BELOW, ABOVE = Region(high=0.0), Region(low=0.0)


def findings(claim: Claim, content: Content, group: Group) -> list[Finding]:
    """Return the evidence for a claim on a group; under the budget smoke it decides nothing."""
    found = list(claim.look(content, group))
    if content.budget != MEANINGLESS:
        return found
    reason = f"the budget {MEANINGLESS} is a test that everything runs; its numbers mean nothing"
    return [replace(each, verdict=Verdict.NOT_DECIDED, reason=reason) for each in found]


def overall(found: Sequence[Finding]) -> Verdict:
    """Return the verdict on all evidence: one refuted piece refutes; support needs every piece.

    Pieces for which nothing was measured do not count.
    """
    verdicts = {each.verdict for each in found if each.measured}
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.SUPPORTED if verdicts == {Verdict.SUPPORTED} else Verdict.NOT_DECIDED


def piece(quantity: str, make: Callable[..., Finding], *given: object) -> Finding:
    """Return the evidence that `make` finds for a quantity, or that there is none and why."""
    try:
        return make(quantity, *given)
    except Absent as reason:
        return Finding(quantity, "none", Verdict.NOT_DECIDED, str(reason), measured=False)


def judge(quantity: str, found: Effect, region: Region, decimals: int | None = None) -> Finding:
    """Return the verdict on an effect over seeds."""
    if found.mean is None:
        raise Absent(found.why)
    printed = decimals_for([found.mean]) if decimals is None else decimals
    text = with_interval(found, printed)
    if found.interval is None:
        return Finding(quantity, text, Verdict.NOT_DECIDED, found.why)
    if found.lost:
        reason = f"only {found.count} of {found.count + found.lost} seeds were measured in both"
        return Finding(quantity, text, Verdict.NOT_DECIDED, reason)
    verdict = region.verdict(found.interval)
    seeds = plural(found.count, "seed")
    reasons = {
        Verdict.SUPPORTED: f"the whole interval agrees, {seeds}",
        Verdict.REFUTED: f"the whole interval disagrees, {seeds}",
        Verdict.NOT_DECIDED: f"the interval contains {short(region.edge(found.interval))}, {seeds}",
    }
    return Finding(quantity, text, verdict, reasons[verdict])


def measured(entry: Entry, metric: Metric) -> Entry:
    """Return an entry that has the metric.

    Raises:
        Absent: it was not measured.

    """
    if not values(entry.runs, metric.column).size:
        raise Absent(f"{metric.name} of {entry.decoder.name}: {gap(entry, metric)}")
    return entry


def against_median(entry: Entry, others: Sequence[Entry], metric: Metric) -> Effect:
    """Return the difference of an entry from the median of others with the same seed."""
    measured(entry, metric)
    known = [each for each in others if complete(each.runs, metric.column)]
    if not known:
        raise Absent(f"no other decoder finished all its runs with {metric.name}")
    median = pd.concat([by_seed(each.runs, metric.column) for each in known], axis=1).dropna()
    found = effect(differences(by_seed(entry.runs, metric.column), median.median(axis=1)))
    if not found.count:
        raise Absent("no seed was measured in all")
    return replace(found, lost=len(set(entry.runs["seed"])) - found.count)


def rank(entry: Entry, others: Sequence[Entry], metric: Metric) -> str:
    """Return such as "rank 2 of 5", by the means; "" if it was not measured."""
    here = estimate(entry.runs, metric.column)
    means = [each.mean for other in others if (each := estimate(other.runs, metric.column))]
    if here is None:
        return ""
    return f"rank {1 + sum(mean < here.mean for mean in means)} of {1 + len(means)}"


def noted(finding: Finding, note: str) -> Finding:
    """Return a finding with a note on its effect."""
    return replace(finding, effect=f"{finding.effect}; {note}")


def shifted(found: Effect, by: float) -> Effect:
    """Return an effect with a number added."""
    interval = found.interval and Interval(found.interval.low + by, found.interval.high + by)
    return replace(found, mean=None if found.mean is None else found.mean + by, interval=interval)

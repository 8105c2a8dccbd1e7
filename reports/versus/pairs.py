"""The difference of one decoder from another, by one metric, and what may be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from reports.cells import (
    BITS,
    CALIBRATION,
    PSNR,
    SSIM,
    Metric,
    contests,
    gap,
    outcome,
)
from reports.comparison import Entry, Group
from reports.content import Content
from reports.differences import compared_metrics, ranks
from reports.evidence import MEANINGLESS
from reports.statistics import complete, finished, values
from reports.uncertainty import Effect, array, by_seed, compare, improvement
from reports.versus.choice import Choice
from reports.versus.equal import Equal, equal


@dataclass(frozen=True, eq=False)
class Match:
    """One decoder and those that it is compared with, on the data of one group."""

    content: Content
    group: Group
    new: Entry
    baselines: tuple[Entry, ...]
    _known: dict[tuple[Entry, Metric], Difference] = field(default_factory=dict, repr=False)
    _timed: dict[Entry, Equal] = field(default_factory=dict, repr=False)

    def difference(self, baseline: Entry, metric: Metric) -> Difference:
        """Return the difference from one of the baselines; computed once, as resampling is slow."""
        if (baseline, metric) not in self._known:
            found = difference(self.content, self.new, baseline, metric)
            self._known[baseline, metric] = found
        return self._known[baseline, metric]

    def equal(self, baseline: Entry) -> Equal:
        """Return the comparison with a baseline at equal steps and seconds; computed once."""
        if baseline not in self._timed:
            self._timed[baseline] = equal(self.content, self.new, baseline)
        return self._timed[baseline]

    @property
    def everyone(self) -> list[Entry]:
        """What is compared, and all other decoders of the group; what a rank is among."""
        compared = [self.new, *self.baselines]
        decoders = {each.decoder for each in compared}
        return [*compared, *(e for e in self.group.entries if e.decoder not in decoders)]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that some run of the group holds; bits/dim comes first, held or not."""
        found = [*compared_metrics(self.content, self.group), CALIBRATION, SSIM, PSNR]
        held = [each for each in found if values(self.group.runs, each.column).size]
        return [BITS, *(each for each in held if each != BITS)]


def match(content: Content, group: Group, new: Choice, against: Sequence[Choice]) -> Match:
    """Return the comparison on one group."""
    return Match(content, group, new.entry(group), tuple(each.entry(group) for each in against))


class Verdict(StrEnum):
    """What may be said of a difference."""

    BETTER = "better"
    WORSE = "worse"
    EVEN = "not told apart"
    NONE = "no verdict"


@dataclass(frozen=True)
class Difference:
    """One decoder minus another by one metric, or why they do not compare."""

    effect: Effect
    improvement: Effect
    """The probability that a run of the first is better."""
    verdict: Verdict
    why: str = ""
    """Why there is no verdict."""

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return self.effect.mean is not None


def difference(content: Content, new: Entry, baseline: Entry, metric: Metric) -> Difference:
    """Return new minus baseline, paired by seed, with all that may be said of it."""
    why = incomparable(new, baseline, metric)
    if why:
        nothing = Effect(None, None, 0, why)
        return Difference(nothing, nothing, Verdict.NONE, why)
    found = compare(new.runs, baseline.runs, metric.column)
    first, second = (array(by_seed(each.runs, metric.column)) for each in (new, baseline))
    chance = improvement(first, second, lower=metric.best != "highest")
    verdict, why = judge(content, new, baseline, metric, found)
    return Difference(found, chance, verdict, why)


def incomparable(new: Entry, baseline: Entry, metric: Metric) -> str:
    """Return why two decoders have no difference by a metric; "" if they may have one."""
    for entry in (new, baseline):
        if not values(entry.runs, metric.column).size:
            return f"{entry.label}: {gap(entry, metric)}"
    if any(new in each and baseline in each for each in contests([new, baseline], metric)):
        return ""
    first, second = (each.measure or "value of unknown measure" for each in (new, baseline))
    return f"a {first} and a {second} do not compare"


def judge(
    content: Content, new: Entry, baseline: Entry, metric: Metric, found: Effect
) -> tuple[Verdict, str]:
    """Return the verdict on a difference, and why there is none."""
    if content.budget == MEANINGLESS:
        return Verdict.NONE, f"budget {MEANINGLESS}"
    for entry in (new, baseline):
        if not complete(entry.runs, metric.column):
            ended = f"{len(finished(entry.runs))} of {len(entry.runs)} finished"
            return Verdict.NONE, f"{entry.label}: {outcome(entry.runs) or ended}"
    if found.mean is None or found.interval is None:
        return Verdict.NONE, found.why
    if not found.interval.excludes(0.0):
        return Verdict.EVEN, ""
    lower = found.mean < 0
    return (Verdict.BETTER if lower == (metric.best == "lowest") else Verdict.WORSE), ""


def rank(found: Match, metric: Metric) -> tuple[float, int] | None:
    """Return the rank of the decoder by a metric and among how many that were measured.

    None if it has no rank.
    """
    everyone = next((each for each in contests(found.everyone, metric) if found.new in each), [])
    placed = ranks(everyone, metric)
    own = next((r for e, r in zip(everyone, placed, strict=True) if e is found.new), None)
    count = sum(values(each.runs, metric.column).size > 0 for each in everyone)
    return None if own is None else (own, count)

"""The difference of one decoder from another, by one metric, and what may be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import (
    ABOVE,
    BELOW,
    Effect,
    Verdict,
    array,
    by_seed,
    improvement,
    paired,
)
from reports.analysis.ranks import compared_metrics, contests
from reports.analysis.statistics import complete, finished, values
from reports.content import SMOKE, Content
from reports.metric import Metric
from reports.printing.cells import gap, outcome
from reports.versus.choice import Choice
from reports.versus.equal import Equal, equal

WORDS = {Verdict.SUPPORTED: "better", Verdict.REFUTED: "worse"}
"""A decoder is supported to be better."""
EVEN, NONE = "not told apart", "no verdict"


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
            made = difference(self.content, self.new, baseline, metric)
            self._known[baseline, metric] = made
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
        compared = [metric.key for metric in compared_metrics(self.group)]
        others = ("calibration_error", "ssim_best_of_n", "psnr_best_of_n_db")
        held = self.group.measured(*compared, *others)
        return [self.bits, *(metric for metric in held if metric != self.bits)]

    @property
    def bits(self) -> Metric:
        """The metric that all decoders share."""
        return self.group.metric("bits_per_dim")


def match(content: Content, group: Group, new: Choice, against: Sequence[Choice]) -> Match:
    """Return the comparison on one group."""
    return Match(content, group, new.entry(group), tuple(each.entry(group) for each in against))


@dataclass(frozen=True)
class Difference:
    """One decoder minus another by one metric, or why they do not compare."""

    effect: Effect
    improvement: Effect
    """The probability that a run of the first is better."""
    verdict: Verdict
    """Whether the first is better."""
    why: str = ""
    """Why there is no verdict."""

    @property
    def words(self) -> str:
        """The verdict in words: better, worse, not told apart, or no verdict."""
        return WORDS.get(self.verdict, NONE if self.why else EVEN)

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return self.effect.mean is not None


def difference(content: Content, new: Entry, baseline: Entry, metric: Metric) -> Difference:
    """Return new minus baseline, paired by seed, with all that may be said of it."""
    why = incomparable(new, baseline, metric)
    if why:
        nothing = Effect(None, None, 0, why)
        return Difference(nothing, nothing, Verdict.NOT_DECIDED, why)
    effect = paired(new.runs, baseline.runs, metric.key)
    first, second = (array(by_seed(each.runs, metric.key)) for each in (new, baseline))
    chance = improvement(first, second, lower=metric.best != "highest")
    why = no_verdict(content, (new, baseline), metric) or effect.why
    verdict, interval = Verdict.NOT_DECIDED, effect.interval
    if interval is not None and interval.excludes(0.0) and not why:
        verdict = (BELOW if metric.best == "lowest" else ABOVE).verdict(interval)
    return Difference(effect, chance, verdict, why)


def incomparable(new: Entry, baseline: Entry, metric: Metric) -> str:
    """Return why two decoders have no difference by a metric; "" if they may have one."""
    for entry in (new, baseline):
        if not values(entry.runs, metric.key).size:
            return f"{entry.label}: {gap(entry, metric)}"
    if any(new in each and baseline in each for each in contests([new, baseline], metric)):
        return ""
    first, second = (each.measure or "value of unknown measure" for each in (new, baseline))
    return f"a {first} and a {second} do not compare"


def no_verdict(content: Content, pair: Sequence[Entry], metric: Metric) -> str:
    """Return why nothing is said of a pair, whatever the numbers; "" if something may be."""
    if content.budget == SMOKE:
        return f"budget {SMOKE}"
    for entry in pair:
        if not complete(entry.runs, metric.key):
            ended = f"{len(finished(entry.runs))} of {len(entry.runs)} finished"
            return f"{entry.label}: {outcome(entry.runs) or ended}"
    return ""

"""Two decoders compared, and what an interval says of where an effect is said to lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from reports.analysis.groups import Entry
from reports.analysis.intervals import Effect, Interval, array, by_seed, improvement, paired
from reports.metric import Metric


def compared(new: Entry, other: Entry, metric: Metric) -> tuple[Effect, float]:
    """Return new minus other, paired by seed, and the probability that a run of new is better."""
    first, second = (array(by_seed(each.runs, metric.key)) for each in (new, other))
    chance = improvement(first, second, lower=metric.best != "highest")
    return paired(new.runs, other.runs, metric.key), chance


class Verdict(StrEnum):
    """What the results say of a claim."""

    SUPPORTED = "supported"
    """The whole interval of the effect lies inside the region in which it is said to lie."""
    REFUTED = "refuted"
    """The whole interval lies outside."""
    NOT_DECIDED = "not decided"
    """It reaches across an edge, or there is no interval."""


@dataclass(frozen=True)
class Region:
    """Where an effect is said to lie: between two edges, which are outside."""

    low: float = -math.inf
    high: float = math.inf

    def verdict(self, interval: Interval) -> Verdict:
        """Return the verdict on an effect with this interval."""
        if self.low < interval.low and interval.high < self.high:
            return Verdict.SUPPORTED
        outside = interval.high <= self.low or self.high <= interval.low
        return Verdict.REFUTED if outside else Verdict.NOT_DECIDED

    def refuted(self, effect: Effect) -> float:
        """Return the p-value, two-sided, of an effect that lies inside.

        At 1 - LEVEL it says what `verdict` says of the effect's interval.
        """
        return min(1.0, 2 * min(effect.below(self.low), effect.above(self.high)))

    def supported(self, effect: Effect) -> float:
        """Return the p-value, two-sided, of an effect that lies outside."""
        return min(1.0, 2 * max(effect.above(self.low), effect.below(self.high)))


BELOW, ABOVE = Region(high=0.0), Region(low=0.0)

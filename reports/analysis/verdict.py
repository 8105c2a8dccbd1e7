"""What an interval says of a region in which an effect is said to lie.

- supported: the whole interval lies inside the region;
- refuted: the whole interval lies outside;
- not decided: it reaches across an edge, or there is no interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from reports.analysis.intervals import Interval


class Verdict(StrEnum):
    """What the results say of a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    NOT_DECIDED = "not decided"


@dataclass(frozen=True)
class Region:
    """Where an effect is said to lie: between two edges, which are outside."""

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

"""Results of a few decoders, and what a comparison makes of them."""

from __future__ import annotations

from typing import Any

import reports
from reports import Content, Metric
from reports.analysis.groups import groups
from reports.analysis.ranks import rank
from reports.versus.choice import choose
from reports.versus.pairs import Match
from tests.reports.typed import run

BITS = {
    "fit": [1.0, 2.0, 3.0, 4.0, 5.0],
    "wide": [1.5, 2.4, 3.6, 4.45, 5.55],
    "soft": [1.1, 1.9, 3.0, 4.1, 4.9],
}


def seeded(bits: dict[str, list[float]], **changes: Any) -> list[dict[str, Any]]:
    return [
        run(name, seed, bits_per_dim=value, **changes)
        for name, found in bits.items()
        for seed, value in enumerate(found)
    ]


def matched(subject: Content, new: str, *against: str) -> Match:
    (group,) = groups(subject)
    one, others = choose(subject, new, against)
    return Match(subject, group, one.entry(group), tuple(each.entry(group) for each in others))


def ranked(found: Match, metric: Metric) -> tuple[float, int] | None:
    return rank(found.new, found.everyone[1:], metric)


def readme(subject: Content, new: str, *against: str) -> str:
    return reports.compare(subject, new, against).document.readme

"""How evidence is judged: intervals against regions, and parts against the whole."""

from __future__ import annotations

import pytest

from reports.analysis.intervals import Interval
from reports.analysis.verdict import Region, Verdict
from reports.claims import Finding, overall

S, R, N = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NOT_DECIDED


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-2, -1, S), (1, 2, R), (-1, 1, N), (-1, 0, N), (0, 1, R)],
)
def test_an_interval_against_below_zero(low: float, high: float, verdict: Verdict) -> None:
    assert Region(high=0.0).verdict(Interval(low, high)) is verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.4, 0.4, S), (0.6, 0.9, R), (-0.9, -0.6, R), (0.2, 0.7, N), (-1, 1, N)],
)
def test_an_interval_against_a_neighbourhood(low: float, high: float, verdict: Verdict) -> None:
    assert Region(-0.5, 0.5).verdict(Interval(low, high)) is verdict


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [([S, S], S), ([S, R, N], R), ([S, N], N), ([N], N), ([], N)],
)
def test_one_part_refutes_and_all_support(parts: list[Verdict], verdict: Verdict) -> None:
    assert overall([Finding("q", "e", each, "r") for each in parts]) is verdict


def test_what_was_not_measured_does_not_count() -> None:
    absent = Finding("q", "none", N, "not run", measured=False)
    assert overall([Finding("q", "e", S, "r"), absent]) is S
    assert overall([absent]) is N

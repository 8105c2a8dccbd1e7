"""How evidence is judged: intervals against regions, and parts against the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.analysis.intervals import Interval, effect
from reports.analysis.verdict import BELOW, Region, Verdict
from reports.claims import Finding, overall
from reports.claims.evidence import corrected, judge

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


# --- p-values, and several pieces ---

REGIONS = [BELOW, Region(low=0.0), Region(-0.5, 0.5), Region(-3.0, 0.2)]


@pytest.mark.parametrize("region", REGIONS)
def test_p_values_of_a_region_say_what_the_interval_says(region: Region) -> None:
    rng, seen = np.random.default_rng(0), set()
    for _ in range(300):
        found = effect(rng.normal(rng.uniform(-2, 2), rng.choice([0.1, 1.0]), size=5))
        assert found.interval is not None
        verdict = region.verdict(found.interval)
        assert (region.supported(found) <= 0.05) == (verdict is S)
        assert (region.refuted(found) <= 0.05) == (verdict is R)
        seen.add(verdict)
    assert seen == {S, R, N}


def refuted(*p_values: float | None) -> list[Verdict]:
    """The verdicts on pieces refuted alone with these p-values, after the correction."""
    return [
        each.verdict for each in corrected([Finding("q", "e", R, "r", refuted=p) for p in p_values])
    ]


def test_a_piece_stays_refuted_if_it_is_among_all_pieces_of_its_claim() -> None:
    assert refuted(0.04) == [R]
    assert refuted(0.04, 0.01) == [R, R]
    assert refuted(0.04, 0.04) == [N, N]
    assert refuted(0.04, None) == [R, R], "a fact is no test"
    supported = Finding("q", "e", S, "r", refuted=1.0)
    first, second = corrected([supported, Finding("q", "e", R, "r", refuted=0.04)])
    assert first == supported
    assert (second.verdict, second.reason) == (N, "refuted alone, but not among 2 pieces (Holm)")


def test_support_needs_every_piece_and_no_correction() -> None:
    pieces = [replace(Finding("q", "e", S, "r"), refuted=1.0)] * 20
    assert corrected(pieces) == pieces


@pytest.mark.parametrize("pieces", [1, 6])
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("region", REGIONS[:3])
def test_a_claim_that_just_holds_is_refuted_in_one_of_twenty_at_most(
    region: Region, skewed: bool, pieces: int
) -> None:
    """Every effect at an edge of its region: differences of two equal decoders, shifted there."""
    rng = np.random.default_rng(0)
    shape = (2, 600, pieces, 5)
    a, b = rng.exponential(size=shape) if skewed else rng.normal(size=shape)
    edge = region.high if np.isfinite(region.high) else region.low
    verdicts = [
        overall(corrected([judge("q", effect(each), region) for each in claim]))
        for claim in a - b + edge
    ]
    assert np.mean([each is R for each in verdicts]) <= 0.05

"""Killed a few times, a suite gives the same results; `python -m tests.chaos` kills it often."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import chaos


def test_killed_at_random_moments_the_results_are_those_of_an_undisturbed_suite(
    tmp_path: Path,
) -> None:
    assert chaos(tmp_path, kills=3, seed=1, steps=20, seeds=1).total() == 3

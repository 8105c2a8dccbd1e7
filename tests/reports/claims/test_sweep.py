"""Claims 2 and 3, a learned variance against a sweep, on results where the verdict is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.analysis.verdict import Verdict
from reports.claims import Finding
from tests.reports.claims.made import (
    MARGIN,
    NOISE,
    N,
    R,
    Runs,
    S,
    history,
    learned,
    look,
    on_its_way,
    subject,
    sweep,
    verdicts,
)
from tests.reports.typed import whole


def against(runs: Runs, name: str = "shared_sigma", **changes: Any) -> list[Finding]:
    """The evidence on one of the two learned variances."""
    return [each for each in look(2, runs, **changes) if name in each.quantity]


@pytest.mark.parametrize(
    ("variance", "nll", "bits", "fid", "expected"),
    [
        (0.11, MARGIN - 1, 2.01, 41.5, [S, S, S, S]),
        (0.11, MARGIN + 1, 2.01, 41.5, [R, S, S, S]),
        (0.11, 0.0, 2.03, 41.5, [S, R, S, S]),
        (0.11, 0.0, 2.01, 42.5, [S, S, R, S]),
        (0.5, -60.0, 1.0, 20.0, [S, S, S, R]),
        (0.02, 0.0, 2.0, 40.0, [S, S, S, R]),
        (0.11, MARGIN, 2.02, 42.0, [N, N, N, S]),
    ],
)
def test_a_learned_variance_against_the_best_of_the_sweep(
    variance: float, nll: float, bits: float, fid: float, expected: list[Verdict]
) -> None:
    found = against([*sweep(), *learned(variance, nll, bits=bits, fid=fid)])
    assert verdicts(found) == expected


def test_the_worst_value_of_the_sweep_does_not_set_the_margin() -> None:
    runs = learned(0.11, MARGIN + 1)
    kinds = [verdicts(against([*sweep(grows=each), *runs])) for each in (1000.0, 1e6)]
    assert kinds == [[R, S, S, S]] * 2


def test_the_best_beta_of_each_measure_counts() -> None:
    """The one with the best NLL is not the one with the best distance."""
    runs = [*sweep(), *learned(0.11, 0.0)]
    for each in runs[10:15]:
        each["fid"] -= 40.0
    found = against(runs)
    assert verdicts(found) == [S, S, R, S]
    assert found[2].quantity == "FID: shared_sigma − every β (β = 1, margin 1.01)"
    assert found[2].reason == "β = 1 is lower by more than the margin"


def test_a_value_of_the_sweep_that_lost_a_run_is_no_rival() -> None:
    runs = [*sweep(), *learned(0.11, 0.0)]
    for each in runs[10:15]:
        each["fid"] -= 40.0
    runs[10]["status"] = "diverged"
    assert verdicts(against(runs)) == [S, S, S, S]


def test_without_the_number_of_values_there_is_no_margin_in_nats() -> None:
    runs = [*sweep(dimensions=np.nan), *learned(0.1, 0.0)]
    found = against(runs)
    assert verdicts(found) == [N, S, S, S]
    assert found[0].reason == "the number of values of an image was not recorded"


def test_both_learned_variances_are_judged() -> None:
    """The one with the worse validation NLL too: which of them is better, seeds do not tell."""
    runs = [*sweep(), *learned(0.11, 0.0), *learned(0.1, 5.0, name="optimal_sigma", fid=60.0)]
    assert verdicts(against(runs)) == [S, S, S, S]
    assert verdicts(against(runs, "optimal_sigma")) == [S, S, R, S]


def test_a_best_value_that_is_not_told_from_another_gives_no_verdict_on_the_place() -> None:
    runs = [*sweep(best=10**-0.5), *learned(0.02, 0.0)]
    noisy = [
        each | {"validation_nll_nats": each["validation_nll_nats"] + NOISE[-each["seed"]] * 9}
        if each.get("option_beta") == 0.1
        else each
        for each in runs
    ]
    assert against([*sweep(), *learned(0.02, 0.0)])[-1].verdict is R
    found = against(noisy)[-1]
    assert (found.verdict, found.reason[:21]) == (N, "the best β may be 1" + found.reason[19:21])


def test_a_value_that_was_lost_is_not_the_best() -> None:
    runs = [*sweep(), *learned(0.11, 0.0)]
    for each in runs[:5]:
        each |= {"status": "diverged", "validation_nll_nats": np.nan}
    assert against(runs)[-1].verdict is S


def falling(runs: Runs) -> dict[str, pd.DataFrame]:
    """Histories in which the variance of every run falls to the end."""
    return on_its_way({each["run"]: history(1.0) for each in runs}, "")


def test_a_variance_that_still_moves_is_not_taken_for_the_learned_one() -> None:
    moving, other = learned(0.1, 0.0), learned(0.1, 5.0, name="optimal_sigma")
    given, histories = [*sweep(), *moving, *other], falling(moving)
    assert verdicts(against(given, "optimal_sigma", histories=histories)) == [S, S, S, S]
    alone = against(given, histories=histories)
    assert not any(each.measured for each in alone)
    assert "shared_sigma has not arrived" in alone[0].reason


def test_a_variance_that_still_moves_has_no_place_on_the_plateau() -> None:
    runs = informative(10**-0.9)
    found = look(3, runs, histories=falling(runs))[0]
    assert (found.verdict, found.measured) == (N, False)
    assert "has not arrived" in found.reason


def test_the_end_of_the_sweep_gives_no_verdict_on_the_place() -> None:
    found = against([*sweep(best=10.0), *learned(10.0, 0.0)])
    assert found[-1].verdict is N
    assert "at an end of the sweep" in found[-1].reason


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        (learned(0.1, 0.0), "beta-VAE was not run"),
        (sweep(), "shared_sigma was not run"),
        ([*sweep()[:5], *learned(0.1, 0.0)], "beta-VAE was not swept over several values"),
        (
            [*(each | {"validation_nll_nats": np.nan} for each in sweep()), *learned(0.1, 0.0)],
            "no value of the sweep of beta-VAE could be chosen",
        ),
    ],
)
def test_a_missing_sweep_is_named(runs: Runs, reason: str) -> None:
    found = against(runs)
    assert verdicts(found) == [N] * 4
    assert {each.reason for each in found} == {reason}
    assert not any(each.measured for each in found)


# --- claim 3 --------------------------------------------------------------------------------------


PLATEAU = (8.0, 8.0, 4.0, 0.0)
"""Its end, 7.6 nats, is a tenth of the way from 0.1 to 1."""


def informative(
    variance: float, heights: tuple[float, ...] = PLATEAU, cap: float = 9.0, spread: float = 0.02
) -> Runs:
    runs = sweep(information_cap_nats=cap, information_images=8103)
    for index, each in enumerate(runs):
        each["information_nats"] = heights[index // 5] * (1 + spread * NOISE[index % 5])
    return [*runs, *learned(variance, 0.0)]


def test_a_variance_at_the_end_of_the_plateau_is_supported() -> None:
    found = look(3, informative(10**-0.9))
    assert verdicts(found) == [S, N]
    assert found[1].reason == "optimal_sigma was not run"
    assert "N = 8103" in found[0].quantity


@pytest.mark.parametrize("variance", [0.03, 5.0])
def test_a_variance_away_from_the_end_of_the_plateau_is_refuted(variance: float) -> None:
    assert look(3, informative(variance))[0].verdict is R


def test_a_plateau_at_ln_n_is_one_as_any_other_for_this_n() -> None:
    capped, free_ = (look(3, informative(10**-0.9, cap=cap))[0] for cap in (8.0, 90.0))
    assert (capped.verdict, capped.only) == (S, "N = 8103")
    assert (free_.verdict, free_.only) == (S, "")
    runs = informative(10**-0.9, cap=8.0)
    runs += learned(10**-0.9, 0.0, name="optimal_sigma")
    text = whole(subject(runs))
    lines = [line for line in text.splitlines() if line.startswith("| 3. ")]
    assert "**supported** for N = 8103" in lines[0]
    assert "| supported for N = 8103 " in lines[1]


def test_a_place_that_the_seeds_do_not_settle_decides_nothing() -> None:
    """The error of the plateau's end counts, not that of the variance alone."""
    runs = informative(10**-0.5)
    for index, each in enumerate(runs[5:10]):
        each["information_nats"] *= 1 + 0.5 * (NOISE[index] - np.mean(NOISE[:5]))
    assert look(3, informative(10**-0.5))[0].verdict is S
    assert look(3, runs)[0].verdict is N


def test_the_bounds_of_the_information_stand_beside_the_place() -> None:
    known = {"information_nats": 6.5, "information_upper_nats": 8.25}
    runs = [
        each | (known if each["likelihood"] == "shared_sigma" else {})
        for each in informative(10**-0.9)
    ]
    assert look(3, runs)[0].effect.endswith("; I_e = 6.50 to 8.25 nats")


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([*sweep(), *learned(0.1, 0.0)], "fewer than two values of a sweep measured I_e(x;z)"),
        (informative(0.1, (0.3, 0.2, 0.1, 0.0)), "ranges over less than 1 nat"),
        (informative(0.1, (0, 0, 4, 8)), "falls where it should rise"),
        (informative(0.1, (8, 7, 4, 0)), "has no plateau"),
        (
            [each | {"information_absent": "no one code"} for each in sweep()]
            + [each | {"information_absent": "no one code"} for each in learned(0.1, 0.0)],
            "were not measured: no one code",
        ),
    ],
)
def test_without_a_plateau_there_is_no_verdict(runs: Runs, reason: str) -> None:
    found = look(3, runs)[0]
    assert (found.verdict, found.measured) == (N, False)
    assert reason in found.reason

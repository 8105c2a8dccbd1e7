"""Claim 5, who converges faster, on curves where the verdict is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.analysis.verdict import Verdict
from tests.reports.claims.made import (
    DIMENSIONS,
    NOISE,
    N,
    R,
    Runs,
    S,
    history,
    look,
    on_its_way,
    seeds,
)


def racing(optimal: float, shared: float, seeds_: int = 5) -> tuple[Runs, dict[str, pd.DataFrame]]:
    """Two decoders of some speed, and those that set the target: half way from 50 to 0."""
    names = (("optimal_sigma", optimal), ("shared_sigma", shared))
    runs = [each for name, _ in names for each in seeds(name, seeds_)]
    histories = {
        f"{name}-None-{seed}": history(speed * (1 + 0.2 * NOISE[seed] * (speed > 1)))
        for name, speed in names
        for seed in range(seeds_)
    }
    for name, end in (("gaussian", 50.0), ("beta_vae", 0.0)):
        others = seeds(name, 1, **({"option_beta": 0.1} if name == "beta_vae" else {}))
        runs += others
        histories |= {str(each["run"]): history(9.0, end) for each in others}
    runs += seeds("beta_vae", 1, option_beta=1.0, validation_nll_nats=99.0)
    return runs, histories


@pytest.mark.parametrize(
    ("optimal", "shared", "verdict"), [(3.0, 1.0, S), (1.0, 3.0, R), (1.0, 1.0, N)]
)
def test_who_is_there_first(optimal: float, shared: float, verdict: Verdict) -> None:
    runs, histories = racing(optimal, shared)
    (found,) = look(5, runs, histories=histories)
    assert found.verdict is verdict
    assert found.quantity.endswith("to an NLL of 25")


def ending(histories: dict[str, pd.DataFrame], name: str, end: float) -> dict[str, pd.DataFrame]:
    """The histories of the same course, but for the last value of one likelihood."""
    return {
        run: each.assign(nll_nats=[*each["nll_nats"][:-1], end]) if run.startswith(name) else each
        for run, each in histories.items()
    }


@pytest.mark.parametrize("name", ["optimal_sigma", "shared_sigma"])
@pytest.mark.parametrize("end", [-200.0, 24.0])
def test_which_of_the_two_ends_lower_does_not_decide_who_is_faster(name: str, end: float) -> None:
    runs, histories = racing(1.0, 1.0)
    (found,) = look(5, runs, histories=ending(histories, name, end))
    assert (found.verdict, found.effect) == (N, "0.00")
    assert found.quantity.endswith("to an NLL of 25")


def test_one_that_never_is_there_counts_with_its_last_step() -> None:
    runs, histories = racing(1.0, 0.0, 1)
    (found,) = look(5, runs, histories=histories)
    steps = 20 + 10 * (np.exp(-1) - 0.25) / (np.exp(-1) - np.exp(-1.5))
    assert found.effect == f"{np.log(steps / 100):.2f}"
    assert found.reason.startswith("1 seed")


@pytest.mark.parametrize(("name", "label"), [("gaussian", "gaussian"), ("beta_vae", "beta-VAE")])
def test_without_those_who_set_it_there_is_no_target(name: str, label: str) -> None:
    runs, histories = racing(3.0, 1.0)
    found = look(5, [r for r in runs if r["likelihood"] != name], histories=histories)[0]
    assert (found.measured, found.reason) == (False, f"{label} was not run")


@pytest.mark.parametrize("name", ["optimal_sigma", "shared_sigma"])
def test_a_variance_that_still_moves_is_no_time(name: str) -> None:
    runs, histories = racing(3.0, 1.0)
    found = look(5, runs, histories=on_its_way(histories, name))
    assert not any(each.measured for each in found)
    assert f"the variance of {name} has not arrived" in found[0].reason


def starting(place: float, rate: float) -> tuple[Runs, dict[str, pd.DataFrame]]:
    """A race in which the variance of the slower one starts at a place and falls at a rate."""
    runs, histories = racing(3.0, 1.0)
    runs = [each | {"dimensions": DIMENSIONS} for each in runs]
    for run_, each in histories.items():
        if run_.startswith("shared"):
            # It has arrived at the end, and so has its error.
            variance = 0.05 + place * np.exp(-rate * each["step"])
            histories[run_] = each.assign(variance=variance, mse=variance)
    return runs, histories


def test_a_start_that_no_decoder_could_make_up_for_decides_nothing() -> None:
    """D/2 ln 2πσ² is below the target, 25 nats, from σ² = 0.17 on, whatever the error."""
    runs, histories = starting(1.0, 0.1)
    found = look(5, runs, histories=histories)[0]
    assert found.verdict is N
    assert found.reason.startswith("with the σ² of shared_sigma, a decoder without any error is ")
    assert found.reason.endswith(" not there before step 21: where its σ² starts decides")
    early, histories = starting(0.15, 10.0)
    assert look(5, early, histories=histories)[0].verdict is S


def test_without_histories_nothing_is_said() -> None:
    found = look(5, racing(1.0, 1.0)[0])
    assert not any(each.measured for each in found)
    assert "during training" in found[0].reason


@pytest.mark.parametrize(
    ("level", "why"),
    [
        (0.0, "optimal_sigma and shared_sigma are at the target, an NLL of 25, before any"),
        (60.0, "in no seed does either come down to the target, an NLL of 25"),
    ],
    ids=["from the start", "never"],
)
def test_a_target_that_is_not_crossed_is_no_time(level: float, why: str) -> None:
    runs, histories = racing(1.0, 1.0)
    flat = {
        run: each.assign(nll_nats=level) if run.endswith(("sigma-None-0", "sigma-None-1")) else each
        for run, each in histories.items()
    }
    found = look(5, runs, histories=flat)[0]
    assert found.reason == "3 seeds, an interval needs 5"
    every = {run: each.assign(nll_nats=level) for run, each in histories.items() if "sigma" in run}
    found = look(5, runs, histories={**histories, **every})[0]
    assert not found.measured
    assert found.reason.startswith(why)
    single = {run: each for run, each in histories.items() if "shared" not in run}
    assert look(5, runs, histories=single)[0].reason == "no seed has both validation curves"

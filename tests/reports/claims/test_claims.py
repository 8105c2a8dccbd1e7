"""Every claim on results typed by hand, where the verdict is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import Column, Content
from reports.analysis.groups import decisive, groups
from reports.analysis.verdict import Verdict
from reports.claims import CLAIMS, Finding, findings, overall
from reports.content import Images, Row
from tests.reports.typed import FID, METRICS, content, run, whole

S, R, N = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NOT_DECIDED
NOISE = (0.0, 0.3, -0.2, 0.1, 0.05, -0.1)
SCALES = {
    "nll_nats": 1.0,
    "bits_per_dim": 0.01,
    "fid": 1.0,
    "fid_samples": 1.0,
    "marginal_kl_nats": 1.0,
}
"""How much of the noise each number has."""
SAMPLES = replace(FID, key="fid_samples", name="FID of samples", headline=False)
TUNED = pd.DataFrame({"column_key": [""]})
"""Trials of the one column."""
Runs = list[dict[str, Any]]

ROWS = (
    *(
        Row(name, name)
        for name in (
            "bernoulli",
            "categorical",
            "bitwise_categorical",
            "gaussian",
            "per_pixel_sigma",
            "shared_sigma",
            "optimal_sigma",
            "optimal_per_image_sigma",
        )
    ),
    Row("beta_vae", "beta-VAE", sweep="beta"),
)


def seeds(name: str, count: int = 5, **cells: Any) -> Runs:
    """Runs of some seeds; every number of `cells` changes a little with the seed."""
    made = []
    for seed in range(count):
        shift = NOISE[seed] * (1 + 0.1 * len(name))
        varied = {
            key: value + shift * SCALES[key] if key in SCALES else value
            for key, value in cells.items()
        }
        made.append(run(name, seed, **varied))
    return made


def subject(runs: Runs, **changes: Any) -> Content:
    return content(runs, rows=ROWS, metrics=(*METRICS, FID, SAMPLES), **changes)


def look(number: int, runs: Runs, **changes: Any) -> list[Finding]:
    given = subject(runs, **changes)
    (group,) = groups(given)
    return findings(CLAIMS[number - 1], given, group)


def verdicts(found: list[Finding]) -> list[Verdict]:
    return [each.verdict for each in found]


# --- claim 1, and every reason for no verdict -----------------------------------------------------


def claim_one(shared: float = 1.0, count: int = 5, **cells: Any) -> Runs:
    other: dict[str, Any] = {"nll_nats": 50.0, "bits_per_dim": 5.0, "fid": 50.0}
    runs = seeds("gaussian", count, **other)
    for name in ("shared_sigma", "optimal_sigma"):
        runs += seeds(name, count, **dict.fromkeys(other, shared), **cells)
    return runs


def test_a_learned_variance_that_is_better_in_all_is_supported() -> None:
    found = look(1, claim_one())
    assert verdicts(found) == [S] * 6
    assert found[0].quantity == "NLL (nats/image): shared_sigma − gaussian"
    assert found[0].effect.startswith("-49.0 [-49.")


def test_a_learned_variance_that_is_worse_in_all_is_refuted() -> None:
    assert verdicts(look(1, claim_one(shared=90.0))) == [R] * 6


def test_a_difference_within_the_noise_is_not_decided() -> None:
    runs = seeds("gaussian", bits_per_dim=1.0, nll_nats=1.0, fid=1.0)
    runs += seeds("shared_sigma", bits_per_dim=1.0, nll_nats=1.0, fid=1.0)
    runs += seeds("bernoulli", bits_per_dim=9.0, nll_nats=9.0, fid=9.0)
    found = look(1, runs)
    assert verdicts(found[:3]) == [N] * 3
    assert found[0].reason == "the interval contains 0, 5 seeds"
    assert found[0].measured


def undecided() -> dict[str, tuple[Runs, str]]:
    lost = claim_one(count=6)
    lost[-1] |= {"status": "diverged", "nll_nats": np.nan, "bits_per_dim": np.nan, "fid": np.nan}
    diverged = [each | {"status": "diverged"} for each in claim_one()]
    unmeasured = [each | {"bits_per_dim": np.nan, "nll_nats": np.nan} for each in claim_one()]
    same = [each | {"nll_nats": 1.0, "bits_per_dim": 1.0, "fid": 1.0} for each in claim_one()]
    return {
        "1 seed, an interval needs 5": (claim_one(count=1), "shared"),
        "4 seeds, an interval needs 5": (claim_one(count=4), "shared"),
        "only 5 of 6 seeds were measured in both": (lost, "optimal"),
        "no run of shared_sigma finished: diverged (5/5)": (diverged, "shared"),
        "bits/dim of shared_sigma: not measured": (unmeasured, "shared"),
        "the same value for every seed": (same, "shared"),
        "gaussian was not run": (claim_one()[5:], "shared"),
        "shared_sigma was not run": (seeds("gaussian"), "shared"),
    }


@pytest.mark.parametrize("reason", undecided())
def test_every_reason_for_no_verdict_is_named(reason: str) -> None:
    runs, name = undecided()[reason]
    quantity = f"bits/dim: {name}_sigma − gaussian"
    (found,) = [each for each in look(1, runs) if each.quantity == quantity]
    assert found.verdict is N
    assert found.reason == reason


def test_the_budget_smoke_decides_nothing() -> None:
    runs = [each | {"budget": "smoke"} for each in claim_one()]
    found = look(1, runs, budget="smoke")
    assert verdicts(found) == [N] * 6
    assert all("its numbers mean nothing" in each.reason for each in found)
    assert found[0].effect.startswith("-49.0 ["), "the effect is shown all the same"


# --- claim 2 --------------------------------------------------------------------------------------

DIMENSIONS = 784
MARGIN = 0.02 * np.log(2) * DIMENSIONS
"""Nats of an image: 10.9."""


def sweep(best: float = 0.1, count: int = 5, grows: float = 1000.0, **cells: Any) -> Runs:
    """A sweep of 0.01 to 10 whose NLL is lowest, 0, at `best` and grows by so much a decade."""
    runs = []
    for place, beta in enumerate((0.01, 0.1, 1.0, 10.0)):
        decades = abs(np.log10(beta / best))
        nll = grows * decades
        given = {"variance": beta, "nll_nats": nll}
        given |= {"bits_per_dim": 2.0 + decades, "fid": 40.0 + 20 * decades}
        given |= {"dimensions": DIMENSIONS} | cells
        for each in seeds("beta_vae", count, option_beta=beta, **given):
            validation = nll + place * NOISE[each["seed"]]
            runs.append({"validation_nll_nats": validation, "option_beta": beta} | each)
            runs[-1]["validation_nll_nats"] = validation
            for key, scale in (("bits_per_dim", 0.001), ("nll_nats", 0.1), ("fid", 0.1)):
                runs[-1][key] += scale * place * NOISE[each["seed"]]
    return runs


def learned(
    variance: float,
    nll: float,
    count: int = 5,
    name: str = "shared_sigma",
    bits: float = 2.0,
    fid: float = 40.0,
) -> Runs:
    given = {"nll_nats": nll, "validation_nll_nats": nll, "bits_per_dim": bits, "fid": fid}
    return [
        each | {"variance": variance * (1 + 0.01 * NOISE[index])}
        for index, each in enumerate(seeds(name, count, **given))
    ]


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
    found = look(2, [*sweep(), *learned(variance, nll, bits=bits, fid=fid)])
    assert verdicts(found) == expected


def test_the_worst_value_of_the_sweep_does_not_set_the_margin() -> None:
    runs = learned(0.11, MARGIN + 1)
    kinds = [verdicts(look(2, [*sweep(grows=each), *runs])) for each in (1000.0, 1e6)]
    assert kinds == [[R, S, S, S]] * 2


def test_the_best_beta_of_each_measure_counts() -> None:
    """The one with the best NLL is not the one with the best distance."""
    runs = [*sweep(), *learned(0.11, 0.0)]
    for each in runs[10:15]:
        each["fid"] -= 40.0
    found = look(2, runs)
    assert verdicts(found) == [S, S, R, S]
    assert found[2].quantity == "FID: shared_sigma − every β (β = 1, margin 1.01)"
    assert found[2].reason == "β = 1 is lower by more than the margin"


def test_a_value_of_the_sweep_that_lost_a_run_is_no_rival() -> None:
    runs = [*sweep(), *learned(0.11, 0.0)]
    for each in runs[10:15]:
        each["fid"] -= 40.0
    runs[10]["status"] = "diverged"
    assert verdicts(look(2, runs)) == [S, S, S, S]


def test_without_the_number_of_values_there_is_no_margin_in_nats() -> None:
    runs = [*sweep(dimensions=np.nan), *learned(0.1, 0.0)]
    found = look(2, runs)
    assert verdicts(found) == [N, S, S, S]
    assert found[0].reason == "the number of values of an image was not recorded"


def test_the_better_learned_variance_is_chosen_on_validation() -> None:
    runs = [*sweep(), *learned(0.5, 900.0), *learned(0.1, 5.0, name="optimal_sigma")]
    found = look(2, runs)
    assert verdicts(found) == [S, S, S, S]
    assert "optimal_sigma" in found[0].quantity


def test_a_best_value_that_is_not_told_from_another_gives_no_verdict_on_the_place() -> None:
    runs = [*sweep(best=10**-0.5), *learned(0.02, 0.0)]
    noisy = [
        each | {"validation_nll_nats": each["validation_nll_nats"] + NOISE[-each["seed"]] * 9}
        if each.get("option_beta") == 0.1
        else each
        for each in runs
    ]
    assert look(2, [*sweep(), *learned(0.02, 0.0)])[-1].verdict is R
    found = look(2, noisy)[-1]
    assert (found.verdict, found.reason[:21]) == (N, "the best β may be 1" + found.reason[19:21])


def test_a_value_that_was_lost_is_not_the_best() -> None:
    runs = [*sweep(), *learned(0.11, 0.0)]
    for each in runs[:5]:
        each |= {"status": "diverged", "validation_nll_nats": np.nan}
    assert look(2, runs)[-1].verdict is S


def falling(runs: Runs) -> dict[str, pd.DataFrame]:
    """Histories in which the variance of every run falls to the end."""
    return on_its_way({each["run"]: history(1.0) for each in runs}, "")


def test_a_variance_that_still_moves_is_not_taken_for_the_learned_one() -> None:
    moving, other = learned(0.1, 0.0), learned(0.1, 5.0, name="optimal_sigma")
    found = look(2, [*sweep(), *moving, *other], histories=falling(moving))
    assert "optimal_sigma" in found[0].quantity, "the other one is judged"
    alone = look(2, [*sweep(), *moving], histories=falling(moving))
    assert not any(each.measured for each in alone)
    assert "shared_sigma has not arrived" in alone[0].reason


def test_a_variance_that_still_moves_has_no_place_on_the_plateau() -> None:
    runs = informative(10**-0.9)
    found = look(3, runs, histories=falling(runs))[0]
    assert (found.verdict, found.measured) == (N, False)
    assert "has not arrived" in found.reason


def test_the_end_of_the_sweep_gives_no_verdict_on_the_place() -> None:
    found = look(2, [*sweep(best=10.0), *learned(10.0, 0.0)])
    assert found[-1].verdict is N
    assert "at an end of the sweep" in found[-1].reason


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        (learned(0.1, 0.0), "beta-VAE was not run"),
        (sweep(), "shared_sigma was not run; optimal_sigma was not run"),
        ([*sweep()[:5], *learned(0.1, 0.0)], "beta-VAE was not swept over several values"),
        (
            [*(each | {"validation_nll_nats": np.nan} for each in sweep()), *learned(0.1, 0.0)],
            "no value of the sweep of beta-VAE could be chosen",
        ),
    ],
)
def test_a_missing_sweep_is_named(runs: Runs, reason: str) -> None:
    found = look(2, runs)
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


# --- claim 4 --------------------------------------------------------------------------------------


def pixels(nll: float, fid: float, of_samples: float | None = None) -> Runs:
    """With samples as poor as decoder means, unless stated."""
    noisy = fid if of_samples is None else of_samples
    given: dict[str, Any] = {"nll_nats": nll, "bits_per_dim": nll / 10}
    given |= {"fid": fid, "fid_samples": noisy}
    runs = seeds("per_pixel_sigma", **given)
    for name, value in (("gaussian", 30.0), ("shared_sigma", 20.0), ("optimal_sigma", 10.0)):
        others: dict[str, Any] = {"nll_nats": value, "fid": value, "fid_samples": value}
        runs += seeds(name, bits_per_dim=value / 10, **others)
    return runs


def free(diverged: int, count: int = 5) -> Runs:
    runs = seeds("per_pixel_sigma", count, options='{"bounds": null}')
    return [
        each | {"run": f"free-{index}"} | ({"status": "diverged"} if index < diverged else {})
        for index, each in enumerate(runs)
    ]


@pytest.mark.parametrize(
    ("nll", "fid", "of_samples", "expected"),
    [
        (5.0, 50.0, 50.0, [S, S, S, S]),
        (50.0, 50.0, 50.0, [R, R, S, S]),
        (5.0, 5.0, 5.0, [S, S, R, R]),
        (5.0, 50.0, 5.0, [S, S, S, R]),
        (20.0, 20.0, 20.0, [N, N, N, N]),
    ],
)
def test_a_good_nll_and_poor_samples(
    nll: float, fid: float, of_samples: float, expected: list[Verdict]
) -> None:
    found = look(4, pixels(nll, fid, of_samples), trials=TUNED)
    assert verdicts(found) == [*expected, N]
    assert found[-1].reason == "no run of per_pixel_sigma without bounds"


def test_ranks_stand_beside_the_effect() -> None:
    found = look(4, pixels(5.0, 50.0), trials=TUNED)
    assert found[0].effect.endswith("rank 1 of 4")
    assert found[2].effect.endswith("rank 4 of 4")


@pytest.mark.parametrize(
    ("lost", "count", "verdict"),
    [(1, 5, S), (5, 5, S), (0, 5, N), (0, 6, R), (1, 4, N)],
)
def test_divergence_without_bounds(lost: int, count: int, verdict: Verdict) -> None:
    found = look(4, [*pixels(5.0, 50.0), *free(lost, count)])[-1]
    assert found.verdict is verdict
    assert found.effect.startswith(f"{lost} of {count} [")


def test_a_run_that_collapsed_did_not_diverge() -> None:
    runs = [each | {"kl_nats": 0.0} for each in free(0)]
    found = look(4, [*pixels(5.0, 50.0), *runs])[-1]
    assert found.verdict is N
    shown = "; collapsed: 5 of 5; with bounds: 0 of 5; shared variance: 0 of 10"
    assert found.effect.endswith(shown)


def test_a_shared_variance_that_diverges_refutes() -> None:
    runs = [*pixels(5.0, 50.0), *free(2)]
    broken = next(each for each in runs if each["likelihood"] == "shared_sigma")
    broken["status"] = "diverged"
    assert look(4, runs)[-1].verdict is R


def test_unbounded_runs_are_not_taken_for_the_decoder() -> None:
    found = look(1, [*claim_one(), *free(1)])
    assert verdicts(found) == [S] * 6
    assert look(4, [*pixels(5.0, 50.0), *free(0)], trials=TUNED)[0].verdict is S


# --- claim 5 --------------------------------------------------------------------------------------


def history(speed: float, end: float = 0.0) -> pd.DataFrame:
    steps = np.arange(0, 110, 10)
    nll = end + 100 * np.exp(-steps * speed / 20)
    return pd.DataFrame({"step": steps, "seconds": steps / 5, "nll_nats": nll})


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


def on_its_way(histories: dict[str, pd.DataFrame], name: str) -> dict[str, pd.DataFrame]:
    """The histories with a variance that falls to the end, of the runs of one likelihood."""
    return {
        run: each.assign(variance=np.exp(-each["step"] / 10)) if name in run else each
        for run, each in histories.items()
    }


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


@pytest.mark.parametrize("level", [0.0, 60.0], ids=["from the start", "never"])
def test_a_target_that_is_not_crossed_is_no_time(level: float) -> None:
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
    assert found.reason.startswith("no seed has both validation curves")


# --- claims 6 and 7 -------------------------------------------------------------------------------


def painted(per_image: float, *others: float) -> Runs:
    runs = seeds("optimal_per_image_sigma", fid=per_image)
    for name, value in zip(("gaussian", "shared_sigma", "optimal_sigma"), others, strict=False):
        runs += seeds(name, fid=value)
    return runs


@pytest.mark.parametrize(
    ("runs", "verdict", "reason"),
    [
        (painted(5.0, 10.0, 20.0), S, "the whole interval of every difference agrees"),
        (painted(15.0, 10.0, 20.0), R, "gaussian is lower for sure"),
        (painted(25.0, 10.0, 20.0), R, "gaussian and shared_sigma are lower for sure"),
        (
            painted(10.0, 10.0, 20.0),
            N,
            "the interval of the difference from gaussian reaches over",
        ),
        (painted(10.0, 10.0), N, "no decoder is told apart from the best by this measure"),
        (painted(10.0), N, "no other decoder was measured by FID"),
        (painted(5.0, 10.0)[5:], N, "optimal_per_image_sigma was not run"),
    ],
)
def test_the_best_images(runs: Runs, verdict: Verdict, reason: str) -> None:
    (found,) = look(6, runs)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_without_frechet_distances_nothing_is_said_of_images() -> None:
    (found,) = look(6, [each | {"fid": np.nan} for each in painted(1.0, 2.0)])
    assert (found.verdict, found.measured) == (N, False)


def grey_values(bernoulli: float, categorical: float, channels: int | None = 3) -> dict[str, Any]:
    runs = seeds("bernoulli", bits_per_dim=bernoulli, fid=bernoulli, measure="unnormalised")
    for name, value in (("categorical", categorical), ("bitwise_categorical", 5.0)):
        runs += seeds(name, bits_per_dim=value, fid=value, measure="mass")
    picture: Images = np.zeros((2, 4, 4, channels or 1), dtype=np.uint8)
    samples = {} if channels is None else {str(runs[0]["run"]): picture}
    return {"runs": runs, "samples": samples}


@pytest.mark.parametrize(
    ("bernoulli", "categorical", "expected"),
    [(20.0, 1.0, [S, S, S]), (0.5, 1.0, [R, R, S]), (20.0, 9.0, [S, S, R]), (3.0, 1.0, [N, N, S])],
)
def test_discrete_decoders(bernoulli: float, categorical: float, expected: list[Verdict]) -> None:
    assert verdicts(look(7, **grey_values(bernoulli, categorical))) == expected


@pytest.mark.parametrize(
    ("channels", "reason"), [(1, "the images are grey"), (None, "no images tell")]
)
def test_only_colour_counts_against_bernoulli(channels: int | None, reason: str) -> None:
    found = look(7, **grey_values(20.0, 1.0, channels))
    assert verdicts(found) == [N, N, S]
    assert found[0].reason.startswith(reason)
    assert overall(found) is S
    text = whole(subject(**grey_values(20.0, 1.0, channels)))
    overview = next(line for line in text.splitlines() if line.startswith("| 7. "))
    assert "**supported**, of the parts that were measured" in overview


def test_only_decoders_of_the_paper_count() -> None:
    """The best images of somebody else's decoder refute no claim on the paper's."""
    runs = [*seeds("optimal_per_image_sigma", fid=1.0), *seeds("gaussian", fid=5.0)]
    other = seeds("somebody_elses", fid=0.5)
    assert "| 6. " in whole(subject(runs))
    for each in (runs, runs + other):
        readme = whole(subject(each))
        overview = next(line for line in readme.splitlines() if line.startswith("| 6. "))
        assert "**supported**" in overview
    assert "**No claim is judged: nothing was measured.**" in whole(subject(other))


# --- in the report --------------------------------------------------------------------------------


def test_the_report_prints_every_claim_with_its_rule_and_verdict() -> None:
    text = whole(subject(claim_one()))
    section = text.split("## The paper's claims on this data")[1].split("\n## ")[0]
    for number, claim in enumerate(CLAIMS, start=1):
        assert f"Claim {number}: {claim.text}</summary>" in section
        assert f"*{claim.rule}*" in section
    overview = next(line for line in section.splitlines() if line.startswith("| 1. "))
    assert [cell.strip() for cell in overview.split("|")[2:4]] == ["supported", "**supported**"]


def test_only_the_published_numbers_know_likelihoods_by_name() -> None:
    from pathlib import Path

    import reports
    from reports.published import TABLE_B

    folder = Path(reports.__file__).parent
    names = [f'"{name}"' for name in TABLE_B["SVHN"]]
    told = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if any(name in path.read_text(encoding="utf-8") for name in names)
    }
    assert told == {"published.py"}


def test_a_group_of_a_fixed_rate_gives_way_to_its_tuned_one() -> None:
    """They share runs: judged on both, a run would count twice."""
    runs = [each | {"column_key": key} for key in ("fixed", "tuned") for each in claim_one()]
    columns = tuple(
        Column(f"VAE {key}", "blobs", "vae", "Blobs.", None, None, None, key=key)
        for key in ("fixed", "tuned", "other")
    )
    runs += [each | {"column_key": "other", "model": "hvae"} for each in claim_one()]
    columns = (*columns[:2], replace(columns[2], model="hvae"))
    trials = pd.DataFrame([{"column_key": "tuned"}])
    given = subject(runs, columns=columns, trials=trials)
    kept = [group.columns[0].key for group in decisive(given, groups(given))]
    assert kept == ["tuned", "other"]
    without = subject(runs, columns=columns)
    assert len(decisive(without, groups(without))) == 3

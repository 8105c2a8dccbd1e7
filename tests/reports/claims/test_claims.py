"""Every claim on results typed by hand, where the verdict is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import Content
from reports.analysis.groups import groups
from reports.analysis.verdict import Verdict
from reports.claims import CLAIMS, Finding, findings, overall
from reports.content import Images, Row
from reports.document import document
from tests.reports.typed import content, run

S, R, N = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NOT_DECIDED
NOISE = (0.0, 0.3, -0.2, 0.1, 0.05, -0.1)
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
            key: value + shift
            if key in ("nll_nats", "bits_per_dim", "fid", "marginal_kl_nats")
            else value
            for key, value in cells.items()
        }
        made.append(run(name, seed, **varied))
    return made


def subject(runs: Runs, **changes: Any) -> Content:
    return content(runs, rows=ROWS, **changes)


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


def sweep(best: float = 0.1, count: int = 5, **cells: Any) -> Runs:
    """A sweep of 0.01 to 10 whose NLL is lowest, 0, at `best` and grows by 1000 a decade."""
    runs = []
    for beta in (0.01, 0.1, 1.0, 10.0):
        nll = 1000 * abs(np.log10(beta / best))
        given = {"variance": beta, "nll_nats": nll, "validation_nll_nats": nll} | cells
        runs += seeds("beta_vae", count, option_beta=beta, **given)
    return runs


def learned(variance: float, nll: float, count: int = 5, name: str = "shared_sigma") -> Runs:
    runs = seeds(name, count, nll_nats=nll, validation_nll_nats=nll)
    return [
        each | {"variance": variance * (1 + 0.01 * NOISE[index])} for index, each in enumerate(runs)
    ]


@pytest.mark.parametrize(
    ("variance", "nll", "expected"),
    [
        (0.11, 5.0, [S, S]),  # the margin is 1 % of 2000
        (0.11, 60.0, [R, S]),
        (0.5, 5.0, [S, R]),
        (0.02, -60.0, [S, R]),
        (0.11, 20.0, [N, S]),
    ],
)
def test_a_learned_variance_against_the_best_of_the_sweep(
    variance: float, nll: float, expected: list[Verdict]
) -> None:
    assert verdicts(look(2, [*sweep(), *learned(variance, nll)])) == expected


def test_the_better_learned_variance_is_chosen_on_validation() -> None:
    runs = [*sweep(), *learned(0.5, 900.0), *learned(0.1, 5.0, name="optimal_sigma")]
    found = look(2, runs)
    assert verdicts(found) == [S, S]
    assert "optimal_sigma" in found[0].quantity


def falling(runs: Runs) -> dict[str, pd.DataFrame]:
    """Histories in which the variance of every run falls to the end."""
    return on_its_way({each["run"]: history(1.0) for each in runs}, "")


def test_a_variance_that_still_moves_is_not_taken_for_the_learned_one() -> None:
    moving, other = learned(0.1, 0.0), learned(0.1, 5.0, name="optimal_sigma")
    found = look(2, [*sweep(), *moving, *other], histories=falling(moving))
    assert "optimal_sigma" in found[0].quantity, "the other one is judged"
    alone = look(2, [*sweep(), *moving], histories=falling(moving))
    assert not any(each.measured for each in alone)
    assert "shared_sigma still moves at the end" in alone[0].reason


def test_a_variance_that_still_moves_has_no_place_at_the_take_off() -> None:
    runs = informative(10**-0.25)
    found = look(3, runs, histories=falling(runs))[0]
    assert (found.verdict, found.measured) == (N, False)
    assert "still moves at the end" in found.reason


def test_the_end_of_the_sweep_gives_no_verdict_on_the_place() -> None:
    found = look(2, [*sweep(best=10.0), *learned(10.0, 0.0)])
    assert found[1].verdict is N
    assert "at an end of the sweep" in found[1].reason


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        (learned(0.1, 0.0), "beta_vae was not run"),
        (sweep(), "shared_sigma was not run; optimal_sigma was not run"),
        ([*sweep()[:5], *learned(0.1, 0.0)], "beta_vae was not swept over several values"),
        (
            [*(each | {"validation_nll_nats": np.nan} for each in sweep()), *learned(0.1, 0.0)],
            "no value of the sweep of beta_vae could be chosen",
        ),
    ],
)
def test_a_missing_sweep_is_named(runs: Runs, reason: str) -> None:
    found = look(2, runs)
    assert verdicts(found) == [N, N]
    assert {each.reason for each in found} == {reason}
    assert not any(each.measured for each in found)


# --- claim 3 --------------------------------------------------------------------------------------


def informative(
    variance: float, heights: tuple[float, ...] = (100, 20, 0, 0), known: float = 2.0
) -> Runs:
    runs = sweep(information_nats=known, information_cap_nats=8.0)
    for index, each in enumerate(runs):
        each["marginal_kl_nats"] = heights[index // 5] * (1 + 0.02 * NOISE[index % 5])
    return [*runs, *learned(variance, 0.0)]


def test_a_variance_at_the_take_off_is_supported() -> None:
    found = look(3, informative(10**-0.25))
    assert verdicts(found) == [S, N]
    assert found[1].reason == "optimal_sigma was not run"


@pytest.mark.parametrize("variance", [0.03, 5.0])
def test_a_variance_away_from_the_take_off_is_refuted(variance: float) -> None:
    assert look(3, informative(variance))[0].verdict is R


def test_information_at_its_cap_gives_no_verdict() -> None:
    found = look(3, informative(10**-0.25, known=7.9))[0]
    assert found.verdict is N
    assert "near its cap" in found.reason


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([*sweep(), *learned(0.1, 0.0)], "fewer than two values of a sweep measured KL(m‖p)"),
        (informative(0.1, (0.3, 0.2, 0.1, 0.0)), "never takes off"),
        (informative(0.1, (0, 0, 20, 100)), "falls where it should rise"),
        (
            [each | {"information_absent": "no one code"} for each in sweep()]
            + [each | {"information_absent": "no one code"} for each in learned(0.1, 0.0)],
            "were not measured: no one code",
        ),
    ],
)
def test_without_a_take_off_there_is_no_verdict(runs: Runs, reason: str) -> None:
    found = look(3, runs)[0]
    assert (found.verdict, found.measured) == (N, False)
    assert reason in found.reason


# --- claim 4 --------------------------------------------------------------------------------------


def pixels(nll: float, fid: float) -> Runs:
    runs = seeds("per_pixel_sigma", nll_nats=nll, fid=fid)
    for name, value in (("gaussian", 30.0), ("shared_sigma", 20.0), ("optimal_sigma", 10.0)):
        runs += seeds(name, nll_nats=value, fid=value)
    return runs


def free(diverged: int, count: int = 5) -> Runs:
    runs = seeds("per_pixel_sigma", count, options='{"bounds": null}')
    return [
        each | {"run": f"free-{index}"} | ({"status": "diverged"} if index < diverged else {})
        for index, each in enumerate(runs)
    ]


@pytest.mark.parametrize(
    ("nll", "fid", "expected"),
    [(5.0, 50.0, [S, S]), (50.0, 50.0, [R, S]), (5.0, 5.0, [S, R]), (20.0, 20.0, [N, N])],
)
def test_a_good_nll_and_poor_samples(nll: float, fid: float, expected: list[Verdict]) -> None:
    found = look(4, pixels(nll, fid))
    assert verdicts(found) == [*expected, N]
    assert found[2].reason == "no run of per_pixel_sigma without bounds"


def test_ranks_stand_beside_the_effect() -> None:
    found = look(4, pixels(5.0, 50.0))
    assert found[0].effect.endswith("rank 1 of 4")
    assert found[1].effect.endswith("rank 4 of 4")


@pytest.mark.parametrize(
    ("lost", "count", "verdict"),
    [(1, 5, S), (5, 5, S), (0, 5, N), (0, 6, R), (1, 4, N)],
)
def test_divergence_without_bounds(lost: int, count: int, verdict: Verdict) -> None:
    found = look(4, [*pixels(5.0, 50.0), *free(lost, count)])[-1]
    assert found.verdict is verdict
    assert found.effect.startswith(f"{lost} of {count} [")


def test_a_shared_variance_that_diverges_refutes() -> None:
    runs = [*pixels(5.0, 50.0), *free(2)]
    broken = next(each for each in runs if each["likelihood"] == "shared_sigma")
    broken["status"] = "diverged"
    assert look(4, runs)[-1].verdict is R


def test_unbounded_runs_are_not_taken_for_the_decoder() -> None:
    found = look(1, [*claim_one(), *free(1)])
    assert verdicts(found) == [S] * 6
    assert look(4, [*pixels(5.0, 50.0), *free(0)])[0].verdict is S


# --- claim 5 --------------------------------------------------------------------------------------


def history(speed: float, end: float = 0.0) -> pd.DataFrame:
    steps = np.arange(0, 110, 10)
    nll = end + 100 * np.exp(-steps * speed / 20)
    return pd.DataFrame({"step": steps, "seconds": steps / 5, "nll_nats": nll})


def racing(optimal: float, shared: float, seeds_: int = 5) -> tuple[Runs, dict[str, pd.DataFrame]]:
    names = (("optimal_sigma", optimal), ("shared_sigma", shared))
    runs = [each for name, _ in names for each in seeds(name, seeds_)]
    histories = {
        f"{name}-None-{seed}": history(speed * (1 + 0.2 * NOISE[seed] * (speed > 1)))
        for name, speed in names
        for seed in range(seeds_)
    }
    return runs, histories


@pytest.mark.parametrize(
    ("optimal", "shared", "verdict"), [(3.0, 1.0, S), (1.0, 3.0, R), (1.0, 1.0, N)]
)
def test_who_is_there_first(optimal: float, shared: float, verdict: Verdict) -> None:
    runs, histories = racing(optimal, shared)
    assert verdicts(look(5, runs, histories=histories)) == [verdict] * 2


def test_the_target_is_the_worse_of_the_two_final_values() -> None:
    runs, histories = racing(1.0, 1.0, 1)
    histories["optimal_sigma-None-0"] = history(1.0)
    histories["shared_sigma-None-0"] = history(1.0, end=100 * np.exp(-2.5) - 100 * np.exp(-5))
    steps = look(5, runs, histories=histories)[0]
    assert steps.effect == "-0.69", "50 steps against 100"
    assert steps.reason.startswith("1 seed")


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
    assert f"the variance of {name} still moves at the end" in found[0].reason


def test_without_histories_nothing_is_said() -> None:
    found = look(5, racing(1.0, 1.0)[0])
    assert not any(each.measured for each in found)
    assert "during training" in found[0].reason


def test_a_start_below_the_target_is_no_time() -> None:
    runs, histories = racing(1.0, 1.0)
    flat = history(1.0).assign(nll_nats=0.0)
    found = look(5, runs, histories=dict.fromkeys(histories, flat))
    assert found[0].reason == "seed 0 is there before the first step"


# --- claims 6 and 7 -------------------------------------------------------------------------------


def painted(per_image: float, *others: float) -> Runs:
    runs = seeds("optimal_per_image_sigma", fid=per_image)
    for name, value in zip(("gaussian", "shared_sigma", "optimal_sigma"), others, strict=False):
        runs += seeds(name, fid=value)
    return runs


@pytest.mark.parametrize(
    ("runs", "verdict", "reason"),
    [
        (painted(5.0, 10.0, 20.0), S, "told apart from every other"),
        (painted(15.0, 10.0, 20.0), R, "gaussian told below it"),
        (painted(10.0, 10.0, 20.0), N, "not told apart from gaussian"),
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
    text = document(subject(**grey_values(20.0, 1.0, channels))).readme
    overview = next(line for line in text.splitlines() if line.startswith("| 7. "))
    assert "**supported**, of the parts that were measured" in overview


def test_only_decoders_of_the_paper_count() -> None:
    """The best images of somebody else's decoder refute no claim on the paper's."""
    runs = [*seeds("optimal_per_image_sigma", fid=1.0), *seeds("gaussian", fid=5.0)]
    other = seeds("somebody_elses", fid=0.5)
    assert "| 6. " in document(subject(runs)).readme
    for each in (runs, runs + other):
        readme = document(subject(each)).readme
        overview = next(line for line in readme.splitlines() if line.startswith("| 6. "))
        assert "**supported**" in overview
    assert "**not decided**" in document(subject(other)).readme


# --- in the report --------------------------------------------------------------------------------


def test_the_report_prints_every_claim_with_its_rule_and_verdict() -> None:
    text = document(subject(claim_one())).readme
    section = text.split("## The paper's claims on this data")[1].split("\n## ")[0]
    for number, claim in enumerate(CLAIMS, start=1):
        assert f"### Claim {number}\n\n{claim.text} *{claim.rule}*" in section
    overview = next(line for line in section.splitlines() if line.startswith("| 1. "))
    assert [cell.strip() for cell in overview.split("|")[2:4]] == ["supported", "**supported**"]


def test_only_the_claims_and_the_published_numbers_know_likelihoods_by_name() -> None:
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
    assert told == {"claims/rules.py", "published.py"}

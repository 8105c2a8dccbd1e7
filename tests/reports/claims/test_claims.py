"""Claims 1, 4, 6 and 7 on results where the verdict is known, and what the report prints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import Column
from reports.analysis.groups import decisive, groups
from reports.analysis.verdict import Verdict
from reports.claims import CLAIMS, overall
from reports.content import Images
from tests.reports.claims.made import (
    TUNED,
    N,
    R,
    Runs,
    S,
    look,
    seeds,
    subject,
    verdicts,
)
from tests.reports.typed import whole

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
    [(1, 5, N), (3, 5, S), (5, 5, S), (0, 5, N), (0, 6, R), (1, 4, N)],
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
            "not for sure below gaussian",
        ),
        (painted(10.0, 10.0), N, "no two decoders are told apart by this measure"),
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

"""Which decoder is recommended, on results typed by hand where the answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import reports
from reports import Column, Content
from reports.analysis.groups import groups
from reports.analysis.recommend import Goal, Recommendation, recommendations
from tests.reports.typed import FID, METRICS, content, run

CLEAR = {"soft": 1.0, "hard": 2.0, "wide": 3.0}
NOISE = (0.0, 0.1, -0.1, 0.05, -0.05)


def runs(bits: dict[str, float], seeds: int = 5, **cells: Any) -> list[dict[str, Any]]:
    """Runs whose bits/dim and FID are far apart where the values are; the noise is of each own."""
    return [
        run(name, seed, bits_per_dim=value + noise, fid=10 * value + noise, **cells)
        for place, (name, value) in enumerate(bits.items())
        for seed in range(seeds)
        for noise in [NOISE[(seed * (place + 1)) % 5]]
    ]


def made(subject: Content, goal: Goal = Goal.DENSITY, kind: str = "images") -> Recommendation:
    found = recommendations(subject, groups(subject))
    return next(each for each in found if each.goal is goal and each.kind == kind)


def names(subject: Content, goal: Goal = Goal.DENSITY, kind: str = "images") -> list[str]:
    recommended = made(subject, goal, kind)
    return [] if recommended.why else [row.label for row in recommended.decoders]


def printed(subject: Content, goal: Goal) -> list[str]:
    line = next(
        each
        for each in reports.recommend({"README.md": subject}).splitlines()
        if f" {goal} " in each
    )
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_who_is_told_apart_from_every_other_is_recommended() -> None:
    subject = content(runs(CLEAR))
    assert (
        names(subject) == names(subject, Goal.QUALITY) == names(subject, Goal.UNTUNED) == ["Soft"]
    )
    _, _, decoder, sure = printed(subject, Goal.DENSITY)
    assert decoder == "**Soft**"
    assert sure.startswith("5 seeds, told apart from the next: Soft leads Hard by 1.000 [")
    assert sure.endswith("(README.md#table-b-blobs-vae)")


def test_a_tie_names_all_that_are_not_told_apart() -> None:
    subject = content(runs({"soft": 1.0, "hard": 1.01, "wide": 3.0}))
    assert names(subject) == ["Soft", "Hard"]
    assert printed(subject, Goal.DENSITY)[2] == "Soft or Hard"
    assert ", not told apart: Soft leads Hard by " in printed(subject, Goal.DENSITY)[3]


def test_one_behind_another_that_is_told_apart_is_not_named() -> None:
    """However widely its runs spread: by itself "wide" is not told apart from the best."""
    given = runs({"soft": 1.0, "hard": 2.0, "wide": 3.0})
    for each, noise in zip(given[-5:], (4.0, -3.0, 2.0, -2.0, 1.0), strict=True):
        each["bits_per_dim"] += noise
    assert names(content(given)) == ["Soft"]
    assert names(content(given[:5] + given[-5:])) == []


def test_where_nobody_is_told_apart_nothing_is_known() -> None:
    subject = content(runs({"soft": 1.0, "hard": 1.01}))
    assert made(subject).why == "no decoder is told apart from the best"
    _, _, decoder, sure = printed(subject, Goal.DENSITY)
    assert decoder == "not known"
    assert "told apart from the best: Soft leads Hard by " in sure


def test_from_one_seed_nothing_is_known() -> None:
    subject = content(runs(CLEAR, seeds=1))
    assert all(each.why for each in recommendations(subject, groups(subject)))
    _, _, decoder, sure = printed(subject, Goal.DENSITY)
    assert decoder == "not known"
    assert sure.startswith("1 seed, an interval needs 5: Soft leads Hard by 1.000 bits/dim on ")


def test_a_collapsed_leader_is_passed_over() -> None:
    subject = content([*runs({"wide": 0.1}, kl_nats=0.0), *runs(CLEAR | {"wide": 9.0})[:10]])
    assert names(subject) == ["Soft"]
    left = "left out though better: Wide (not every run is sound and measured)"
    assert left in printed(subject, Goal.DENSITY)[3]


def test_a_leader_that_lost_a_run_is_passed_over() -> None:
    lost = runs({"wide": 0.1})
    lost[0] |= {"status": "diverged", "bits_per_dim": np.nan, "fid": np.nan}
    assert names(content([*lost, *runs(CLEAR)[:10]])) == ["Soft"]


def test_a_leader_whose_variance_has_not_arrived_is_passed_over() -> None:
    steps = np.arange(0, 1001, 100)
    stale = pd.DataFrame({"step": steps, "seconds": steps, "variance": np.exp(-steps / 200)})
    given = runs(CLEAR)
    for count, expected in ((1, ["Hard"]), (0, ["Soft"])):
        histories = {each["run"]: stale for each in given[:count]}
        subject = content(given, histories=histories)
        assert names(subject) == names(subject, Goal.QUALITY) == expected
    subject = content(given, histories={given[0]["run"]: stale})
    assert "Soft (its variance has not arrived)" in printed(subject, Goal.DENSITY)[3]


def test_a_leader_that_is_no_better_than_a_row_without_a_code_is_passed_over() -> None:
    without: dict[str, Any] = {"mean_image_bits_per_dim": 0.5, "mean_image_fid": 99.0}
    subject = content(runs(CLEAR, **without))
    assert made(subject).why == "no decoder may be recommended"
    assert names(subject, Goal.QUALITY) == ["Soft"], "by the distance it is better"


def test_a_swept_decoder_needs_tuning() -> None:
    swept = [
        run("odd", seed, option_beta=beta, bits_per_dim=0.1 + noise, fid=1.0)
        for beta in (0.1, 1.0)
        for seed, noise in enumerate(reversed(NOISE))
    ]
    subject = content([*runs(CLEAR), *swept])
    assert names(subject) == ["Odd"]
    assert names(subject, Goal.UNTUNED) == ["Soft"]
    tuned = content([*runs(CLEAR)], trials=pd.DataFrame({"column_key": [""]}))
    assert names(tuned) == ["Soft"]
    assert made(tuned, Goal.UNTUNED).why == "nothing was measured", "each rate was tuned"


def test_distances_that_disagree_recommend_nobody() -> None:
    other = replace(FID, key="kid", name="KID", floor=None)
    given = [each | {"kid": 100 - each["fid"]} for each in runs(CLEAR)]
    subject = content(given, metrics=(*METRICS, FID, other))
    assert made(subject, Goal.QUALITY).why == "the data or the measures disagree"
    sure = printed(subject, Goal.QUALITY)[3]
    assert "Soft leads Hard by " in sure
    assert "Wide leads Hard by " in sure


def test_kinds_of_data_are_kept_apart_and_columns_of_one_kind_must_agree() -> None:
    columns = [Column(name, name, "vae", "", None, None, None) for name in ("a", "b", "c")]
    orders = {"a": CLEAR, "b": CLEAR, "c": {"soft": 3.0, "hard": 2.0, "wide": 1.0}}
    given = [
        each | {"data_set": data, "run": f"{data}-{each['run']}"}
        for data, bits in orders.items()
        for each in runs(bits)
    ]
    channels = {"a": 1, "b": 3, "c": 3}
    images = {each["run"]: np.zeros((1, 2, 2, channels[each["data_set"]]), "u1") for each in given}
    subject = content(given, columns=columns, samples=images)
    assert names(subject, kind="grey images") == ["Soft"]
    assert made(subject, kind="colour images").why == "the data or the measures disagree"
    assert "Not known for video" in reports.recommend({"README.md": subject})
    alike = content([each for each in given if each["data_set"] != "c"], samples=images)
    assert names(alike, kind="colour images") == ["Soft"]


def test_for_a_kind_of_data_speaks_the_first_that_ran_it() -> None:
    def of(kind: int, *bits: float) -> Content:
        given = runs(dict(zip(CLEAR, bits, strict=True)))
        images = {each["run"]: np.zeros((1, 2, 2, kind), "u1") for each in given}
        return content(given, samples=images)

    grey, other, colour = of(1, 1, 2, 3), of(1, 3, 2, 1), of(3, 3, 2, 1)
    told = reports.recommend({"a/README.md": grey, "b/README.md": other, "c/README.md": colour})
    lines = [line for line in told.splitlines() if f" {Goal.DENSITY} " in line]
    assert [line.split("|")[3].strip() for line in lines] == ["**Soft**", "**Wide**"]
    assert "](a/README.md#table-b-" in lines[0]
    assert "](c/README.md#table-b-" in lines[1]
    assert all(line.strip("| ").endswith("; budget quick") for line in lines)
    assert "b/README.md" not in told


def falling(seconds: float) -> pd.DataFrame:
    """A curve that is at 2 bits/dim after these seconds."""
    steps = np.array([0, 50, 100])
    bits = np.array([8.0, 2.0, 1.9])
    return pd.DataFrame({"step": steps, "seconds": steps / 50 * seconds, "bits_per_dim": bits})


SLOW = {"soft": 30.0, "hard": 20.0, "wide": 10.0}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shared": ""}, ""),
        ({}, "it is not known whether each run had its machine for itself"),
        ({"shared": "13 runs shared the GPU"}, "13 runs shared the GPU"),
    ],
)
def test_speed_needs_runs_that_had_the_machine_for_themselves(
    changes: dict[str, Any], why: str
) -> None:
    given = runs(CLEAR)
    histories = {
        each["run"]: falling(SLOW[each["likelihood"]] + NOISE[each["seed"]] * (1 + place % 3))
        for place, each in enumerate(given)
    }
    subject = content(given, histories=histories, **changes)
    assert made(subject, Goal.SPEED).why == why
    assert names(subject, Goal.SPEED) == ([] if why else ["Wide"])
    apart = [each | {"timed_on": f"machine {each['seed']}"} for each in given]
    several = made(content(apart, histories=histories, shared=""), Goal.SPEED)
    assert several.why == "runs were timed on several machines or versions"
    constant = [each | {"histogram_bits_per_dim": 1.5} for each in given]
    easy = made(content(constant, histories=histories, shared=""), Goal.SPEED)
    assert easy.why == "half of the decoders end no better than what needs no training"


def test_the_budget_smoke_recommends_nobody() -> None:
    subject = content([each | {"budget": "smoke"} for each in runs(CLEAR)], budget="smoke")
    assert all(each.why for each in recommendations(subject, groups(subject)))

"""A suite with a grid of learning rates, from its trials to the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.cli import main
from bench.execution import run as module
from bench.execution.run import Task
from bench.store import Store
from bench.suite import LEAD, SELECTOR, RunSpec
from bench.training import Training
from tests.reports.typed import cells

TUNING = "[columns.budgets.tiny]\ntuning = { rates = [3e-3] }\n\n[[rows]]"
FIXED, OTHER = 1e-3, 3e-3
HEADINGS = ["Digits", "Digits, rates tuned"]

Before = Callable[[RunSpec], None]


@pytest.fixture
def tuned(tiny: Path) -> Path:
    tiny.write_text(tiny.read_text().replace("[[rows]]", TUNING, 1))
    return tiny


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> tuple[list[RunSpec], list[Before]]:
    """The runs that are trained, in order, and what happens before each."""
    runs: list[RunSpec] = []
    before: list[Before] = []
    train = module._train

    def noted(task: Task, *others: Any, **named: Any) -> None:
        for each in before:
            each(task.spec)
        train(task, *others, **named)
        runs.append(task.spec)

    monkeypatch.setattr(module, "_train", noted)
    return runs, before


def run(suite: Path, results: Path, *more: str) -> int:
    return main(["run", "--suite", str(suite), "--results", str(results), "--jobs", "1", *more])


def table(results: Path) -> pd.DataFrame:
    found = pd.read_csv(results / "report" / "results.csv")
    kept = found[[name for name in found if "_seconds" not in str(name)]]
    return kept.sort_values(["column", "run"]).reset_index(drop=True)


def section(results: Path) -> str:
    text = (results / "report" / "sweep.md").read_text()
    return text.split("## Learning rates")[1].split("\n## ")[0]


def test_trials_choose_and_nothing_is_trained_twice(
    tuned: Path,
    tmp_path: Path,
    trained: tuple[list[RunSpec], list[Before]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs, _ = trained
    results = tmp_path / "results"
    assert run(tuned, results) == 0
    said = capsys.readouterr().err
    assert "12 runs: 12 to be trained" in said
    assert "8 of them are trials of learning rates, which are not reported" in said
    assert "at most 4 runs follow at the rates they choose" in said
    assert len({each.run_id for each in runs}) == len(runs)

    found, store = table(results), Store.existing(results)
    assert set(found["seed"]) == {0}
    fixed, chosen = (found[found["column"] == name].set_index("options") for name in HEADINGS)
    assert len(fixed) == len(chosen) == 4
    assert set(fixed["learning_rate"]) == {FIXED}
    trials = [each for each in runs if each.is_trial]
    assert {each.learning_rate for each in (t.training for t in trials)} == {FIXED, OTHER}
    for _, row in found[found["column"] == HEADINGS[1]].iterrows():
        own = [t for t in trials if t.run_id.split("-seed")[0] == row["run"].split("-seed")[0]]
        assert len(own) == 2
        paths = [next((store.root / "runs" / t.run_id).glob("*/elbo-*")) for t in own]
        bits = [pd.read_json(path, typ="series")["columns"][SELECTOR] for path in paths]
        lead = [LEAD if t.training.learning_rate == FIXED else 0.0 for t in own]
        best = min(zip(bits, lead, own, strict=True), key=lambda each: each[0] - each[1])[2]
        assert row["learning_rate"] == best.training.learning_rate
    shared = chosen["run"][chosen["learning_rate"] == FIXED]
    assert set(shared) <= set(fixed["run"])
    assert len(runs) == 12 + (chosen["learning_rate"] == OTHER).sum()

    before = len(runs)
    assert run(tuned, results) == 0
    assert len(runs) == before
    pd.testing.assert_frame_equal(table(results), found, check_exact=True)


def test_killed_anywhere_the_same_command_goes_on(
    tuned: Path, tmp_path: Path, trained: tuple[list[RunSpec], list[Before]]
) -> None:
    runs, before = trained
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    chosen = ("--likelihoods", "gaussian", "beta_vae")
    assert run(tuned, whole, *chosen) == 0
    count = len(runs)
    assert count > 9, "some decoder has a rate of its own: the second stage is killed too"
    left = 4

    def die(_: RunSpec) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt

    before.append(die)
    stops = 0
    while run(tuned, killed, *chosen) == 130:
        stops, left = stops + 1, 4
    assert stops >= 2
    assert len(runs) == 2 * count
    pd.testing.assert_frame_equal(table(killed), table(whole), check_exact=True)


def test_a_failed_trial_loses_and_is_tried_again(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: object, data: object, training: Training) -> float:
        if training.learning_rate == OTHER:
            raise RuntimeError("out of luck")
        return 0.0

    chosen = ("--likelihoods", "gaussian")
    with monkeypatch.context() as patched:
        patched.setattr(module, "check_memory", fail)
        assert run(tuned, tmp_path, *chosen) == 1
    assert set(table(tmp_path)["learning_rate"]) == {FIXED}
    assert cells(section(tmp_path), "gaussian")["rate 0.003"] == "failed"
    assert run(tuned, tmp_path, *chosen) == 1, "a failure stays until it is to be tried again"
    assert run(tuned, tmp_path, *chosen, "--retry-failed") == 0
    assert float(cells(section(tmp_path), "gaussian")["rate 0.003"].split(",")[0]) > 0


def test_a_dry_run_says_what_follows_at_most(
    tuned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    assert run(tuned, results, "--dry-run") == 0
    captured = capsys.readouterr()
    assert "at most 4 runs follow" in captured.err
    assert captured.out.count("trial 1") == 8
    assert not results.exists()


def test_a_comparison_in_parts_keeps_its_trials(tuned: Path, tmp_path: Path) -> None:
    for name in ("gaussian", "optimal_sigma"):
        assert run(tuned, tmp_path, "--likelihoods", name) == 0
    assert len(table(tmp_path)) == 4
    assert section(tmp_path).count("\n| gaussian") == section(tmp_path).count("\n| Optimal") == 1

"""Columns in plans: their data, trainings, stand-ins and what may not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import suite
from bench.errors import UsageError
from bench.suite import Choices, RunSpec, make
from bench.suite.columns import ColumnData, check_column, columns
from likelihoods import LikelihoodError
from reports import Status
from tests.bench.suite.conftest import MakePlan


def test_other_data_are_trained_as_the_column_says(tiny: Path, plan: MakePlan) -> None:
    tiny.write_text(tiny.read_text() + "[columns.budgets.tiny]\ntraining = { warmup = 0.75 }\n")
    warmups = {
        run.data_set: run.training.warmup for run in plan(data_sets=["patches", "digits"]).runs
    }
    assert warmups == {"patches": 0.75, "digits": 0.75}


def test_the_real_data_brings_its_own_column() -> None:
    paper = suite.load("paper")
    (column,) = columns(paper, ["svhn"])
    assert (column.heading, column.data, column.published) == ("SVHN VAE", ["svhn"], "SVHN")
    assert column.training == next(c for c in paper.columns if c.model == "vae").training


def test_a_column_may_sweep_other_values(tiny: Path, plan: MakePlan) -> None:
    text = tiny.read_text().replace("[[rows]]", "sweeps = { beta_vae = [0.5] }\n[[rows]]", 1)
    tiny.write_text(text)
    found = [run.likelihood_options for run in plan().runs if run.likelihood == "beta_vae"]
    assert found == [{"beta": 0.5}]
    tiny.write_text(text.replace("{ beta_vae", "{ optimal_sigma"))
    with pytest.raises(UsageError, match="'Digits' sweeps 'optimal_sigma', whose row has no"):
        plan()


def test_a_column_may_be_evaluated_on_other_sizes(tiny: Path, plan: MakePlan) -> None:
    text = tiny.read_text() + "[columns.budgets.tiny]\nevaluation = { test_images = 7 }\n"
    tiny.write_text(text)
    found = plan()
    for run in found.runs:
        (elbo,) = (each for each in found.of(run) if each.label == "elbo")
        assert (elbo.test_images, elbo.batch_size) == (7, 16)  # type: ignore[attr-defined]
    tiny.write_text(text.replace("test_images = 7", "test_imges = 7"))
    with pytest.raises(UsageError, match="test_imges"):
        plan()


SECOND = """
[[columns]]
heading = "More digits"
data = ["digits"]
stands_for = "mnist"
options = { width = 2, latents = 3 }
training = { learning_rate = 1e-3, batch_size = 16, steps = 6 }
"""


def test_equal_runs_under_two_evaluations_are_refused(tiny: Path, plan: MakePlan) -> None:
    other = SECOND + "[columns.budgets.tiny]\nevaluation = { test_images = 7 }\n"
    tiny.write_text(tiny.read_text().replace("[[rows]]", other + "[[rows]]", 1))
    with pytest.raises(UsageError, match="'More digits' has the same runs as another"):
        plan()


def test_equal_stand_ins_run_once(tiny: Path, plan: MakePlan) -> None:
    once = [run.run_id for run in plan().runs]
    tiny.write_text(tiny.read_text().replace("[[rows]]", SECOND + "[[rows]]", 1))
    found = plan()
    assert [run.run_id for run in found.runs] == once
    assert [column.heading for column in found.columns] == ["Digits", "More digits"]


def test_columns_of_another_training_are_run_apart(tiny: Path, plan: MakePlan) -> None:
    once = plan()
    longer = SECOND.replace("steps = 6", "steps = 7")
    text = tiny.read_text().replace("[[rows]]", longer + "[[rows]]", 1)
    tiny.write_text(text)
    found = plan()
    assert len(found.runs) == 2 * len(once.runs)
    keys = [column.key for column in found.columns]
    assert keys[0] == once.columns[0].key != keys[1]
    assert [run.column_key for run in found.runs] == [
        key for key in keys for _ in range(len(once.runs))
    ]
    tiny.write_text(text.replace('"More digits"', '"Digits"'))
    with pytest.raises(UsageError, match="two columns 'Digits' both use digits with vae"):
        plan()


def test_what_may_not_fit_is_of_its_own_column(tiny: Path, plan: MakePlan) -> None:
    longer = SECOND.replace("steps = 6", "steps = 7") + 'may_not_fit = ["gaussian"]\n'
    tiny.write_text(tiny.read_text().replace("[[rows]]", longer + "[[rows]]", 1))
    found = plan()
    (large,) = (run for run in found.runs if found.expects(run, Status.TOO_LARGE))
    assert (large.likelihood, large.training.steps) == ("gaussian", 7)


@pytest.mark.parametrize("budget", ["smoke", "quick", "paper"])
def test_the_stability_suite_has_a_column_for_each_learning_rate(budget: str) -> None:
    stability = suite.load("stability")
    last = [column.model_copy(update={"data": ["digits"]}) for column in stability.columns]
    found = make(stability.model_copy(update={"columns": last}), Choices(budget, seeds=2))
    rates = {run.column_key: run.training.learning_rate for run in found.runs}
    assert list(rates.values()) == [1e-3, 3e-3, 1e-2]
    assert len(found.runs) == 3 * 4 * 2
    for run in found.runs:
        assert found.expects(run, Status.DIVERGED) is (run.likelihood == "per_pixel_sigma")
    bounds = [(row.options or {}).get("bounds") for row in found.rows]
    assert bounds == ["none", None, None, None]


def test_an_option_may_be_a_list(tiny: Path, plan: MakePlan) -> None:
    row = '[[rows]]\nlikelihood = "per_pixel_sigma"\noptions = { bounds = [-4, 1] }\n'
    tiny.write_text(tiny.read_text().replace("[[rows]]", row + "[[rows]]", 1))
    found = plan()
    (run,) = (run for run in found.runs if run.likelihood == "per_pixel_sigma")
    assert run.likelihood_options == {"bounds": [-4, 1]}
    assert RunSpec.model_validate_json(run.model_dump_json()).run_id == run.run_id
    assert [run.belongs_to(row) for row in found.rows] == [True, False, False, False]


def test_what_may_not_fit_is_a_result(tiny: Path, plan: MakePlan) -> None:
    text = tiny.read_text().replace("[[rows]]", 'may_not_fit = ["gaussian"]\n[[rows]]', 1)
    tiny.write_text(text)
    found = plan()
    assert {run.likelihood for run in found.runs if found.expects(run, Status.TOO_LARGE)} == {
        "gaussian"
    }
    assert not any(found.expects(run, Status.FAILED) for run in found.runs)
    tiny.write_text(text.replace('["gaussian"]', '["cauchy"]'))
    with pytest.raises(LikelihoodError, match="'cauchy'"):
        plan()


@pytest.mark.parametrize("budget", ["smoke", "quick", "paper"])
def test_the_paper_suite_runs_on_stand_ins_alone(
    budget: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No network and no package registry: every column has data, two of them the same."""
    paper = suite.load("paper")
    last = [column.model_copy(update={"data": column.data[-1:]}) for column in paper.columns]
    plan = make(paper.model_copy(update={"columns": last}), Choices(budget))
    assert [column.data_set for column in plan.columns] == [
        "patches",
        "patches",
        "patches",
        "moving_digits",
    ]
    assert all(column.stands_for and not column.not_run for column in plan.columns)
    pairs = {(run.data_set, run.model) for run in plan.runs}
    seeds = {run.seed for run in plan.runs}
    assert len(pairs) == 3
    assert len(plan.runs) == 15 * len(pairs) * len(seeds)


def test_video_is_refused_by_a_model_of_images(tiny: Path, plan: MakePlan) -> None:
    video = ColumnData("clips", "0", "clips", (3, 1, 8, 8), 2000)
    loaded = suite.load(str(tiny))
    column, row = loaded.columns[0], loaded.rows[0]
    protocol = column.under("tiny", loaded.budget("tiny"))
    with pytest.raises(UsageError, match="model 'vae' takes images, and data set 'clips' is video"):
        check_column(column, video, row, protocol)


def test_rows_of_one_likelihood_are_told_apart_by_options(tiny: Path, plan: MakePlan) -> None:
    tiny.write_text(
        tiny.read_text().replace(
            'label = "Optimal"',
            'label = "A"\n[[rows]]\nlikelihood = "optimal_sigma"\nlabel = "B"\n'
            "options = { decay = 0.9 }\nmay_diverge = true",
        )
    )
    found = plan()
    of = [run for run in found.runs if run.likelihood == "optimal_sigma"]
    assert [[row.label for row in found.rows if run.belongs_to(row)] for run in of] == [
        ["A"],
        ["B"],
    ]
    assert [found.expects(run, Status.DIVERGED) for run in of] == [False, True]


def test_a_batch_larger_than_the_training_part_is_refused(tiny: Path, plan: MakePlan) -> None:
    tiny.write_text(tiny.read_text().replace("batch_size = 16, steps", "batch_size = 5000, steps"))
    with pytest.raises(UsageError, match="batch_size 5000 is more than the 1297 training items"):
        plan()

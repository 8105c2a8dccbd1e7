"""When a search is settled, and by what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import suite
from bench.evaluation import Outcome, Result
from bench.execution.run import Terms
from bench.execution.tuning import at_most, settle
from bench.store import Store
from bench.suite import SELECTOR, Choices, Plan, RunSpec, make
from reports import Status

GRID = "tuning = { rates = [3e-4, 3e-3] }\n\n[[rows]]"
RETRY = Terms(retry_failed=True)
SOUND = {"kl_nats": 5.0, "mse": 0.1, "mean_image_mse": 1.0}


@pytest.fixture
def plan(tiny: Path) -> Plan:
    tiny.write_text(tiny.read_text().replace("[[rows]]", GRID, 1))
    return make(suite.load(str(tiny)), Choices("tiny", likelihoods=["gaussian"]))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "results")


def trials(plan: Plan) -> dict[float, RunSpec]:
    return {run.training.learning_rate: run for run in plan.runs if run.is_trial}


def end(
    plan: Plan, store: Store, run: RunSpec, *, status: Status = Status.FINISHED, **columns: Any
) -> None:
    store.begin(run, {})
    store.write_record(run.run_id, {"status": status})
    for measurement in plan.of(run):
        result = Result(Outcome.MEASURED, 0.0, SOUND | columns)
        store.write_measurement(run.run_id, measurement, result, {})


def scored(bits: float) -> dict[str, Any]:
    return {SELECTOR: bits}


def chosen(plan: Plan) -> set[float]:
    return {run.training.learning_rate for run in plan.by_column[plan.columns[1].key]}


def test_nothing_is_chosen_before_all_trials_are_done(plan: Plan, store: Store) -> None:
    for rate, run in trials(plan).items():
        settle(plan, store)
        assert (len(plan.open), chosen(plan)) == (1, set())
        assert [task.spec.training.learning_rate for task in at_most(plan, store)] == [3e-4]
        end(plan, store, run, **scored(1 / rate))
    settle(plan, store)
    assert (plan.open, chosen(plan), at_most(plan, store)) == ([], {3e-3}, [])


def test_test_images_have_no_say(plan: Plan, store: Store) -> None:
    for rate, run in trials(plan).items():
        end(plan, store, run, **scored(1000 * rate), bits_per_dim=1 / rate, nll_nats=1 / rate)
    settle(plan, store)
    assert chosen(plan) == {3e-4}


@pytest.mark.parametrize(
    "lost",
    [
        {"status": Status.DIVERGED},
        {SELECTOR: float("nan")},
        {"kl_nats": 0.001},
        {"mse": 0.99},
    ],
)
def test_a_lost_trial_loses(plan: Plan, store: Store, lost: dict[str, Any]) -> None:
    for rate, run in trials(plan).items():
        end(plan, store, run, **scored(1 / rate) | (lost if rate == 3e-3 else {}))
    settle(plan, store)
    assert chosen(plan) == {1e-3}


def test_a_failed_trial_is_no_candidate_and_is_tried_again_when_that_is_asked(
    plan: Plan, store: Store
) -> None:
    for rate, run in trials(plan).items():
        status = Status.FAILED if rate == 3e-3 else Status.FINISHED
        end(plan, store, run, status=status, **scored(1 / rate))
    settle(plan, store, terms=RETRY)
    assert plan.open
    settle(plan, store, tried={trials(plan)[3e-3].run_id}, terms=RETRY)
    assert (plan.open, chosen(plan)) == ([], {1e-3})


def test_a_failed_trial_is_a_result(plan: Plan, store: Store) -> None:
    for rate, run in trials(plan).items():
        status = Status.FAILED if rate == 3e-3 else Status.FINISHED
        end(plan, store, run, status=status, **scored(1 / rate))
    settle(plan, store)
    assert (plan.open, chosen(plan)) == ([], {1e-3})

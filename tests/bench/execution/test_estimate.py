"""Expected times, with every timed piece of work taken to last one second."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.data import Data
from bench.evaluation.base import ENOUGH, timed_by_item
from bench.execution import estimate as module
from bench.execution.estimate import Estimate, estimate, kind
from bench.execution.executors.inline import Inline
from bench.execution.run import Task
from tests.bench.conftest import MakeSpec, measured_of

ITEMS = 8
"""Items that are timed."""


@pytest.fixture
def seconds(data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("bench.evaluation.base.timed", lambda work, device: 1.0)
    monkeypatch.setattr(module, "timed", lambda work, device: 1.0)
    monkeypatch.setattr(module, "on_device", lambda name, device: data)

    def of(train: bool = True, **changes: Any) -> Any:
        task = Task(make_spec(), measured_of(**changes), train)
        return estimate(task, torch.device("cpu"))

    return of


def test_each_importance_sample_costs_a_scored_image(seconds: Any) -> None:
    few, more = (seconds(importance_samples=k, importance_images=20).evaluate for k in (1, 11))
    assert more - few == pytest.approx(10 * 20 / ITEMS)
    # There are 48 test images, however many are wanted.
    some, all_of_them = (
        seconds(importance_samples=2, importance_images=n).evaluate for n in (20, 500)
    )
    assert all_of_them - some == pytest.approx(2 * (48 - 20) / ITEMS)


def test_training_costs_its_steps_the_points_of_the_curve_and_calibration(seconds: Any) -> None:
    whole, points, items = seconds(), 5, 64
    assert whole.train == pytest.approx(12 + (2 * points * 16 + items) / ITEMS)
    assert whole.total == whole.train + whole.evaluate


def test_what_is_only_measured_trains_nothing(seconds: Any) -> None:
    whole, measured = seconds(), seconds(train=False)
    assert measured.train == 0
    assert measured.total == measured.evaluate == pytest.approx(whole.evaluate)


def test_tasks_of_one_kind_differ_in_seed_rate_and_values_of_options_alone(
    make_spec: MakeSpec,
) -> None:
    task = Task(make_spec("beta_vae", likelihood_options={"beta": 1.0}), measured_of(), train=True)
    same = make_spec("beta_vae", likelihood_options={"beta": 2.0}).at(0.5, seed=1)
    assert kind(Task(same, measured_of(), train=True)) == kind(task)
    for other in (
        Task(task.spec, measured_of(), train=False),
        Task(task.spec, measured_of()[1:], train=True),
        Task(make_spec("gaussian"), measured_of(), train=True),
    ):
        assert kind(other) != kind(task)


def test_from_few_times_the_ends_and_puts_the_others_between(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[str] = []

    def known(tasks: list[Task], *_: object, roughly: bool) -> dict[str, Estimate]:
        assert roughly
        timed.extend(task.spec.likelihood for task in tasks)
        seconds = {"gaussian": Estimate(1.0, 2.0), "categorical": Estimate(256.0, 2.0)}
        return {task.spec.run_id: seconds[task.spec.likelihood] for task in tasks}

    monkeypatch.setattr(module, "estimates", known)
    names = ("per_pixel_sigma", "categorical", "gaussian", "logistic_mixture")
    specs = {name: make_spec(name) for name in names}
    tasks = [Task(spec, measured_of(), train=True) for spec in specs.values()]
    found = module.from_few(tasks, torch.device("cpu"), Inline(1, list))
    assert sorted(timed) == ["categorical", "gaussian"]
    assert found[specs["per_pixel_sigma"].run_id] == Estimate(2.0, 2.0)
    assert found[specs["logistic_mixture"].run_id] == Estimate(30.0, 2.0)


def test_what_only_a_first_call_does_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold process imports an optimiser in its first step: 8 s each would have been expected."""
    now, calls = [0.0], list[int]()

    def work(items: int) -> None:
        now[0] += items * 0.05 + (0.0 if calls else 100 * ENOUGH)
        calls.append(items)

    monkeypatch.setattr("bench.evaluation.base.clock", lambda device: now[0])
    cpu = torch.device("cpu")
    assert timed_by_item(work, 16, cpu, fewest=2) == pytest.approx(0.05)
    assert calls == [2, 2, 8]

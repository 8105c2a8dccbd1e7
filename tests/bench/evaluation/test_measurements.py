"""What every measurement is: parameters, a key of its own, and the outcomes that it can have."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch

import bench.evaluation as package
from bench import models
from bench.data import Data
from bench.evaluation import (
    MEASUREMENTS,
    SET_BY_PLAN,
    Evaluation,
    Measured,
    Measurement,
    Outcome,
    Trained,
    restored,
    take,
)
from bench.evaluation.base import Trial
from bench.execution.run import build
from bench.settings import Count
from reports import Metric
from tests.bench.conftest import EVALUATION, MODELS, DataFor, MakeSpec, measured_of, measurement

SHARED = ("batch_size", "test_images")
"""Parameters that every measurement has."""


class Plain(Measurement):
    """Defined here and nowhere registered."""

    name: ClassVar[str] = "plain"
    plain_images: int = 3

    def measure(self, trained: Trained) -> Measured:
        return Measured({"plain": 1.0})

    def seconds(self, trial: Trial) -> float:
        return 0.0

    def describe(self, items: str) -> str:
        return ""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return ()


def changed(value: Any) -> Any:
    if isinstance(value, tuple):
        return ("inception",)
    return f"{value}x" if isinstance(value, str) else value + 1


@pytest.mark.parametrize("name", [*Evaluation.model_fields, *SET_BY_PLAN])
def test_a_parameter_changes_the_keys_of_its_own_measurement_alone(name: str) -> None:
    owners = {cls.name for cls in MEASUREMENTS if name in cls.model_fields}
    assert (name in SHARED) or len(owners) == 1
    before = measured_of("svg")
    for former in before:
        if name not in type(former).model_fields:
            continue
        after = former.model_copy(update={name: changed(getattr(former, name))})
        assert after.key != former.key
    if name in SET_BY_PLAN:
        return
    after_all = measured_of("svg", **{name: changed(getattr(EVALUATION, name))})
    pairs = zip(before, after_all, strict=True)
    assert {old.name for old, new in pairs if old.key != new.key} == owners


def test_one_more_extractor_leaves_the_keys_of_the_others() -> None:
    few, more = measured_of(), measured_of(features=("thumbnail", "inception"))
    assert [each for each in more if each not in few] == [
        measurement("quality_inception", features=("thumbnail", "inception"))
    ]
    assert {each.key for each in few} < {each.key for each in more}


def test_keys_are_told_apart_and_those_of_the_label() -> None:
    keys = [each.key for each in measured_of("svg", features=("thumbnail", "inception"))]
    assert len(set(keys)) == len(keys)
    for each in measured_of("svg"):
        label, _, digest = each.key.rpartition("-")
        assert label == each.label
        assert len(digest) == 10


def test_keys_stay_the_same_between_versions() -> None:
    """Stored results are found under these; a new parameter is a new key, and so is a version."""
    assert Plain().key == "plain-3dcb5cd243"


def test_another_version_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in MEASUREMENTS:
        before = {each.key for each in measured_of("svg")}
        with monkeypatch.context() as patched:
            patched.setattr(cls, "version", cls.version + 1)
            gone = before - {each.key for each in measured_of("svg")}
        assert gone
        assert all(key.startswith(cls.name) for key in gone)


def test_the_elbo_comes_first_and_every_name_once() -> None:
    names = [cls.name for cls in MEASUREMENTS]
    assert names[0] == "elbo"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_stored_is_read_back(model: str) -> None:
    for each in measured_of(model):
        assert restored(each.content()) == each
        assert restored(each.content() | {"version": each.version + 1}) is None
        assert restored(each.content() | {"name": "nothing of this name"}) is None


def test_video_is_measured_by_models_of_video_alone() -> None:
    for model in MODELS:
        labels = {each.label for each in measured_of(model)}
        assert ("similarity" in labels) is models.get(model).video


def test_one_name_has_one_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite sets the parameters of all measurements side by side."""

    class Other(Plain):
        name: ClassVar[str] = "other"
        plain_images: int = 4

    class Narrow(Plain):
        name: ClassVar[str] = "narrow"
        batch_size: Count = 64

    monkeypatch.setattr(package, "MEASUREMENTS", (*MEASUREMENTS, Plain))
    assert "plain_images" in package._parameters()
    for cls, name in ((Other, "plain_images"), (Narrow, "batch_size")):
        monkeypatch.setattr(package, "MEASUREMENTS", (*MEASUREMENTS, Plain, cls))
        with pytest.raises(TypeError, match=f"two measurements disagree on the parameter '{name}'"):
            package._parameters()


def test_what_only_the_plan_sets_is_no_key_of_a_suite() -> None:
    assert not set(SET_BY_PLAN) & Evaluation.model_fields.keys()


def test_an_error_is_not_taken_for_a_result(data: Data, make_spec: MakeSpec) -> None:
    """Whoever calls `take` keeps the reason; only what is expected is an outcome."""

    class Broken(Plain):
        def measure(self, trained: Trained) -> Measured:
            raise RuntimeError("out of luck")

    trained = Trained(build(make_spec(), data), data, seed=0)
    with pytest.raises(RuntimeError, match="out of luck"):
        take(Broken(), trained)
    result = take(Plain(), trained)
    assert (result.outcome, result.columns) == (Outcome.MEASURED, {"plain": 1.0})
    assert not trained.model.training


@pytest.mark.parametrize("model", MODELS)
def test_each_takes_time_and_says_what_it_is(
    model: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = data_for(model)
    trial = Trial(Trained(build(make_spec(model=model), data).eval(), data, seed=0))
    with torch.no_grad():
        for each in measured_of(model):
            assert each.seconds(trial) >= 0
            assert "\n" not in each.describe("images")
            assert each.to_fetch == ""


def test_a_piece_of_work_is_timed_once(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial(Trained(build(make_spec(), data), data, seed=0), items=4)
    calls = list[int]()

    def work(few: torch.Tensor) -> None:
        calls.append(len(few))

    assert trial.seconds("work", work) == trial.seconds("work", work) >= 0
    # Each twice, to warm up and by the clock; all, since one is too quick for a clock.
    assert calls == [1, 1, 4, 4]

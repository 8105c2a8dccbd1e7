"""What a training step needs is told from a few items, and refused where it is too much."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.data import Data, to_float
from bench.execution import memory
from bench.execution.memory import TooLargeError, available, check_memory, step_bytes
from bench.execution.run import Task, build, execute
from bench.store import Store
from tests.bench.conftest import MODELS, DataFor, MakeSpec, measured_of


@pytest.mark.parametrize("model_name", MODELS)
@pytest.mark.parametrize("name", ["categorical", "optimal_sigma", "logistic_mixture"])
def test_need_grows_in_proportion(
    name: str, model_name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    """So a few items tell of many: eight measured are eight reckoned from two and four."""
    data = data_for(model_name)
    model = build(make_spec(name, model=model_name), data)
    x = to_float(data.train[:8])
    weights = sum(parameter.nbytes for parameter in model.parameters())
    assert step_bytes(model, data, 8) == pytest.approx(
        4 * weights + memory._kept(model, x), rel=0.1
    )


def test_logits_are_counted(data: Data, make_spec: MakeSpec) -> None:
    """Kept log softmax and the gradient of the logits: twice 256 float32 for each value."""
    few, many = (
        step_bytes(build(make_spec("categorical"), data), data, batch) for batch in (2, 1002)
    )
    logits = 1000 * 64 * 256 * 4
    assert 2 * logits < many - few < 2.2 * logits


def test_measuring_leaves_the_model_alone(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec("optimal_sigma")
    model, fresh = build(spec, data), build(spec, data)
    assert check_memory(model, data, spec.training) == step_bytes(fresh, data, 16)
    fresh = build(spec, data)
    for key, value in fresh.state_dict().items():
        assert torch.equal(value, model.state_dict()[key])


def test_too_large_a_run_is_not_tried(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "available", lambda device: 1_000_000)
    monkeypatch.setattr("bench.execution.run.on_device", lambda name, device: data)
    spec, store = make_spec("categorical"), Store.open(tmp_path)
    with pytest.raises(TooLargeError, match="16 items needs at least"):
        check_memory(build(spec, data), data, spec.training)
    report = execute(Task(spec, measured_of(), train=True), store, torch.device("cpu"))
    assert report.status == "too large"
    assert "16 items needs at least" in report.error
    record = store.record(spec.run_id) or {}
    assert (record["status"], record["error"]) == ("too large", report.error)
    assert not store.is_trained(spec.run_id)  # another machine may do it
    check_memory(build(make_spec("gaussian"), data), data, spec.training)


def test_there_is_some_memory() -> None:
    assert available(torch.device("cpu")) > 100e6

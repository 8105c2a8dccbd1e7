"""One run from start to end, and what a trained run costs that is measured later."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import datasets
import likelihoods
from bench import CHECKOUT, interrupts, models
from bench.data import Data, on_device
from bench.errors import DiskError
from bench.evaluation import MEASUREMENTS, Measurement, take
from bench.evaluation.information import Information
from bench.execution.estimate import Estimate
from bench.execution.executors import create
from bench.execution.run import DEFAULT, Report, Task, Terms, execute
from bench.execution.schedule import as_expected, carry_out, pending
from bench.store import Store
from bench.suite import Plan, RunSpec
from bench.training import Trainer
from reports import Row
from tests.bench.conftest import MODELS, DataFor, MakeSpec, measured_of

CPU = torch.device("cpu")
RETRY = Terms(retry_failed=True)
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc/self/fd")


@pytest.fixture(autouse=True)
def known_data(monkeypatch: pytest.MonkeyPatch, data: Data) -> None:
    """The data set `random` of runs made by hand."""
    for place in ("bench.execution.run", "bench.execution.schedule"):
        monkeypatch.setattr(
            f"{place}.on_device",
            lambda name, device: data if name == "random" else on_device(name, device),
        )


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """An executor sets their number."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "results")


@pytest.fixture
def spec(make_spec: MakeSpec) -> RunSpec:
    return make_spec("shared_sigma", likelihood_source=likelihoods.fingerprint("shared_sigma"))


def plan_of(spec: RunSpec, measurements: tuple[Measurement, ...], **row: Any) -> Plan:
    """A plan of one run."""
    return Plan(
        suite="one",
        title="One",
        budget="tiny",
        budget_description="for tests",
        columns=[],
        rows=[Row(spec.likelihood, spec.likelihood, **row)],
        by_column={spec.column_key: [spec]},
        measurements={spec.column_key: measurements},
    )


def train_and_measure(
    spec: RunSpec, store: Store, measurements: tuple[Measurement, ...] | None = None
) -> Report:
    chosen = measured_of(spec.model) if measurements is None else measurements
    return execute(Task(spec, chosen, train=True), store, CPU)


def do(plan: Plan, store: Store, terms: Terms = DEFAULT) -> bool:
    """Carry out a plan in this process."""
    todo = pending(plan, store, terms=terms)
    expected = {task.spec.run_id: Estimate(1.0, 1.0) for task in todo}
    with store.leases() as leases, create(1) as executor:
        carry_out(todo, store, CPU, executor, expected, leases=leases)
    return as_expected(plan, store)


def folder(store: Store, spec: RunSpec) -> Path:
    return store.root / "runs" / spec.run_id


def states(store: Store, spec: RunSpec) -> dict[str, tuple[int, bytes]]:
    """Modification time and content of every file of a run."""
    return {
        str(path.relative_to(folder(store, spec))): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder(store, spec).rglob("*.*"))
    }


def results(store: Store, spec: RunSpec) -> dict[str, dict[str, Any]]:
    """What is stored of every measurement, without the times."""
    found = {}
    for path in (folder(store, spec) / "measurements").glob("*.json"):
        content = json.loads(path.read_text())
        del content["seconds"], content["environment"]
        values = path.with_suffix(".npz")
        of_each_image = values.read_bytes() if values.exists() else None
        found[path.stem] = {**content, "of each image": of_each_image}
    return found


def pictures(store: Store, spec: RunSpec) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder(store, spec).glob("*.png")}


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def keys(measurements: tuple[Measurement, ...]) -> list[str]:
    return [measurement.key for measurement in measurements]


def test_data_that_changed_since_the_plan_fail_the_run(
    data: Data, spec: RunSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.execution.run.on_device", lambda *_: data._replace(checksum="1"))
    report = train_and_measure(spec, store)
    assert report.status == "failed"
    assert report.error.endswith(
        "random has changed since the run was planned (checksum 1, planned 0): run it again"
    )
    record = store.record(spec.run_id)
    assert record is not None
    assert (record["status"], record["error"]) == ("failed", report.error)
    (task,) = pending(plan_of(spec, ()), store)
    assert task.train, "it is no fault of the run"
    assert store.spec(spec.run_id) == spec, "a report can say which run it was"


def test_loaded_data_know_their_checksum() -> None:
    found = on_device("digits", CPU)
    assert found.checksum == datasets.load("digits").checksum


def test_a_run_that_fails_keeps_its_traceback_until_it_is_trained(
    spec: RunSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "run", failing(RuntimeError("out of luck\nand more")))
        report = train_and_measure(spec, store)
    assert (report.status, report.error) == ("failed", "RuntimeError: out of luck")
    record = store.record(spec.run_id)
    assert record is not None
    assert record["failure"]["traceback"][0].startswith("Traceback")
    assert record["failure"]["traceback"][-2:] == ["RuntimeError: out of luck", "and more"]
    plan = plan_of(spec, measured_of())
    assert pending(plan, store) == [], "it is a result"
    (task,) = pending(plan, store, terms=Terms(retry_failed=True))
    assert keys(task.measurements) == keys(measured_of())
    assert train_and_measure(spec, store).status == "finished"
    assert "failure" not in (store.record(spec.run_id) or {})
    assert not (folder(store, spec) / "checkpoint.pt").exists()
    assert pending(plan_of(spec, measured_of()), store) == []


@pytest.mark.parametrize("model", MODELS)
def test_measured_later_is_measured_at_once(
    model: str,
    data_for: DataFor,
    make_spec: MakeSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bit for bit, each measurement alone, in any order; the weights are read and left alone."""
    monkeypatch.setattr("bench.execution.run.on_device", lambda *_: data_for(model))
    spec, measurements = make_spec("shared_sigma", model=model), measured_of(model)
    at_once, later = Store.open(tmp_path / "at once"), Store.open(tmp_path / "later")
    train_and_measure(spec, at_once)
    train_and_measure(spec, later, ())
    before = states(later, spec)
    assert before["weights.pt"][1]
    monkeypatch.setattr(Trainer, "run", failing(AssertionError("trained again")))
    for measurement in reversed(measurements):
        report = execute(Task(spec, (measurement,), train=False), later, CPU)
        assert (report.status, report.problems) == ("finished", ())
    assert results(later, spec) == results(at_once, spec)
    assert list(results(later, spec)) != []
    assert set(results(later, spec)) == set(keys(measurements))
    assert pictures(later, spec) == pictures(at_once, spec)
    assert pictures(later, spec).keys() == {"samples.png", "reconstructions.png"}
    after = states(later, spec)
    assert {name: after[name] for name in before} == before


def test_only_what_is_missing_is_measured(
    spec: RunSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert do(plan_of(spec, measured_of()), store)
    before = states(store, spec)
    more = plan_of(spec, measured_of(importance_samples=5))
    (task,) = pending(more, store)
    assert (task.train, keys(task.measurements)) == (
        False,
        [each.key for each in more.of(spec) if each.label == "iwae"],
    )
    monkeypatch.setattr(Trainer, "run", failing(AssertionError("trained again")))
    assert do(more, store)
    after = states(store, spec)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {f"measurements/{task.measurements[0].key}.json"}
    result = store.measurement(spec.run_id, task.measurements[0].key)
    assert result is not None
    assert result["columns"]["importance_samples"] == 5
    assert pending(more, store) == []
    assert pending(plan_of(spec, measured_of()), store) == [], "the former results are kept"


def test_one_that_raises_takes_no_other_with_it(
    spec: RunSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(spec, measured_of())
    with monkeypatch.context() as patched:
        patched.setattr(Information, "measure", failing(RuntimeError("out of luck\nand more")))
        report = train_and_measure(spec, store)
        assert (report.status, report.error) == ("finished", "")
        assert report.problems == ("information: RuntimeError: out of luck",)
        assert report.columns["bits_per_dim"] > 0
        assert not do(plan, store, RETRY), "tried again, and failed again: not as expected"
    record = store.record(spec.run_id)
    assert record is not None
    assert record["status"] == "finished"
    stored = {each.label: store.measurement(spec.run_id, each.key) for each in measured_of()}
    failed = stored.pop("information")
    assert failed is not None
    assert (failed["outcome"], failed["reason"], failed["columns"]) == (
        "failed",
        "RuntimeError: out of luck",
        {},
    )
    assert {label: result["outcome"] for label, result in stored.items() if result} == {
        label: "not applicable" if label == "probe" else "measured" for label in stored
    }
    assert failed["traceback"][-2:] == ["RuntimeError: out of luck", "and more"]
    before = states(store, spec)
    assert pending(plan, store) == [], "a failure is a result"
    (task,) = pending(plan, store, terms=RETRY)
    assert (task.train, [each.label for each in task.measurements]) == (False, ["information"])
    assert do(plan, store, RETRY)
    after = states(store, spec)
    assert after["weights.pt"] == before["weights.pt"]
    assert {name for name in before if after.get(name) != before[name]} == {
        f"measurements/{task.measurements[0].key}.json"
    }
    assert pending(plan, store) == []


@pytest.mark.parametrize("may_diverge", [False, True])
def test_what_is_not_finite_is_a_result_of_its_own(
    may_diverge: bool, data: Data, spec: RunSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a prior that generates what no test image leads to."""
    plan = plan_of(spec, measured_of(), may_diverge=may_diverge)
    prior: Any = models.get("vae").prior_outputs

    def broken(*arguments: Any, **options: Any) -> Any:
        return prior(*arguments, **options) * math.nan

    monkeypatch.setattr(models.get("vae"), "prior_outputs", broken)
    assert do(plan, store) is may_diverge
    stored = {each.label: store.measurement(spec.run_id, each.key) for each in measured_of()}
    outcomes = {label: result["outcome"] for label, result in stored.items() if result}
    assert {label for label in outcomes if outcomes[label] == "not finite"} == {
        "pictures",
        "quality_thumbnail",
    }
    reasons = {label: result["reason"] for label, result in stored.items() if result}
    assert reasons["pictures"] == "a generated image is not finite"
    assert reasons["quality_thumbnail"] == "a sampled image is not a number"
    elbo = stored["elbo"]
    assert elbo is not None
    assert elbo["outcome"] == "measured"
    assert elbo["columns"]["bits_per_dim"] > 0
    record = store.record(spec.run_id)
    assert record is not None
    assert record["status"] == "finished"
    assert pending(plan, store) == [], "it would not be finite the next time"


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
import torch
from bench.evaluation.iwae import Iwae
from bench.execution.run import execute
from bench.store import Store

Iwae.measure = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
torch.set_num_threads(1)
task = pickle.loads(Path(sys.argv[1]).read_bytes())
execute(task, Store(Path(sys.argv[2])), torch.device("cpu"))
"""


def test_killed_between_two_measurements_loses_the_one_under_way(
    make_spec: MakeSpec, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec(data_set="digits", data_checksum=datasets.load("digits").checksum)
    measurements = measured_of()
    path = tmp_path / "task"
    path.write_bytes(pickle.dumps(Task(spec, measurements, train=True)))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(store.root)], cwd=CHECKOUT, check=False
    )
    assert done.returncode == -signal.SIGKILL
    before = states(store, spec)
    assert store.is_trained(spec.run_id)
    (task,) = pending(plan_of(spec, measurements), store)
    number = [each.label for each in measurements].index("iwae")
    assert number >= 2
    assert not task.train
    assert task.measurements == measurements[number:]
    tried = []

    def counted(measurement: Measurement, trained: Any) -> Any:
        tried.append(measurement)
        return take(measurement, trained)

    monkeypatch.setattr("bench.execution.run.take", counted)
    monkeypatch.setattr(Trainer, "run", failing(AssertionError("trained again")))
    report = execute(task, store, CPU)
    assert (report.status, report.problems) == ("finished", ())
    assert tuple(tried) == measurements[number:]
    after = states(store, spec)
    assert {name: after[name] for name in before} == before
    assert pending(plan_of(spec, measurements), store) == []


@pytest.mark.parametrize("damage", ["missing", "half"])
def test_without_its_weights_a_run_is_trained_again(
    damage: str,
    spec: RunSpec,
    make_spec: MakeSpec,
    store: Store,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It misses a measurement, and so needs them."""
    train_and_measure(spec, store)
    path = folder(store, spec) / "weights.pt"
    weights, expected = path.read_bytes(), results(store, spec)
    history = (folder(store, spec) / "history.csv").read_text()
    elbo = measured_of()[0]
    (folder(store, spec) / "measurements" / f"{elbo.key}.json").unlink()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(weights[: len(weights) // 2])
    (task,) = pending(plan_of(spec, measured_of()), store)
    assert (task.train, task.measurements) == (False, (elbo,))
    report = execute(task, store, CPU)
    assert (report.status, report.problems) == ("finished", ())
    again = torch.load(path, weights_only=True)
    before = torch.load(io.BytesIO(weights), weights_only=True)
    assert again.keys() == before.keys()
    assert all(torch.equal(again[name], before[name]) for name in before)
    assert results(store, spec) == expected
    columns = [column for column in pd.read_csv(io.StringIO(history)) if column != "seconds"]
    kept = store.history(spec.run_id)
    assert kept is not None
    assert kept[columns].equals(pd.read_csv(io.StringIO(history))[columns])
    if damage == "half":
        assert path.with_name("weights.pt.damaged").is_file()
        assert "weights.pt is damaged: it is kept as weights.pt.damaged" in capsys.readouterr().err


@pytest.fixture(scope="module")
def measured_video(
    tmp_path_factory: pytest.TempPathFactory, data_for: DataFor, make_spec: MakeSpec
) -> Path:
    """A results folder with one run of a model of video, which has every measurement."""
    root = tmp_path_factory.mktemp("video") / "results"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bench.execution.run.on_device", lambda *_: data_for("svg"))
        train_and_measure(make_spec("shared_sigma", model="svg"), Store.open(root))
    return root


@pytest.mark.parametrize("cls", MEASUREMENTS)
def test_another_version_of_one_measurement_is_made_anew_and_no_other(
    cls: type[Measurement],
    data_for: DataFor,
    make_spec: MakeSpec,
    measured_video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.execution.run.on_device", lambda *_: data_for("svg"))
    spec, measurements = make_spec("shared_sigma", model="svg"), measured_of("svg")
    shutil.copytree(measured_video, tmp_path / "copy")
    store = Store.open(tmp_path / "copy")
    before = states(store, spec)
    assert pending(plan_of(spec, measurements), store) == []
    monkeypatch.setattr(cls, "version", cls.version + 1)
    (task,) = pending(plan_of(spec, measurements), store)
    assert not task.train
    assert {type(each) for each in task.measurements} == {cls}
    assert spec.run_id == make_spec("shared_sigma", model="svg").run_id
    assert execute(task, store, CPU).status == "finished"
    assert pending(plan_of(spec, measurements), store) == []
    after = states(store, spec)
    unchanged = {name for name in before if name.startswith("measurements") or "weights" in name}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has room for anything but files with these words in their name."""
    fsync = os.fsync

    def refuse(number: int) -> None:
        if what in os.readlink(f"/proc/self/fd/{number}"):
            raise FULL
        fsync(number)

    monkeypatch.setattr("bench.store.files.os.fsync", refuse)


@needs_proc
def test_a_full_disk_leaves_the_run_finished(
    spec: RunSpec, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(spec, measured_of())
    with monkeypatch.context() as patched:
        full("/.information", patched)
        with pytest.raises(DiskError, match=r"information.*No space left on device \(the disk at"):
            do(plan, store)
    record = store.record(spec.run_id)
    assert record is not None
    assert record["status"] == "finished"
    weights = states(store, spec)["weights.pt"]
    (task,) = pending(plan, store)
    assert not task.train
    labels = [each.label for each in task.measurements]
    assert "information" in labels
    assert not {"elbo", "calibration"} & set(labels)
    assert do(plan, store)
    assert states(store, spec)["weights.pt"] == weights


@needs_proc
def test_a_disk_that_fills_up_in_a_checkpoint_leaves_the_one_before(
    spec: RunSpec, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, others = plan_of(spec, measured_of()), Store.open(tmp_path / "others")
    assert do(plan, others)
    write, states_written = Store.write_state, []

    def filling(store: Store, run_id: str, kind: Any, state: Any) -> None:
        states_written.append(state["step"])
        if len(states_written) == 3:
            full("/.checkpoint", patched)
        write(store, run_id, kind, state)

    with monkeypatch.context() as patched:
        patched.setattr("bench.training.trainer.CHECKPOINT_SECONDS", 0.0)
        patched.setattr(Store, "write_state", filling)
        with pytest.raises(DiskError, match=r"checkpoint.pt.*No space left"):
            do(plan, store)
    assert states_written == [1, 2, 3]
    assert store.record(spec.run_id) is None, "it did not fail, it was stopped"
    kept = store.state(spec.run_id, "checkpoint", CPU)
    assert kept is not None
    assert kept["step"] == 2
    assert not list(store.root.rglob("*.partial"))
    assert do(plan, store)
    assert results(store, spec) == results(others, spec)


def test_a_run_that_takes_too_long_goes_on_when_it_may(
    spec: RunSpec, store: Store, tmp_path: Path
) -> None:
    plan, others = plan_of(spec, measured_of()), Store.open(tmp_path / "others")
    assert do(plan, others)
    short = Terms(max_seconds=1e-9)
    assert not do(plan, store, short)
    record = store.record(spec.run_id)
    assert record is not None
    assert record["status"] == "out of time"
    assert re.fullmatch(
        r"stopped after \d+ s of training, at step 1 of 12 \(--max-seconds-per-run 1e-09\)",
        record["error"],
    )
    assert store.is_begun(spec.run_id)
    assert pending(plan, store, terms=short) == []
    assert len(pending(plan, store, terms=Terms(max_seconds=2e-9))) == 1
    assert do(plan, store, Terms(max_seconds=1e9))
    assert results(store, spec) == results(others, spec)


def test_a_signal_in_training_leaves_a_checkpoint_to_go_on_from(
    spec: RunSpec, store: Store, tmp_path: Path
) -> None:
    plan, others = plan_of(spec, measured_of()), Store.open(tmp_path / "others")
    assert do(plan, others)
    (task,) = pending(plan, store)

    def tell(done: float) -> None:
        if done >= 0.25:
            os.kill(os.getpid(), signal.SIGTERM)

    with interrupts.listening(), pytest.raises(KeyboardInterrupt):
        execute(task, store, CPU, tell)
    assert store.record(spec.run_id) is None
    kept = store.state(spec.run_id, "checkpoint", CPU)
    assert kept is not None
    assert kept["step"] == 3
    assert do(plan, store)
    assert results(store, spec) == results(others, spec)


def test_every_run_and_measurement_says_where_it_comes_from(spec: RunSpec, store: Store) -> None:
    assert do(plan_of(spec, measured_of()), store, Terms(command="python -m bench run"))
    measured = store.measurement(spec.run_id, measured_of()[0].key)
    assert measured is not None
    for found in (store.environment(spec.run_id), measured["environment"]):
        assert found["command"] == "python -m bench run"
        assert found["began"] <= found["ended"]
        assert found["peak_memory_megabytes"] > 10
        assert {"processor", "cores", "torch", "commit", "memory_gigabytes"} <= set(found)


def test_a_run_that_diverged_has_nothing_to_measure(make_spec: MakeSpec, store: Store) -> None:
    training = make_spec().training.model_copy(update={"learning_rate": 1e30})
    source = likelihoods.fingerprint("gaussian")
    spec = make_spec("gaussian", training=training, likelihood_source=source)
    plan = plan_of(spec, measured_of())
    assert not do(plan, store)
    record = store.record(spec.run_id)
    assert record is not None
    assert record["status"] == "diverged"
    assert 1 <= record["diverged_step"] <= 12
    assert not (folder(store, spec) / "weights.pt").exists()
    assert not (folder(store, spec) / "checkpoint.pt").exists()
    assert pending(plan, store) == []
    assert do(plan_of(spec, measured_of(), may_diverge=True), store)

"""Runs of several folders in one: what wins, what is added, what contradicts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import UsageError
from bench.evaluation import Outcome, Result
from bench.store import Store
from bench.store.union import check, gather
from bench.suite import RunSpec
from reports import Status
from tests.bench.conftest import MakeSpec, measurement

CPU = torch.device("cpu")


@pytest.fixture
def spec(make_spec: MakeSpec) -> RunSpec:
    return make_spec()


def put(store: Store, spec: RunSpec, status: str | None, weight: float = 1.0, **more: Any) -> None:
    """A run that is so far; None: it has a checkpoint."""
    store.begin(spec, {"python": status})
    if status in (None, Status.FAILED):
        store.write_state(spec.run_id, "checkpoint", {"step": weight})
    if status == Status.FINISHED:
        store.write_state(spec.run_id, "weights", {"weight": torch.tensor([weight])})
    if status is not None:
        store.write_record(spec.run_id, {"status": status, **more})


def measure(
    store: Store, spec: RunSpec, label: str, value: float, outcome: Outcome = Outcome.MEASURED
) -> None:
    each = {"value": torch.full((3,), value).numpy()}
    result = Result(outcome, value, {"value": value}, per_image=each)
    store.write_measurement(spec.run_id, measurement(label), result, {})


def tree(store: Store) -> dict[str, bytes]:
    """All files but the format, by their path."""
    paths = (path for path in store.root.rglob("*") if path.is_file())
    return {str(path.relative_to(store.root)): path.read_bytes() for path in paths}


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    return [Store.open(tmp_path / name) for name in "abc"]


STATES = [None, Status.FAILED, Status.FINISHED]
"""From the worst to the best."""


@pytest.mark.parametrize("there", STATES)
@pytest.mark.parametrize("given", STATES)
def test_the_better_state_wins(
    given: Status | None, there: Status | None, spec: RunSpec, stores: list[Store]
) -> None:
    source, target, _ = stores
    put(source, spec, given)
    put(target, spec, there)
    before, old = tree(source), tree(target)
    check([target, source])
    said = gather(source, target)
    assert tree(source) == before, "copied, not moved"
    if STATES.index(given) > STATES.index(there):
        assert said == f"{source.root}: of 1 runs 1 taken ({given})"
        kept = tree(target)
        if given is Status.FAILED:
            assert kept == before
        else:
            assert kept == {name: before[name] for name in before}
    else:
        assert said == f"{source.root}: of 1 runs 1 there before"
        assert tree(target) == old


def test_measurements_are_united(spec: RunSpec, stores: list[Store]) -> None:
    source, target, _ = stores
    for store in (source, target):
        put(store, spec, Status.FINISHED)
        measure(store, spec, "elbo", 1.0)
    measure(source, spec, "iwae", 2.0)
    measure(source, spec, "probe", 3.0)
    measure(source, spec, "information", 9.0, Outcome.FAILED)
    measure(target, spec, "probe", 9.0, Outcome.FAILED)
    measure(target, spec, "information", 4.0)
    check([target, source])
    assert gather(source, target) == f"{source.root}: of 1 runs 1 there before and completed"
    for label, value in (("elbo", 1.0), ("iwae", 2.0), ("probe", 3.0), ("information", 4.0)):
        key = measurement(label).key
        result = target.measurement(spec.run_id, key) or {}
        assert (result["outcome"], result["columns"]) == ("measured", {"value": value})
        assert target.per_image(spec.run_id, key)["value"].tolist() == [value] * 3
    assert gather(source, target) == f"{source.root}: of 1 runs 1 there before"


def test_what_contradicts_names_the_run_and_both_folders(
    spec: RunSpec, stores: list[Store]
) -> None:
    one, same, other = stores
    for store in (one, same):
        put(store, spec, Status.FINISHED)
        measure(store, spec, "elbo", 1.0)
    check(stores)

    def told() -> str:
        with pytest.raises(UsageError) as caught:
            check(stores)
        text = str(caught.value)
        assert f"run {spec.run_id} in {str(one.root)!r}" in text
        assert repr(str(other.root)) in text
        return text.rpartition(": ")[2]

    put(other, spec, Status.DIVERGED, diverged_step=3)
    assert told() == "status finished and diverged"
    put(other, spec, Status.FINISHED, weight=1.5)
    assert told() == "the weights differ"
    put(other, spec, Status.FINISHED)
    measure(other, spec, "elbo", 1.5)
    assert told() == f"the measurement {measurement('elbo').key} differs"
    measure(other, spec, "elbo", 1.5, Outcome.FAILED)
    check(stores)


def test_the_same_weights_in_other_bytes_are_the_same(spec: RunSpec, stores: list[Store]) -> None:
    for store in stores:
        put(store, spec, Status.FINISHED)
    path = stores[1].root / "runs" / spec.run_id / "weights.pt"
    torch.save({"weight": torch.tensor([1.0])}, path, _use_new_zipfile_serialization=False)
    check(stores)
    path.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"weights\.pt' cannot be read"):
        check(stores)
    assert path.read_bytes() == b"nonsense"


def test_what_is_no_run_is_left_out(spec: RunSpec, stores: list[Store]) -> None:
    source, target, _ = stores
    put(source, spec, Status.FINISHED)
    runs = source.root / "runs"
    shutil.copytree(runs / spec.run_id, runs / "another-name")
    (runs / "damaged").mkdir()
    (runs / "damaged" / "spec.json").write_text("{")
    (runs / "empty").mkdir()
    said = gather(source, target)
    assert said == (
        f"{source.root}: of 3 runs 2 left out (no usable specification), 1 taken (finished)"
    )
    assert [path.name for path in (target.root / "runs").iterdir()] == [spec.run_id]


def test_killed_anywhere_it_goes_on(
    make_spec: MakeSpec, stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target, whole = stores
    first, second = make_spec(seed=0), make_spec(seed=1)
    for spec in (first, second):
        put(source, spec, Status.FINISHED)
        measure(source, spec, "elbo", 1.0)
    put(target, first, Status.FAILED)
    put(target, second, None)
    gather(source, whole)
    replace, left = os.replace, 0

    def killed(*paths: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(os, "replace", killed)
    kills = 0
    for count in range(1, 10):
        left = count
        try:
            gather(source, target)
            break
        except KeyboardInterrupt:
            kills += 1
        for spec in (first, second):
            if target.is_trained(spec.run_id):
                assert target.missing(spec.run_id, [measurement("elbo")], failed=True) == ()
                assert target.state(spec.run_id, "weights", CPU) is not None
    assert kills > 3
    assert tree(target) == tree(whole) == tree(source)

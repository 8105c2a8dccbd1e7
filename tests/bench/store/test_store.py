from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from bench.errors import DiskError, UsageError
from bench.evaluation import Measurement, Outcome, Result
from bench.store import Store
from tests.bench.conftest import MakeSpec, measured_of, measurement

TABLES = ("by_column", "trials", "measurements", "unavailable")


def plan(suite: str) -> dict[str, Any]:
    texts = dict.fromkeys(("title", "budget", "budget_description"), "")
    lists: dict[str, Any] = {"rows": [], "columns": []}
    return texts | lists | {"suite": suite} | {key: {} for key in TABLES}


def result(**changes: Any) -> Result:
    return Result(**{"outcome": Outcome.MEASURED, "seconds": 1.5, **changes})


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back_as_they_were(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 12, 20, channels), dtype=np.uint8)
    store = Store.open(tmp_path)
    store.write_measurement("run", measurement("pictures"), result(images={"samples": images}), {})
    found = store.images("run", "samples")
    assert found is not None
    np.testing.assert_array_equal(found, images)
    assert store.images("run", "nothing") is None


def test_a_run_is_trained_once_it_is_recorded(tmp_path: Path, make_spec: MakeSpec) -> None:
    spec = make_spec()
    store = Store.open(tmp_path)
    store.begin(spec, {"python": "3"})
    assert not store.is_trained(spec.run_id)
    assert not store.is_begun(spec.run_id)
    store.write_state(spec.run_id, "checkpoint", {"step": 3})
    assert store.is_begun(spec.run_id)
    for status in ("failed", "too large"):
        store.write_record(spec.run_id, {"status": status, "smallest_sigma_reached": math.nan})
        assert not store.is_trained(spec.run_id)
        assert store.is_begun(spec.run_id), "it goes on from its checkpoint"
    for status in ("diverged", "finished"):
        store.write_record(spec.run_id, {"status": status, "smallest_sigma_reached": math.nan})
        assert store.is_trained(spec.run_id)
        assert not store.is_begun(spec.run_id)
        assert store.state(spec.run_id, "checkpoint", torch.device("cpu")) is None
    record = {"status": "finished", "smallest_sigma_reached": None}
    assert store.record(spec.run_id) == record
    assert store.spec(spec.run_id) == spec
    assert store.environment(spec.run_id) == {"python": "3"}


def test_a_result_is_kept_under_its_measurement(tmp_path: Path) -> None:
    store, elbo = Store.open(tmp_path), measurement("elbo")
    columns = {"bits_per_dim": 3.25, "nll_nats": math.nan}
    store.write_measurement("run", elbo, result(columns=columns), {"python": "3"})
    assert store.measurement("run", elbo.key) == {
        **elbo.content(),
        "outcome": "measured",
        "reason": "",
        "seconds": 1.5,
        "columns": {"bits_per_dim": 3.25, "nll_nats": None},
        "traceback": [],
        "environment": {"python": "3"},
    }
    assert store.measurement("run", measurement("elbo", test_images=7).key) is None
    assert store.measurement("another run", elbo.key) is None


def test_values_for_each_image_come_back_as_they_were(tmp_path: Path) -> None:
    store, elbo = Store.open(tmp_path), measurement("elbo")
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert store.per_image("run", elbo.key) == {}
    store.write_measurement("run", elbo, result(per_image={"bits_per_dim": values}), {})
    found = store.per_image("run", elbo.key)
    assert found.keys() == {"bits_per_dim"}
    np.testing.assert_array_equal(found["bits_per_dim"], values)
    assert found["bits_per_dim"].dtype == np.float32
    folder = tmp_path / "runs" / "run" / "measurements"
    assert {path.name for path in folder.iterdir()} == {f"{elbo.key}.json", f"{elbo.key}.npz"}
    (file,) = folder.glob("*.npz")
    for damaged in (b"", b"nonsense", file.read_bytes()[:300]):
        file.write_bytes(damaged)
        assert store.per_image("run", elbo.key) == {}


@pytest.mark.parametrize("outcome", Outcome)
def test_missing_is_what_was_not_tried_or_failed(tmp_path: Path, outcome: Outcome) -> None:
    store, measurements = Store.open(tmp_path), measured_of()
    assert store.missing("run", measurements, failed=False) == measurements
    tried = measurements[2]
    store.write_measurement("run", tried, result(outcome=outcome, reason="as it is"), {})
    others: tuple[Measurement, ...] = tuple(each for each in measurements if each != tried)
    assert store.missing("run", measurements, failed=False) == others
    expected = measurements if outcome is Outcome.FAILED else others
    assert store.missing("run", measurements, failed=True) == expected


def test_what_a_killed_writer_left_goes_when_the_run_is_taken_up(
    tmp_path: Path, make_spec: MakeSpec
) -> None:
    spec, store = make_spec(), Store.open(tmp_path)
    store.begin(spec, {})
    folder = tmp_path / "runs" / spec.run_id
    (folder / "measurements").mkdir()
    left = [folder / ".checkpoint.pt.0a1b2c3d.partial", folder / "measurements" / ".x.0.partial"]
    for path in left:
        path.write_bytes(b"half")
    store.write_state(spec.run_id, "checkpoint", {"step": 3})
    store.take_up(spec.run_id)
    assert not any(path.exists() for path in left)
    assert store.is_begun(spec.run_id)


def test_history_round_trip(tmp_path: Path) -> None:
    history = pd.DataFrame({"step": [0, 5], "nll_nats": [1.25, math.nan]})
    history = history.assign(seconds=[0.0, 1.5], bits_per_dim=[2.5, math.nan])
    store = Store.open(tmp_path)
    store.write_history("run", history)
    found = store.history("run")
    assert found is not None
    pd.testing.assert_frame_equal(found, history)


def test_a_whole_file_that_cannot_be_read_just_now_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path)
    store.write_state("run", "checkpoint", {"step": 3, "weights": torch.ones(5)})

    def too_little_memory(*arguments: object, **options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "load", too_little_memory)
        with pytest.raises(torch.OutOfMemoryError):
            store.state("run", "checkpoint", torch.device("cpu"))
    kept = store.state("run", "checkpoint", torch.device("cpu"))
    assert kept is not None
    assert kept["step"] == 3
    # Half a file is damaged, whatever its first bytes say.
    path = tmp_path / "runs" / "run" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:300])
    assert store.state("run", "checkpoint", torch.device("cpu")) is None
    assert path.with_name("checkpoint.pt.damaged").stat().st_size == 300


def test_damaged_files_of_a_run_are_made_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    folder = tmp_path / "runs" / "run"
    folder.mkdir()
    (folder / "run.json").write_text("{")
    (folder / "checkpoint.pt").write_bytes(b"nonsense")
    elbo = measurement("elbo")
    (folder / "measurements").mkdir()
    (folder / "measurements" / f"{elbo.key}.json").write_text("{")
    assert not store.is_trained("run")
    assert store.missing("run", [elbo], failed=False) == (elbo,)
    assert store.state("run", "checkpoint", torch.device("cpu")) is None
    assert (folder / "checkpoint.pt.damaged").read_bytes() == b"nonsense"
    assert not (folder / "checkpoint.pt").exists()
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(UsageError, match=r"plan.json in .* is damaged"):
        store.read_plan()


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path)
    store.write_plan(plan("old"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.store.files.os.replace", full)
    with pytest.raises(DiskError, match=r"plan.json' \(0.0 MB\) cannot be written: No space"):
        store.write_plan(plan("new"))
    assert store.read_plan() == plan("old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["format.json", "plan.json", "runs"]


def test_unusable_folders_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/results' cannot be written: Not a directory"):
        Store.open(tmp_path / "file" / "results")
    with pytest.raises(UsageError, match="no results in"):
        Store.existing(tmp_path)


READERS = (Store.open, Store.readable, Store.existing)


def test_a_folder_of_this_format_is_read_again(tmp_path: Path) -> None:
    Store.open(tmp_path).write_plan(plan("one"))
    for read in READERS:
        assert read(tmp_path).read_plan() == plan("one")


def test_reading_creates_nothing(tmp_path: Path) -> None:
    Store.readable(tmp_path / "absent")
    with pytest.raises(UsageError, match="no results in"):
        Store.existing(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []

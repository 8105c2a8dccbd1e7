from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.errors import UsageError
from bench.store import Store
from tests.bench.conftest import MakeSpec


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back_as_they_were(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 12, 20, channels), dtype=np.uint8)
    store = Store.open(tmp_path)
    store.write_images("run", "samples", images)
    found = store.images("run", "samples")
    assert found is not None
    np.testing.assert_array_equal(found, images)
    assert store.images("run", "nothing") is None


def test_a_run_is_done_once_its_metrics_are_there(tmp_path: Path, make_spec: MakeSpec) -> None:
    spec = make_spec()
    store = Store.open(tmp_path)
    store.begin(spec, {"python": "3"})
    assert not store.is_done(spec.run_id)
    store.write_checkpoint(spec.run_id, {"step": 3})
    assert store.is_begun(spec.run_id)
    for status, done in (("failed", False), ("diverged", True), ("finished", True)):
        store.write_metrics(spec.run_id, {"status": status, "nll_nats": math.nan})
        assert store.is_done(spec.run_id) is done
    assert store.metrics(spec.run_id) == {"status": "finished", "nll_nats": None}
    assert store.spec(spec.run_id).run_id == spec.run_id


def test_history_round_trip(tmp_path: Path) -> None:
    history = pd.DataFrame({"step": [0, 5], "nll_nats": [1.25, math.nan]})
    store = Store.open(tmp_path)
    store.write_history("run", history)
    found = store.history("run")
    assert found is not None
    pd.testing.assert_frame_equal(found, history)


def test_a_whole_file_that_cannot_be_read_just_now_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path)
    store.write_checkpoint("run", {"step": 3, "weights": torch.ones(5)})

    def too_little_memory(*arguments: object, **options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "load", too_little_memory)
        with pytest.raises(torch.OutOfMemoryError):
            store.checkpoint("run", torch.device("cpu"))
    kept = store.checkpoint("run", torch.device("cpu"))
    assert kept is not None
    assert kept["step"] == 3
    # Half a file is damaged, whatever its first bytes say.
    path = tmp_path / "runs" / "run" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:300])
    assert store.checkpoint("run", torch.device("cpu")) is None
    assert path.with_name("checkpoint.pt.damaged").stat().st_size == 300


def test_damaged_files_of_a_run_are_made_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    folder = tmp_path / "runs" / "run"
    folder.mkdir()
    (folder / "metrics.json").write_text("{")
    (folder / "checkpoint.pt").write_bytes(b"nonsense")
    assert not store.is_done("run")
    assert store.checkpoint("run", torch.device("cpu")) is None
    assert (folder / "checkpoint.pt.damaged").read_bytes() == b"nonsense"
    assert not (folder / "checkpoint.pt").exists()
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(UsageError, match=r"plan.json in .* is damaged"):
        store.read_plan()


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path)
    store.write_plan({"suite": "old"})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.store.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        store.write_plan({"suite": "new"})
    assert store.read_plan() == {"suite": "old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.json", "runs"]


def test_unusable_folders_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/results' cannot be written: Not a directory"):
        Store.open(tmp_path / "file" / "results")
    with pytest.raises(UsageError, match="no results in"):
        Store.existing(tmp_path)

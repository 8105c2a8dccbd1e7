"""One run from start to end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import datasets
from bench.data import Data, on_device
from bench.run import execute
from bench.store import Store
from tests.bench.conftest import MakeSpec


def test_data_that_changed_since_the_plan_fail_the_run(
    data: Data, make_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.run.on_device", lambda *_: data._replace(checksum="1"))
    spec, store = make_spec(), Store.open(tmp_path)
    metrics = execute(spec, store, torch.device("cpu"))
    assert metrics["status"] == "failed"
    assert metrics["error"].endswith(
        "random has changed since the run was planned (checksum 1, planned 0): run it again"
    )
    assert not store.is_done(spec.run_id)


def test_loaded_data_know_their_checksum() -> None:
    found = on_device("digits", torch.device("cpu"))
    assert found.checksum == datasets.load("digits").checksum

"""Expected times, with every timed piece of work taken to last one second."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench import estimate as module
from bench.data import Data
from bench.estimate import ITEMS, estimate
from tests.bench.conftest import MakeSpec


@pytest.fixture
def seconds(data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "_seconds", lambda work, device: 1.0)
    monkeypatch.setattr(module, "on_device", lambda name, device: data)

    def of(**changes: int) -> float:
        evaluation = make_spec().evaluation.model_copy(update=changes)
        return estimate((make_spec(evaluation=evaluation), torch.device("cpu"))).evaluate

    return of


def test_each_importance_sample_costs_a_scored_image(seconds: Any) -> None:
    few, more = (seconds(importance_samples=k, importance_images=20) for k in (1, 11))
    assert more - few == pytest.approx(10 * 20 / ITEMS)
    # There are 48 test images, however many are wanted.
    some, all_of_them = (seconds(importance_samples=2, importance_images=n) for n in (20, 500))
    assert all_of_them - some == pytest.approx(2 * (48 - 20) / ITEMS)

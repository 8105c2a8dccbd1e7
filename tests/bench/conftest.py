"""A suite small enough to be run many times, and runs made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import models
from bench.data import Data
from bench.evaluation import (
    Evaluation,
    Measurement,
    Outcome,
    Trained,
    measurements,
    take,
)
from bench.evaluation.base import Cache, MemoryCache
from bench.metrics import features
from bench.models import Model
from bench.suite import RunSpec
from bench.training import History, Trainer, Training, Trajectory
from likelihoods.core import registry


class Thumbnail(nn.Module):
    """Mean and mean square of each quarter of an image: 24 features that need no weights."""

    def forward(self, images: Tensor) -> Tensor:
        both = torch.cat([images, images.square()], 1)
        return functional.adaptive_avg_pool2d(both, 2).flatten(1)


def _thumbnail(device: torch.device) -> features.FeatureExtractor:
    return features.FeatureExtractor(THUMBNAIL, 24, "thumbnail 1", 32, Thumbnail(), device)


THUMBNAIL = features.Description(
    name="thumbnail",
    column="fd_thumbnail",
    heading="FD-thumbnail",
    kernel_column="kd_thumbnail",
    kernel_heading="KD-thumbnail",
    headline="kernel",
    protocol="mean and mean square of each quarter",
)
features.EXTRACTORS["thumbnail"] = SimpleNamespace(  # type: ignore[assignment]
    DESCRIPTION=THUMBNAIL, available=lambda: True, build=_thumbnail
)

TINY = """
title = "Tiny"

[[columns]]
heading = "Digits"
data = ["digits"]
stands_for = "svhn"
options = { width = 2, latents = 3 }
training = { learning_rate = 1e-3, batch_size = 16, steps = 6 }

[[rows]]
likelihood = "gaussian"

[[rows]]
likelihood = "optimal_sigma"
label = "Optimal"

[[rows]]
likelihood = "beta_vae"
sweep = { beta = [0.1, 10.0] }

[budgets.tiny]
description = "for tests"

[budgets.tiny.history]
points = 3
images = 16
batch_size = 16

[budgets.tiny.evaluation]
test_images = 24
validation_images = 16
calibration_images = 16
frechet_images = 24
manifold_images = 20
features = ["thumbnail"]
information_images = 24
importance_samples = 2
importance_images = 16
probe_images = 100
batch_size = 16
"""


MODELS: dict[str, dict[str, Any]] = {
    "hvae": {"width": 3, "units": "4,3,2", "blocks": 1},
    "svg": {"width": 2, "features": 5, "hidden": 6, "latents": 3, "future": 3},
    "vae": {"width": 2, "latents": 3},
}
"""Every model family, with options that make it small."""

EVALUATION = Evaluation.model_validate(
    {
        "validation_images": 16,
        "calibration_images": 32,
        "frechet_images": 32,
        "manifold_images": 20,
        "features": ("thumbnail",),
        "information_images": 32,
        "importance_samples": 3,
        "importance_images": 20,
        "probe_images": 40,
        "best_of": 2,
        "best_of_videos": 3,
        "batch_size": 16,
    }
)
"""Of the runs made by hand."""


def measured_of(model: str = "vae", **changes: Any) -> tuple[Measurement, ...]:
    """The measurements of a model family, with parameters changed by keyword."""
    return measurements(EVALUATION.model_copy(update=changes), models.get(model))


def measurement(label: str, model: str = "vae", **changes: Any) -> Measurement:
    """One of them, by its label."""
    (chosen,) = (each for each in measured_of(model, **changes) if each.label == label)
    return chosen


def columns_of(
    model: Model, data: Data, spec: RunSpec, cache: Cache | None = None, **changes: Any
) -> dict[str, Any]:
    """The columns of all measurements of a model, one not applicable with its reason."""
    trained = Trained(model.eval(), data, spec.seed, MemoryCache() if cache is None else cache)
    columns: dict[str, Any] = {}
    for each in measured_of(spec.model, **changes):
        result = take(each, trained)
        assert result.outcome in (Outcome.MEASURED, Outcome.NOT_APPLICABLE), result.reason
        columns |= result.columns
        if result.outcome is Outcome.NOT_APPLICABLE:
            columns[f"{each.label}_absent"] = result.reason
    return columns


def fit(model: Model, data: Data, spec: RunSpec) -> Trajectory:
    """Train a model as its run says."""
    return Trainer(model, data, spec.training, spec.history, spec.seed).run()


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likelihoods that a test registers are gone after it."""
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The path of a suite file; tests change its text."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def no_features(suite: Path) -> None:
    """Take the features out of the tiny suite: other processes do not know those of the tests."""
    suite.write_text(suite.read_text().replace('["thumbnail"]', "[]"))


@pytest.fixture(scope="session")
def data() -> Data:
    """Random gray images; every part of its own."""
    generator = torch.Generator().manual_seed(0)

    def part(count: int) -> torch.Tensor:
        return torch.randint(0, 256, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)

    return Data(part(64), part(32), part(48), checksum="0")


@pytest.fixture(scope="session")
def video() -> Data:
    """Random gray videos of six frames."""
    generator = torch.Generator().manual_seed(1)

    def part(count: int) -> torch.Tensor:
        return torch.randint(0, 256, (count, 6, 1, 16, 16), generator=generator, dtype=torch.uint8)

    return Data(part(32), part(16), part(24), checksum="0")


DataFor = Callable[[str], Data]


@pytest.fixture(scope="session")
def data_for(data: Data, video: Data) -> DataFor:
    """What a model family takes: images or videos."""
    return lambda model: video if models.get(model).video else data


MakeSpec = Callable[..., RunSpec]


@pytest.fixture(scope="session")
def make_spec() -> MakeSpec:
    """A run on `data`, with anything changed by keyword."""

    def make(likelihood: str = "gaussian", **changes: Any) -> RunSpec:
        settings: dict[str, Any] = {
            "data_set": "random",
            "data_checksum": "0",
            "model": "vae",
            "model_options": MODELS[changes.get("model", "vae")],
            "model_version": models.get(changes.get("model", "vae")).version,
            "likelihood": likelihood,
            "likelihood_options": {},
            "likelihood_source": "0",
            "training": Training(batch_size=16, steps=12),
            "history": History(points=4, images=16, batch_size=16),
            "seed": 0,
        }
        return RunSpec(**settings | changes)

    return make

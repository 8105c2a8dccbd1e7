"""What the harness measures of a model's latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import datasets
import likelihoods
from bench.data import Data, on_device, subset, to_float
from bench.evaluation import Outcome, Trained, take
from bench.evaluation.latents import posteriors
from bench.execution.run import build
from bench.models import Context, Model, Normal, Sampled
from bench.models.vae import VAE
from tests.bench.conftest import MakeSpec, columns_of, measurement

CLASSES = 4


@pytest.fixture(scope="module")
def labelled() -> Data:
    """Random images; the first pixel is the class."""
    generator = torch.Generator().manual_seed(4)
    labels = {
        part: torch.randint(0, CLASSES, (count,), generator=generator)
        for part, count in (("train", 900), ("validation", 10), ("test", 600))
    }

    def images(part: str) -> Tensor:
        shape = (len(labels[part]), 1, 8, 8)
        found = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        found[:, 0, 0, 0] = labels[part]
        return found

    return Data(images("train"), images("validation"), images("test"), labels=labels)


class Reader(Model):
    """A code that is the class read from the first pixel, or pixels that have nothing to do."""

    name = "reader"

    def __init__(self, *, informed: bool) -> None:
        super().__init__()
        self.likelihood = likelihoods.create("gaussian", (1, 8, 8))
        self.informed = informed
        self.nothing = torch.nn.Parameter(torch.zeros(()))

    def posterior(self, x: Tensor) -> Normal:
        pixels = (x.flatten(1) * 255).round()
        classes = torch.nn.functional.one_hot(pixels[:, 0].long(), CLASSES).float()
        mean = classes if self.informed else pixels[:, 1:6]
        return Normal(mean, torch.ones_like(mean))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Sampled:
        raise NotImplementedError("codes are read from the posterior alone")

    def prior_outputs(
        self,
        count: int,
        generator: torch.Generator | None = None,
        context: Context | None = None,
    ) -> Tensor:
        raise NotImplementedError("codes are read from the posterior alone")


def probed(model: Model, data: Data, images: int) -> Mapping[str, Any]:
    """The columns of the probe."""
    measured = measurement("probe", probe_images=images).measure(Trained(model, data, seed=0))
    return measured.columns


def test_latents_that_hold_the_class_are_read(labelled: Data) -> None:
    found = probed(Reader(informed=True), labelled, 700)
    assert found == {"probe_accuracy": 1.0, "probe_images": 700, "probe_test_images": 600}


def test_the_class_is_guessed_from_latents_that_say_nothing(labelled: Data) -> None:
    found = probed(Reader(informed=False), labelled, 500)
    assert (found["probe_images"], found["probe_test_images"]) == (500, 500)
    assert abs(found["probe_accuracy"] - 1 / CLASSES) < 4 * (0.19 / 500) ** 0.5


def test_it_is_fitted_on_training_and_scored_on_test_images(labelled: Data) -> None:
    model = Reader(informed=True)
    assert labelled.labels is not None
    moved = {part: (labels + 1) % CLASSES for part, labels in labelled.labels.items()}
    for part, accuracy in (("train", 0.0), ("validation", 1.0), ("test", 0.0)):
        changed = labelled._replace(labels={**labelled.labels, part: moved[part]})
        assert probed(model, changed, 200)["probe_accuracy"] == accuracy
    assert probed(model, labelled._replace(labels=moved), 200)["probe_accuracy"] == 1


def test_what_is_missing_is_said(labelled: Data, data: Data, make_spec: MakeSpec) -> None:
    reader = Reader(informed=True)
    assert labelled.labels is not None
    same = {part: torch.zeros_like(labels) for part, labels in labelled.labels.items()}
    layered = build(make_spec(model="hvae"), labelled)
    for model, items, reason in (
        (reader, data, "the data have no labels"),
        (
            reader,
            labelled._replace(labels=same),
            "the training images chosen are all of one class",
        ),
        (layered, labelled, "the code of hvae is not one factorised Gaussian"),
    ):
        result = take(measurement("probe", probe_images=50), Trained(model, items, seed=0))
        assert (result.outcome, dict(result.columns)) == (Outcome.NOT_APPLICABLE, {})
        assert result.reason == reason


def test_data_keep_their_labels() -> None:
    loaded, kept = datasets.load("digits"), on_device("digits", torch.device("cpu"))
    assert loaded.labels is not None
    assert kept.labels is not None
    for part in ("train", "validation", "test"):
        assert torch.equal(kept.labels[part], loaded.labels[part])
        assert len(kept.labels[part]) == len(getattr(kept, part))


def test_a_dead_unit_is_not_active(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec()
    model = build(spec, data)
    assert isinstance(model, VAE)
    layer = model.encoder[-1]
    assert isinstance(layer, torch.nn.Linear)
    with torch.no_grad():
        layer.weight[:3] *= 30
    chosen = subset(data.test, 32, "information")

    def measured() -> float:
        found: float = columns_of(model, data, spec)["active_units"]
        with torch.no_grad():
            variance = np.var(model.posterior(to_float(chosen)).mean.numpy(), axis=0)
        assert found == (variance > 0.01).sum()
        return found

    assert measured() == 3
    with torch.no_grad():
        layer.weight[1] = 0  # its mean is its bias, whatever the image
    assert measured() == 2


def test_posteriors_that_are_not_finite_are_no_result(data: Data, make_spec: MakeSpec) -> None:
    model = build(make_spec(), data)
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="the posterior of an image is not finite"):
        posteriors(model, data.test, 16)
    result = take(measurement("information"), Trained(model, data, seed=0))
    assert result.outcome is Outcome.NOT_FINITE

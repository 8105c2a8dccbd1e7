"""The narrowest sigma of a run, measured on validation images and kept where it diverges."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributions as D

from bench import seeds
from bench.data import Data, to_float
from bench.evaluation.elbo import estimate_elbo
from bench.execution.run import Task, build, execute
from bench.models import Model
from bench.store import Store
from bench.training import Trainer, Trajectory
from likelihoods import Likelihood
from tests.bench.conftest import MakeSpec, measured_of


def smallest_sigma(model: Model, data: Data) -> float:
    estimate = estimate_elbo(model, data.test, seed=0, batch_size=16, purpose="test")
    return estimate.smallest_sigma


class Laplace(Likelihood):
    """Made of nothing but torch's own distributions."""

    def forward(self, outputs: torch.Tensor, target: torch.Tensor | None = None) -> D.Distribution:
        (location,) = self.split(outputs)
        return D.Independent(D.Laplace(location.sigmoid(), 0.2), 3)


def test_the_smallest_sigma_is_that_of_the_narrowest_value(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec("per_pixel_sigma", likelihood_options={"bounds": "none"})
    model = build(spec, data).eval()
    found = smallest_sigma(model, data)
    sigmas = []
    for start in range(0, 48, 16):
        noise = seeds.generator("cpu", 0, "evaluation noise", "test", start)
        with torch.no_grad():
            outputs = model(to_float(data.test[start : start + 16]), noise).outputs
        sigmas.append(outputs[:, 1:].exp())
    assert found == pytest.approx(float(torch.cat(sigmas).min()), rel=1e-6)
    assert found < float(torch.cat(sigmas).mean())


@pytest.mark.parametrize(
    ("name", "sigma"),
    [
        ("gaussian", 1.0),
        ("shared_sigma", 1.0),
        ("optimal_sigma", 1.0),
        ("categorical", math.nan),
        ("bernoulli", math.nan),
        ("student_t", math.nan),
    ],
)
def test_a_sigma_is_known_of_gaussians_alone(
    name: str, sigma: float, data: Data, make_spec: MakeSpec
) -> None:
    found = smallest_sigma(build(make_spec(name), data), data)
    assert found == pytest.approx(sigma, nan_ok=True)


def test_any_distribution_that_knows_its_standard_deviation_is_measured(
    data: Data, make_spec: MakeSpec
) -> None:
    model = build(make_spec("gaussian"), data)
    model.likelihood = Laplace(data.shape)
    assert smallest_sigma(model, data) == pytest.approx(0.2 * 2**0.5)


def test_a_diverged_run_keeps_the_smallest_sigma_that_it_reached(
    data: Data, make_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec("shared_sigma")
    train = Trainer.run

    def diverging(trainer: Trainer, **options: Any) -> Trajectory:
        return replace(train(trainer, **options), diverged_step=12)

    monkeypatch.setattr("bench.execution.run.on_device", lambda *_: data)
    monkeypatch.setattr(Trainer, "run", diverging)
    store = Store.open(tmp_path)
    report = execute(Task(spec, measured_of(), train=True), store, torch.device("cpu"))
    history, record = store.history(spec.run_id), store.record(spec.run_id)
    assert report.status == "diverged"
    assert report.error == "the loss is not finite at step 12"
    assert record is not None
    assert (record["status"], record["diverged_step"]) == ("diverged", 12)
    assert not any(store.measurement(spec.run_id, each.key) for each in measured_of())
    assert history is not None
    sigmas = history["variance"].pow(0.5)
    assert sigmas.iloc[-1] < 1
    assert record["smallest_sigma_reached"] == pytest.approx(sigmas.min(), rel=1e-5)

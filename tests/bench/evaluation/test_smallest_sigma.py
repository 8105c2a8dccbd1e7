"""The narrowest sigma of a run, measured on validation images and kept where it diverges."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from bench.bound import bound
from bench.run import build, execute
from bench.train import train
from torch import distributions as D

from bench import run as bench_run
from bench import seeds
from bench.data import Data, to_float
from bench.store import Store
from likelihoods import Likelihood
from tests.bench.conftest import MakeSpec


class Laplace(Likelihood):
    """Made of nothing but torch's own distributions."""

    def forward(self, outputs: torch.Tensor, target: torch.Tensor | None = None) -> D.Distribution:
        (location,) = self.split(outputs)
        return D.Independent(D.Laplace(location.sigmoid(), 0.2), 3)


def test_the_smallest_sigma_is_that_of_the_narrowest_value(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec("per_pixel_sigma", likelihood_options={"bounds": "none"})
    model = build(spec, data).eval()
    found = bound(model, data.test, spec, "test").smallest_sigma
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
    spec = make_spec(name)
    found = bound(build(spec, data), data.test, spec, "test").smallest_sigma
    assert found == pytest.approx(sigma, nan_ok=True)


def test_any_distribution_that_knows_its_standard_deviation_is_measured(
    data: Data, make_spec: MakeSpec
) -> None:
    spec = make_spec("gaussian")
    model = build(spec, data)
    model.likelihood = Laplace(data.shape)
    assert bound(model, data.test, spec, "test").smallest_sigma == pytest.approx(0.2 * 2**0.5)


def test_a_diverged_run_keeps_the_smallest_sigma_that_it_reached(
    data: Data, make_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec("shared_sigma")

    def diverging(*arguments: object, **options: object) -> object:
        outcome = train(*arguments, **options)  # type: ignore[arg-type]
        outcome.diverged_step = 12
        return outcome

    monkeypatch.setattr(bench_run, "on_device", lambda *_: data)
    monkeypatch.setattr(bench_run, "train", diverging)
    store = Store.open(tmp_path)
    metrics = execute(spec, store, torch.device("cpu"))
    history = store.history(spec.run_id)
    assert metrics["status"] == "diverged"
    assert history is not None
    sigmas = history["variance"].pow(0.5)
    assert sigmas.iloc[-1] < 1
    assert metrics["smallest_sigma_reached"] == pytest.approx(sigmas.min(), rel=1e-5)

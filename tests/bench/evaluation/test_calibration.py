"""The calibration of a model, against the same numbers computed step by step with scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

import likelihoods
from bench import seeds
from bench.data import Data, subset, to_float
from bench.evaluation import Outcome, Trained, take
from bench.evaluation.calibration import summarise_pit
from bench.execution.run import build
from bench.metrics.calibration import transform
from tests.bench.conftest import MODELS, DataFor, MakeSpec, columns_of, fit, measurement

stats: Any = scipy.stats  # typed the same with and without scipy-stubs
COVERAGES = [f"coverage_{percent}_percent" for percent in (50, 90, 99)]
SHARES = [f"pit_{number:02d}" for number in range(1, 21)]


def test_step_by_step(data: Data, make_spec: MakeSpec) -> None:
    spec = make_spec("optimal_sigma")
    model = build(spec, data)
    fit(model, data, spec)
    metrics = columns_of(model, data, spec)
    chosen, sigma, transforms = subset(data.test, 32, "calibration"), metrics["sigma"], []
    for start in (0, 16):
        x = to_float(chosen[start : start + 16])
        purposes = ("codes", "places")
        latents, randomisation = (
            seeds.generator("cpu", 0, "calibration noise", each, start) for each in purposes
        )
        with torch.no_grad():
            mean, std = model.posterior(x)  # type: ignore[misc]
            z = mean + std * torch.randn(mean.shape, generator=latents)
            p = stats.norm(model.decode(z).sigmoid().double().numpy(), sigma)  # type: ignore[operator]
        level = (255 * x.double()).round().numpy()
        first, last = (p.cdf(edge / 255) for edge in (-0.5, 255.5))
        below, above = (
            (p.cdf((level + side) / 255) - first) / (last - first) for side in (-0.5, 0.5)
        )
        v = torch.rand(x.shape, generator=randomisation, dtype=torch.float64).numpy()
        transforms.append(below + v * (above - below))
    u = np.concatenate(transforms).ravel()
    shares = np.histogram(u, np.arange(21) / 20)[0] / u.size
    # The decoder works in float32: a value may fall on the other side of an edge.
    few = 2 / u.size
    np.testing.assert_allclose([metrics[name] for name in SHARES], shares, atol=few)
    edges = np.arange(1, 20) / 20
    error = np.abs(shares.cumsum()[:-1] - edges).mean()
    assert metrics["calibration_error"] == pytest.approx(error, abs=few)
    for name, low in zip(COVERAGES, (0.25, 0.05, 0.005), strict=True):
        expected = 100 * np.mean((u >= low) & (u <= 1 - low))
        assert metrics[name] == pytest.approx(expected, abs=100 * few)
    assert metrics["calibration_images"] == 32


@pytest.mark.parametrize("name", likelihoods.names())
@pytest.mark.parametrize("family", MODELS)
def test_every_likelihood_of_every_model_is_measured(
    family: str, name: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = data_for(family)._replace(test=data_for(family).test[:5])
    model = build(make_spec(name, model=family), data)
    trained = Trained(model.eval(), data, seed=0)
    found = measurement("calibration", family).measure(trained).columns
    assert list(found) == ["calibration_error", *COVERAGES, *SHARES, "calibration_images"]
    assert all(math.isfinite(value) for value in found.values())
    assert sum(found[share] for share in SHARES) == pytest.approx(1)
    assert 0 <= found["coverage_50_percent"] <= found["coverage_90_percent"] <= 100
    assert found["calibration_images"] == (5 * 4 if model.video else 5)
    model.train()
    assert take(measurement("calibration", family), trained).columns == found


@pytest.mark.parametrize("name", ["categorical", "student_t", "optimal_per_image_sigma"])
def test_noise_is_the_same_for_every_likelihood(
    name: str, data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noises(likelihood: str) -> list[torch.Tensor]:
        drawn: list[torch.Tensor] = []
        model = build(make_spec(likelihood), data)
        forward: Any = model.forward

        def see(generator: torch.Generator) -> None:
            drawn.append(torch.randn(5, generator=generator.clone_state()))

        def forward_spy(x: torch.Tensor, noise: torch.Generator) -> Any:
            see(noise)
            return forward(x, noise)

        def transform_spy(
            below: torch.Tensor, above: torch.Tensor, noise: torch.Generator
        ) -> torch.Tensor:
            see(noise)
            return transform(below, above, noise)

        monkeypatch.setattr(model, "forward", forward_spy)
        monkeypatch.setattr("bench.evaluation.calibration.transform", transform_spy)
        summarise_pit(model, data.test, seed=0, batch_size=16)
        monkeypatch.undo()
        return drawn

    reference, found = noises("gaussian"), noises(name)
    assert len(reference) == 2 * 3  # latents and randomisation of three batches
    assert len({tuple(each.tolist()) for each in reference}) == len(reference)
    assert all(torch.equal(a, b) for a, b in zip(reference, found, strict=True))


def test_a_likelihood_without_a_cdf_says_so(
    data: Data, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> Any:
        raise NotImplementedError("as of a likelihood that has none")

    spec = make_spec()
    model = build(spec, data)
    monkeypatch.setattr(model.likelihood, "level_cdf", none)
    result = take(measurement("calibration"), Trained(model, data, seed=0))
    assert (result.outcome, dict(result.columns)) == (Outcome.NOT_APPLICABLE, {})
    columns = columns_of(model, data, spec)
    assert columns["calibration_absent"] == "the likelihood has no level_cdf"
    assert not {"calibration_error", "calibration_images", *COVERAGES, *SHARES} & columns.keys()


def test_a_decoder_that_is_not_finite_is_an_error(data: Data, make_spec: MakeSpec) -> None:
    model = build(make_spec(), data)
    with torch.no_grad():
        next(model.get_submodule("head").parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError, match="not finite"):
        summarise_pit(model, data.test, seed=0, batch_size=16)
    result = take(measurement("calibration"), Trained(model, data, seed=0))
    assert result.outcome is Outcome.NOT_FINITE

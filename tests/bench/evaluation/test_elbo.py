"""The elbo and what stands beside it, against the same numbers computed step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions as D

from bench import seeds
from bench.data import Data, subset, to_float
from bench.evaluation import Outcome, Trained, take
from bench.evaluation.base import MemoryCache
from bench.evaluation.elbo import estimate_elbo
from bench.evaluation.generation import generate
from bench.execution.run import build
from bench.metrics.features import extractor
from bench.metrics.frechet import frechet_distance, statistics
from bench.models import Model
from bench.suite import RunSpec
from tests.bench.conftest import MakeSpec, columns_of, fit, measurement


@pytest.fixture(scope="module")
def trained(data: Data, make_spec: MakeSpec) -> tuple[Model, RunSpec]:
    spec = make_spec("optimal_sigma")
    model = build(spec, data)
    fit(model, data, spec)
    return model, spec


def test_step_by_step(trained: tuple[Model, RunSpec], data: Data) -> None:
    model, spec = trained
    result = estimate_elbo(model, data.test, seed=spec.seed, batch_size=16, purpose="test")
    variance = float(model.likelihood.variance)  # type: ignore[arg-type]
    nll, kls, mses = [], [], []
    bits: list[torch.Tensor] = []
    censored: list[torch.Tensor] = []
    with torch.no_grad():
        for start in range(0, 48, 16):
            x = to_float(data.test[start : start + 16])
            mean, std = model.posterior(x)  # type: ignore[misc]
            noise = torch.randn(
                mean.shape, generator=seeds.generator("cpu", 0, "evaluation noise", "test", start)
            )
            decoded = model.decode(mean + std * noise).sigmoid().double()  # type: ignore[operator]
            p = D.Normal(decoded, math.sqrt(variance))
            upper, lower = (p.cdf(x.double() + half) for half in (0.5 / 255, -0.5 / 255))
            whole = p.cdf(torch.tensor(1 + 0.5 / 255)) - p.cdf(torch.tensor(-0.5 / 255))
            closed = (upper - lower) / whole
            opened = torch.where(x == 1, 1.0, upper) - torch.where(x == 0, 0.0, lower)
            kl = D.kl_divergence(D.Normal(mean, std), D.Normal(0.0, 1.0)).sum(1)
            kls.append(kl)
            nll.append(kl - p.log_prob(x).flatten(1).sum(1))
            for each, mass in ((bits, closed), (censored, opened)):
                each.append((kl - mass.log().flatten(1).sum(1)) / (64 * math.log(2)))
            mses.append((decoded - x).square().flatten(1).mean(1))
    for found, parts in (
        (result.nll_nats, nll),
        (result.bits_per_dim, bits),
        (result.bits_per_dim_censored, censored),
        (result.kl_nats, kls),
        (result.mse, mses),
    ):
        assert found == pytest.approx(float(torch.cat(parts).mean()), rel=1e-4)
    assert result.variance == pytest.approx(variance)
    assert result.per_item.keys() == {"nll_nats", "bits_per_dim"}
    torch.testing.assert_close(
        result.per_item["nll_nats"].double(), torch.cat(nll), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        result.per_item["bits_per_dim"].double(), torch.cat(bits), rtol=1e-4, atol=0
    )


def test_each_test_image_has_its_own_value(trained: tuple[Model, RunSpec], data: Data) -> None:
    model, _ = trained
    result = take(measurement("elbo"), Trained(model, data, seed=0))
    for key, values in result.per_image.items():
        assert values.dtype == np.float32
        assert values.shape == (48,)
        assert np.mean(values, dtype=np.float64) == pytest.approx(result.columns[key], rel=1e-6)
        error = result.columns[f"{key}_standard_error"]
        assert error == pytest.approx(stats.sem(values.astype(np.float64)))
    fewer = take(measurement("elbo", test_images=1), Trained(model, data, seed=0))
    assert math.isnan(fewer.columns["bits_per_dim_standard_error"])


def test_an_unnormalised_likelihood_has_bits_of_each_image_alone(
    data: Data, make_spec: MakeSpec
) -> None:
    model = build(make_spec("bernoulli"), data)
    result = take(measurement("elbo"), Trained(model, data, seed=0))
    assert result.per_image.keys() == {"bits_per_dim"}
    assert "nll_nats_standard_error" not in result.columns


def test_of_video_a_sequence_has_the_mean_over_its_predicted_frames(
    video: Data, make_spec: MakeSpec
) -> None:
    model = build(make_spec("optimal_sigma", model="svg"), video)
    model.eval()
    found = estimate_elbo(model, video.test, seed=0, batch_size=24, purpose="test")
    x = to_float(video.test)
    with torch.no_grad():
        noise = seeds.generator("cpu", 0, "evaluation noise", "test", 0)
        sampled, targets = model(x, noise), model.targets(x)
        scores = model.likelihood(sampled.outputs).log_prob(targets)
    frames = len(targets) // 24
    assert frames > 1
    for i, kl in enumerate(sampled.kl):
        own = scores[i * frames : (i + 1) * frames]
        expected = (float(kl) - float(own.sum())) / frames
        assert float(found.per_item["nll_nats"][i]) == pytest.approx(expected, rel=1e-5)
    for key, mean in (("nll_nats", found.nll_nats), ("bits_per_dim", found.bits_per_dim)):
        assert float(found.per_item[key].double().mean()) == pytest.approx(mean, rel=1e-5)


def test_an_image_is_scored_alone(trained: tuple[Model, RunSpec], data: Data) -> None:
    """Evaluation must not look at the other images, nor fit itself to the one it scores."""
    model, _ = trained
    model.eval()
    x = to_float(data.test[:8])
    with torch.no_grad():
        outputs = model(x, seeds.generator("cpu", 0, "noise")).outputs
        together = model.likelihood(outputs).log_prob(x)
        alone = torch.cat(
            [model.likelihood(outputs[i : i + 1]).log_prob(x[i : i + 1]) for i in range(8)]
        )
    torch.testing.assert_close(together, alone)


def test_only_held_out_images_count(trained: tuple[Model, RunSpec], data: Data) -> None:
    model, spec = trained
    flipped = data._replace(train=255 - data.train)
    cache = MemoryCache()
    first = columns_of(model, data, spec, cache)
    others = columns_of(model, flipped, spec, cache)
    # The information is that of a code of training images, and the only such number.
    of_training = ("rate_nats", "information_", "marginal_kl_nats", "active_units")
    changed = {column for column in first if others[column] != first[column]}
    assert all(column.startswith(of_training) for column in changed)
    other = columns_of(model, data._replace(test=255 - data.test), spec)
    assert other.keys() == first.keys()
    for column in ("bits_per_dim", "iwae_bits_per_dim", "calibration_error"):
        assert other[column] != first[column], column
    moved = columns_of(model, data._replace(validation=255 - data.validation), spec, cache)
    changed = {column for column in first if moved[column] != first[column]}
    assert "validation_bits_per_dim" in changed
    assert all(column.startswith("validation_") for column in changed)


def test_an_elbo_that_is_not_finite_is_a_result_with_its_reason(
    data: Data, make_spec: MakeSpec
) -> None:
    model = build(make_spec(), data)
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    result = take(measurement("elbo"), Trained(model, data, seed=0))
    assert (result.outcome, dict(result.columns)) == (Outcome.NOT_FINITE, {})
    assert result.reason == "the elbo of test images is not finite"


def test_parts_of_the_rate_and_counts(trained: tuple[Model, RunSpec], data: Data) -> None:
    model, spec = trained
    metrics = columns_of(model, data, spec)
    chosen = subset(data.train, 32, "information")
    mean, std = model.posterior(to_float(chosen))  # type: ignore[misc]
    rate = D.kl_divergence(D.Normal(mean, std), D.Normal(0.0, 1.0)).sum(1).mean().detach()
    parts = metrics["information_nats"] + metrics["marginal_kl_nats"]
    assert parts == pytest.approx(float(rate), rel=1e-4)
    assert metrics["information_cap_nats"] == pytest.approx(math.log(32))
    assert metrics["sigma"] == pytest.approx(math.sqrt(metrics["variance"]))
    assert metrics["test_images"] == 48
    assert metrics["frechet_images"] == 32
    assert metrics["frechet_reference_images"] == 48
    network = extractor("thumbnail")
    images = torch.cat(
        [generate(model, data.test[start : start + 16], spec.seed, start) for start in (0, 16)]
    )
    direct = frechet_distance(statistics(network(images)), statistics(network(data.test)))
    assert metrics["fd_thumbnail"] == pytest.approx(direct, rel=1e-6)

"""Sample quality, against the same numbers computed directly from features of the images."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.data import Data, subset, to_float
from bench.evaluation import Outcome, Trained, take
from bench.evaluation.base import Cache, MemoryCache
from bench.evaluation.generation import generate, generate_both
from bench.evaluation.quality import metrics_of
from bench.evaluation.reference import reference
from bench.evaluation.without_code import fitted
from bench.execution.run import build
from bench.metrics.features import describe, extractor
from bench.metrics.frechet import frechet_distance, statistics
from bench.metrics.images import quantise
from bench.metrics.kernel import kernel_distance
from bench.metrics.manifold import manifold
from bench.models import Model
from bench.suite import RunSpec
from tests.bench.conftest import MakeSpec, measurement

SIGMA = 0.1


@pytest.fixture(scope="module")
def spec(make_spec: MakeSpec) -> RunSpec:
    """A Gaussian of known sigma, so narrow that nothing of it is clipped."""
    return make_spec("beta_vae", likelihood_options={"beta": SIGMA**2})


@pytest.fixture(scope="module")
def model(data: Data, spec: RunSpec) -> Model:
    """As it was initialised: every mean is near 1/2."""
    return build(spec, data).eval()


def quality(
    model: Model, data: Data, cache: Cache | None = None, name: str = "vae", **changes: Any
) -> dict[str, Any]:
    """The columns of the one extractor."""
    trained = Trained(model, data, 0, MemoryCache() if cache is None else cache)
    measured = measurement("quality_thumbnail", name, **changes).measure(trained)
    return dict(measured.columns)


def directly(model: Model, data: Data) -> tuple[Tensor, Tensor]:
    """Means and samples of 32 latents of seed 0, in two batches, with torch's own functions."""
    means, samples = [], []
    for start in (0, 16):
        noise = seeds.generator("cpu", 0, "prior noise", start)
        with torch.no_grad():
            mean = model.likelihood(model.prior_outputs(16, noise)).mean
        torch.manual_seed(seeds.derive(0, "pixel noise", start))
        means.append(mean)
        samples.append(mean + SIGMA * torch.randn(mean.shape))
    return quantise(torch.cat(means)), quantise(torch.cat(samples))


def test_every_column_step_by_step(model: Model, data: Data) -> None:
    found = quality(model, data)
    network = extractor("thumbnail")
    means, samples = map(network, directly(model, data))
    real = network(data.test)
    for column, features in (("fd_thumbnail", means), ("fd_thumbnail_samples", samples)):
        direct = frechet_distance(statistics(features), statistics(real))
        assert found[column] == pytest.approx(direct, rel=1e-5), column
    assert found["fd_thumbnail_samples"] != pytest.approx(found["fd_thumbnail"], rel=0.01)
    some = subset(real, 20, "real features")
    few, noisy = (subset(each, 20, "generated features") for each in (means, samples))
    for column, features in (("kd_thumbnail", few), ("kd_thumbnail_samples", noisy)):
        generator = seeds.generator("cpu", 0, "kernel subsets")
        kernel = kernel_distance(features, some, subsets=10, size=2, generator=generator)
        assert found[column] == pytest.approx(kernel.mean, rel=1e-4), column
        error = found[f"{column}_standard_error"]
        assert error == pytest.approx(kernel.standard_error, rel=1e-4), column
    for name, share in asdict(manifold(some, few)).items():
        assert found[f"{name}_thumbnail"] == share, name
    assert {key: found[key] for key in found if key.endswith("images")} == {
        "frechet_images": 32,
        "sample_images": 32,
        "frechet_reference_images": 48,
        "frechet_floor_images": 24,
        "manifold_images": 20,
        "manifold_sample_images": 20,
        "manifold_reference_images": 20,
        "kernel_floor_images": 20,
    }


@pytest.mark.parametrize("headline", ["kernel", "frechet"])
def test_images_without_a_code_are_scored_alike(
    model: Model, data: Data, headline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all runs on the data; in the report they stand below the headline."""
    network = extractor("thumbnail")
    words = replace(network.description, headline=headline)
    eyes = replace(network, description=words)
    monkeypatch.setattr("bench.evaluation.quality.network", lambda *_: eyes)
    cache = MemoryCache()
    found = quality(model, data, cache)
    real = network(data.test)
    mean = (255 * to_float(data.train).mean(0)).round().to(torch.uint8).expand(32, -1, -1, -1)
    histogram = torch.cat(list(fitted(Trained(model, data, 0)).samples(32)))
    for kind, images in (("mean_image", mean), ("histogram", histogram)):
        features = network(images)
        if headline == "frechet":
            direct = frechet_distance(statistics(features), statistics(real))
            assert found[f"{kind}_fd_thumbnail"] == pytest.approx(direct, rel=1e-4)
        else:
            few = subset(features, 20, "generated features")
            some = subset(real, 20, "real features")
            direct = kernel_distance(
                few, some, subsets=10, size=2, generator=seeds.generator("cpu", 0, "kernel subsets")
            ).mean
            assert found[f"{kind}_kd_thumbnail"] == pytest.approx(direct, rel=1e-4, abs=1e-6)
    monkeypatch.setattr("bench.evaluation.quality.fitted", lambda _: pytest.fail("fitted again"))
    assert quality(model, data, cache) == found


def test_the_headline_is_one_of_the_two_distances() -> None:
    for name, headline in (("inception", "fid"), ("inception_75", "kd_inception_75")):
        described = metrics_of(describe(name))
        assert [metric.key for metric in described if metric.headline] == [headline]


def test_fewer_test_images(model: Model, data: Data, video: Data) -> None:
    found = quality(model, data, reference_images=30)
    network = extractor("thumbnail")
    means, _ = directly(model, data)
    some = statistics(network(subset(data.test, 30, "reference")))
    direct = frechet_distance(statistics(network(means)), some)
    assert found["fd_thumbnail"] == pytest.approx(direct, rel=1e-5)
    assert found["frechet_reference_images"] == 30
    assert found["frechet_floor_images"] == 15
    # Whole sequences of six frames.
    assert reference(MemoryCache(), video, network, 20, 13).statistics.count == 18


def test_samples_are_the_means_with_the_noise_of_the_pixels(model: Model, data: Data) -> None:
    items = data.test[torch.arange(512) % 48]
    means, samples = generate_both(model, items, 0, 0)
    assert torch.equal(means, generate(model, items, 0, 0))
    noise = (samples.double() - means.double()) / 255
    rounding = 2 / 12 / 255**2
    count = noise.numel()
    assert float(noise.mean()) == pytest.approx(0, abs=4 * SIGMA / math.sqrt(count))
    expected = SIGMA**2 + rounding
    assert float(noise.var()) == pytest.approx(expected, rel=4 * math.sqrt(2 / count))
    # Independent pixels: no more in common than chance.
    assert float(noise.flatten(1).mean(1).var()) == pytest.approx(expected / 64, rel=0.3)


def test_measured_twice_to_the_bit_whatever_the_global_generator(model: Model, data: Data) -> None:
    cache = MemoryCache()
    torch.manual_seed(1)
    first = quality(model, data, cache)
    torch.manual_seed(2)
    expected = torch.rand(3)
    torch.manual_seed(2)
    assert quality(model, data) == first
    assert torch.equal(torch.rand(3), expected), "the global generator was moved"
    assert quality(model, data, cache) == first, "from the cache"


def test_another_seed_draws_other_pixels(model: Model, data: Data) -> None:
    first, second = (generate_both(model, data.test[:4], seed, 0) for seed in (0, 1))
    noise = [each.samples.int() - each.means.int() for each in (first, second)]
    assert not torch.equal(*noise)
    batches = [generate_both(model, data.test[:4], 0, start) for start in (0, 16)]
    assert not torch.equal(*(each.samples.int() - each.means.int() for each in batches))


def test_fewer_samples_than_means(model: Model, data: Data) -> None:
    found = quality(model, data, sample_images=20)
    network = extractor("thumbnail")
    _, samples = directly(model, data)
    direct = frechet_distance(statistics(network(samples[:20])), statistics(network(data.test)))
    assert found["fd_thumbnail_samples"] == pytest.approx(direct, rel=1e-5)
    assert found["sample_images"] == 20
    assert found["frechet_images"] == 32


def test_what_is_not_a_number_is_refused_and_what_is_infinite_is_clipped(
    model: Model, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = type(model.likelihood.forward(torch.zeros(1, 1, 8, 8)))

    def sampled(value: float) -> None:
        monkeypatch.setattr(
            images, "_draw", lambda self, shape: torch.full(shape, value, dtype=torch.float32)
        )

    sampled(math.inf)
    assert (generate_both(model, data.test[:2], 0, 0).samples == 255).all()
    sampled(math.nan)
    with pytest.raises(FloatingPointError, match="not a number"):
        generate_both(model, data.test[:2], 0, 0)


def test_a_generated_image_that_is_not_finite_is_refused(data: Data, spec: RunSpec) -> None:
    broken = build(spec, data).eval()
    with torch.no_grad():
        next(broken.get_submodule("head").parameters()).fill_(math.nan)
    with pytest.raises(FloatingPointError, match="a generated image is not finite"):
        generate(broken, data.test[:2], 0, 0)
    result = take(measurement("quality_thumbnail"), Trained(broken, data, seed=0))
    assert (result.outcome, dict(result.columns)) == (Outcome.NOT_FINITE, {})


def test_extractors_look_at_the_same_images_and_each_has_its_own_result(
    model: Model, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are generated once for all extractors of one run."""
    one = measurement("quality_thumbnail")
    batches = list[int]()

    def counted(*arguments: Any) -> Any:
        batches.append(len(arguments[1]))
        return generate_both(*arguments)

    monkeypatch.setattr("bench.evaluation.quality.generate_both", counted)
    trained = Trained(model, data, seed=0)
    first = one.measure(trained)
    assert batches == [16, 16]
    assert one.measure(trained).columns == first.columns
    assert batches == [16, 16]
    one.model_copy(update={"sample_images": 30}).measure(trained)
    assert batches == [16, 16, 16, 16]


def test_frames_are_drawn_given_the_means_before_them(video: Data, make_spec: MakeSpec) -> None:
    spec = make_spec(model="svg")
    model = build(spec, video).eval()
    items = video.test[:8]
    means, samples = generate_both(model, items, 0, 0)
    assert means.shape == samples.shape == (8, 4, 1, 16, 16)
    assert torch.equal(means, generate(model, items, 0, 0))
    assert not torch.equal(means, samples)
    found = quality(model, video, name="svg")
    assert found["sample_images"] == found["frechet_images"] == 32
    # Halves of the 24 videos of six frames each.
    assert found["frechet_floor_images"] == 72


def test_all_columns_are_described_once(model: Model, data: Data) -> None:
    found = quality(model, data)
    described = measurement("quality_thumbnail").metrics
    keys = [metric.key for metric in described]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(found)
    assert {metric.floor for metric in described if metric.floor} == {
        "fd_thumbnail_floor",
        "kd_thumbnail_floor",
        "kd_thumbnail_floor_standard_error",
        "expected_coverage_thumbnail",
    }
    assert {metric.key for metric in described if metric.count} == {
        key for key in keys if key.endswith("images")
    }
    for metric in described:
        if not metric.count and not metric.key.startswith(("mean_image_", "histogram_")):
            assert metric.features == "thumbnail", metric.key
            assert metric.protocol.strip(), metric.key

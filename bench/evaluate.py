"""Evaluation of a trained model on held-out test images, the same for every run of a budget."""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench import seeds
from bench.bound import Bound, bound
from bench.data import Data, subset, to_float
from bench.metrics import (
    Accumulator,
    FeatureExtractor,
    Statistics,
    extractor,
    frechet_distance,
    information,
    quantise,
)
from bench.models import Model, Sampled
from bench.spec import RunSpec
from bench.store import GRID_COLUMNS, Images, Store

SHOWN = 8 * GRID_COLUMNS
"""Generated images kept for a person to look at."""


class Evaluated(NamedTuple):
    """The metrics of a run, and the images to look at."""

    metrics: dict[str, Any]
    samples: Images
    """(64, H, W, C) decoder means of latents drawn from the prior."""
    reconstructions: Images
    """(16, H, W, C): eight test images, then their reconstructions."""


@torch.no_grad()
def evaluate(model: Model, data: Data, spec: RunSpec, store: Store) -> Evaluated:
    """Measure a trained model. Definitions of all metrics: docs/metrics.md.

    Raises:
        FloatingPointError: a bound, a posterior or a generated image is not finite.
    """
    model.eval()
    wanted = spec.evaluation
    test = subset(data.test, wanted.test_images, "test")
    validation = subset(data.validation, wanted.validation_images, "validation")
    on_test = _finite(bound(model, test, spec, "test"), "test")
    on_validation = _finite(bound(model, validation, spec, "validation"), "validation")
    metrics: dict[str, Any] = {
        **on_test.columns(),
        "sigma": math.sqrt(on_test.variance),
        **{f"validation_{key}": value for key, value in on_validation.columns().items()},
        "test_images": len(test),
        "validation_images": len(validation),
        **_information(model, data.test, spec),
        **_frechet(model, data.test, spec, store),
    }
    return Evaluated(metrics, _samples(model, spec), _reconstructions(model, data.test, spec))


@lru_cache(maxsize=4)
def features(name: str, device: torch.device) -> FeatureExtractor:
    """A feature extractor, kept for the next run of this process."""
    return extractor(name, device)


def reference(store: Store, images: Tensor, checksum: str, network: FeatureExtractor) -> Statistics:
    """Feature statistics of real images, computed once a data set and extractor and kept."""
    key = hashlib.sha256(f"{checksum} test {network.fingerprint}".encode()).hexdigest()[:20]
    if kept := store.cached(key):
        return Statistics(int(kept["count"]), kept["mean"], kept["covariance"])
    accumulator = Accumulator()
    for part in images.split(500):
        accumulator.update(network(part))
    result = accumulator.statistics()
    store.cache(
        key,
        {"count": result.count, "mean": result.mean, "covariance": result.covariance},
    )
    return result


@torch.no_grad()
def generate(model: Model, count: int, start: int, spec: RunSpec) -> Tensor:
    """Decoder means uint8 (count, C, H, W) of latents drawn from the prior."""
    device = next(model.parameters()).device
    noise = seeds.generator(device, spec.seed, "prior noise", start)
    images = model.likelihood(model.prior_outputs(count, noise)).mean
    if not images.isfinite().all():
        raise FloatingPointError("a generated image is not finite")
    return quantise(images)


def _finite(result: Bound, part: str) -> Bound:
    if not result.is_finite:
        raise FloatingPointError(f"the bound on {part} images is not finite")
    return result


def _information(model: Model, images: Tensor, spec: RunSpec) -> dict[str, Any]:
    chosen = subset(images, spec.evaluation.information_images, "information")
    found = [model.posterior(to_float(x)) for x in chosen.split(spec.evaluation.batch_size)]
    parts = [posterior for posterior in found if posterior is not None]
    if not parts:
        return {"information_absent": f"the code of {model.name} is not one factorised Gaussian"}
    mean, std = (torch.cat(part) for part in zip(*parts, strict=True))
    if not (mean.isfinite() & std.isfinite() & (std > 0)).all():
        raise FloatingPointError("the posterior of a test image is not finite")
    result = information(
        mean,
        std,
        samples=spec.evaluation.information_samples,
        generator=seeds.generator("cpu", spec.seed, "information noise"),
    )
    return {
        "rate_nats": result.rate_nats,
        "information_nats": result.information_nats,
        "marginal_kl_nats": result.marginal_kl_nats,
        "information_cap_nats": result.cap_nats,
        "information_images": len(chosen),
    }


def _frechet(model: Model, test: Tensor, spec: RunSpec, store: Store) -> dict[str, float]:
    networks = [features(name, test.device) for name in spec.extractors]
    accumulators = [Accumulator() for _ in networks]
    wanted, size = spec.evaluation.frechet_images, spec.evaluation.batch_size
    for start in range(0, wanted, size):
        images = generate(model, min(size, wanted - start), start, spec)
        for network, accumulator in zip(networks, accumulators, strict=True):
            accumulator.update(network(images))
    result: dict[str, float] = {"frechet_images": wanted}
    for network, accumulator in zip(networks, accumulators, strict=True):
        real = reference(store, test, spec.data_checksum, network)
        result[network.column] = frechet_distance(accumulator.statistics(), real)
        result["frechet_reference_images"] = real.count
    return result


def _samples(model: Model, spec: RunSpec) -> Images:
    return _as_images(generate(model, SHOWN, 0, spec))


def _reconstructions(model: Model, images: Tensor, spec: RunSpec) -> Images:
    chosen = subset(images, GRID_COLUMNS, "shown")
    noise = seeds.generator(images.device, spec.seed, "evaluation noise", "shown")
    sampled: Sampled = model(to_float(chosen), noise)
    return _as_images(torch.cat([chosen, quantise(model.likelihood(sampled.outputs).mean)]))


def _as_images(images: Tensor) -> Images:
    result: Images = np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
    return result

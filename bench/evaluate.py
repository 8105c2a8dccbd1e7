"""Evaluation of a trained model on held-out test images, the same for every run of a budget."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from bench import seeds
from bench.bound import Bound, bound
from bench.calibration import calibration_columns
from bench.codes import absent, linear_probe, posteriors
from bench.data import Data, subset, to_float
from bench.generate import generate
from bench.importance import ImportanceBound, importance_bound
from bench.metrics import BestOfSamples, active_units, information, quantise
from bench.models import Model
from bench.quality import quality
from bench.spec import RunSpec
from bench.store import Store


@torch.no_grad()
def evaluate(model: Model, data: Data, spec: RunSpec, store: Store) -> dict[str, Any]:
    """Measure a trained model. Definitions of all metrics: docs/metrics.md.

    Raises:
        FloatingPointError: a bound, a cdf, a posterior or a generated image is not finite.
    """
    model.eval()
    wanted = spec.evaluation
    test = subset(data.test, wanted.test_images, "test")
    validation = subset(data.validation, wanted.validation_images, "validation")
    judged = subset(data.test, wanted.calibration_images, "calibration")
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "bounds": lambda: _bounds(model, test, validation, spec),
        "calibration": lambda: calibration_columns(model, judged, spec),
        "importance": lambda: _finite(importance_bound(model, data.test, spec), "test").columns(),
        "information": lambda: _information(model, data.test, spec),
        "probe": lambda: linear_probe(model, data, spec),
        "quality": lambda: quality(model, data, spec, store),
        "similarity": lambda: _similarity(model, data.test, spec),
    }
    found: dict[str, Any] = {}
    for name, measure in parts.items():
        started = time.perf_counter()
        if measured := measure():
            found |= measured | {f"evaluate_seconds_{name}": time.perf_counter() - started}
    return found


def _bounds(model: Model, test: Tensor, validation: Tensor, spec: RunSpec) -> dict[str, Any]:
    on_test = _finite(bound(model, test, spec, "test"), "test")
    on_validation = _finite(bound(model, validation, spec, "validation"), "validation")
    sequences = {"test_sequences": len(test), "predicted_frames": on_test.frames}
    return {
        **on_test.columns(),
        "sigma": math.sqrt(on_test.variance),
        **{f"validation_{key}": value for key, value in on_validation.columns().items()},
        "test_images": len(test) * on_test.frames,
        "validation_images": len(validation) * on_validation.frames,
        **(sequences if model.video else {}),
    }


B = TypeVar("B", Bound, ImportanceBound)


def _finite(result: B, part: str) -> B:
    if not result.is_finite:
        raise FloatingPointError(f"the bound on {part} images is not finite")
    return result


def _information(model: Model, items: Tensor, spec: RunSpec) -> dict[str, Any]:
    chosen = subset(items, spec.evaluation.information_images, "information")
    posterior = posteriors(model, chosen, spec.evaluation.batch_size)
    if posterior is None:
        return {"information_absent": absent(model)}
    result = information(
        *posterior,
        samples=spec.evaluation.information_samples,
        generator=seeds.generator("cpu", spec.seed, "information noise"),
    )
    return {
        "rate_nats": result.rate_nats,
        "information_nats": result.information_nats,
        "marginal_kl_nats": result.marginal_kl_nats,
        "information_cap_nats": result.cap_nats,
        "information_images": len(chosen),
        "active_units": active_units(posterior.mean),
        "latent_units": posterior.mean.shape[1],
    }


def _similarity(model: Model, items: Tensor, spec: RunSpec) -> dict[str, Any]:
    """How well the future of videos is predicted; nothing for images."""
    if not model.video:
        return {}
    chosen = subset(items, spec.evaluation.best_of_videos, "predicted")
    scores = BestOfSamples()
    for number, some in enumerate(chosen.split(spec.evaluation.batch_size)):
        truth = model.targets(to_float(some, model.device)).unflatten(0, (len(some), -1))
        scores.update(
            quantise(truth),
            (
                generate(model, some, spec, "predicted", number, sample)
                for sample in range(spec.evaluation.best_of)
            ),
        )
    result = scores.result()
    return {
        "ssim_best_of_n": result.ssim,
        "psnr_best_of_n_db": result.psnr_db,
        "best_of": result.samples,
        "best_of_videos": result.sequences,
    }

"""Evaluation of a trained model on held-out test images, the same for every run of a budget."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bench import seeds
from bench.bound import Bound, bound
from bench.data import Data, subset, to_float
from bench.generate import generate
from bench.metrics import BestOfSamples, information, quantise
from bench.models import Model
from bench.quality import quality
from bench.spec import RunSpec
from bench.store import Store


@torch.no_grad()
def evaluate(model: Model, data: Data, spec: RunSpec, store: Store) -> dict[str, Any]:
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
    sequences = {"test_sequences": len(test), "predicted_frames": on_test.frames}
    return {
        **on_test.columns(),
        "sigma": math.sqrt(on_test.variance),
        **{f"validation_{key}": value for key, value in on_validation.columns().items()},
        "test_images": len(test) * on_test.frames,
        "validation_images": len(validation) * on_validation.frames,
        **(sequences if model.video else {}),
        **_information(model, data.test, spec),
        **quality(model, data, spec, store),
        **_similarity(model, data.test, spec),
    }


def _finite(result: Bound, part: str) -> Bound:
    if not result.is_finite:
        raise FloatingPointError(f"the bound on {part} images is not finite")
    return result


def _information(model: Model, items: Tensor, spec: RunSpec) -> dict[str, Any]:
    chosen = subset(items, spec.evaluation.information_images, "information")
    parts = []
    for some in chosen.split(spec.evaluation.batch_size):
        posterior = model.posterior(to_float(some, model.device))
        if posterior is None:
            return {
                "information_absent": f"the code of {model.name} is not one factorised Gaussian"
            }
        parts.append(posterior)
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

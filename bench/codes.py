"""The codes of a model: their posteriors over many images, and what can be read off them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.data import Data, subset, to_float
from bench.metrics import probe_accuracy
from bench.models import Model, Posterior
from bench.spec import RunSpec


def absent(model: Model) -> str:
    """Why a model without `Model.posterior` lacks measures of its code."""
    return f"the code of {model.name} is not one factorised Gaussian"


@torch.no_grad()
def posteriors(model: Model, items: Tensor, batch_size: int) -> Posterior | None:
    """q(z|x) of items uint8 (N, C, H, W), (N, L) each; None where the model has no such code.

    Raises:
        FloatingPointError: one of them is not finite, or has no spread.
    """
    parts = []
    for some in items.split(batch_size):
        posterior = model.posterior(to_float(some, model.device))
        if posterior is None:
            return None
        parts.append(posterior)
    mean, std = (torch.cat(part) for part in zip(*parts, strict=True))
    if not (mean.isfinite() & std.isfinite() & (std > 0)).all():
        raise FloatingPointError("the posterior of an image is not finite")
    return Posterior(mean, std)


def linear_probe(model: Model, data: Data, spec: RunSpec) -> dict[str, Any]:
    """How well a linear classifier tells classes from posterior means; see docs/metrics.md.

    It is fitted on a fixed subset of the training part and scored on one of the test part. A model
    or data without what it needs has the column `probe_absent` instead, with the reason.

    Raises:
        FloatingPointError: the posterior of an image is not finite.
    """
    if data.labels is None:
        return {"probe_absent": "the data have no labels"}
    wanted = spec.evaluation
    codes, labels = [], []
    for part, items in (("train", data.train), ("test", data.test)):
        purpose = f"probe {part}"
        chosen = subset(items, wanted.probe_images, purpose)
        posterior = posteriors(model, chosen, wanted.batch_size)
        if posterior is None:
            return {"probe_absent": absent(model)}
        codes.append(posterior.mean)
        labels.append(subset(data.labels[part], wanted.probe_images, purpose))
    if len(labels[0].unique()) < 2:
        return {"probe_absent": "the training images chosen are all of one class"}
    return {
        "probe_accuracy": probe_accuracy(codes[0], labels[0], codes[1], labels[1]),
        "probe_images": len(labels[0]),
        "probe_test_images": len(labels[1]),
    }

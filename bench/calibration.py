"""The calibration of a trained decoder on images that it was not trained on."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bench import seeds
from bench.data import to_float
from bench.metrics import Calibration, Transforms, transform
from bench.models import Model
from bench.spec import RunSpec
from likelihoods import checked_level_cdf

ABSENT = "the likelihood has no level_cdf"


@torch.no_grad()
def calibration(model: Model, items: Tensor, spec: RunSpec) -> Calibration | None:
    """Transforms of all values of items uint8 (N, C, H, W) or (N, T, C, H, W), evaluation mode.

    Each value is judged under p(x|z) with one z ~ q(z|x) an item. Codes and randomisation depend
    on the seed and the batch alone, so they are the same for every likelihood.

    Returns:
        None where the likelihood has no cdf.

    Raises:
        FloatingPointError: the cdf of a value is not finite.
    """
    model.eval()
    size, device = spec.evaluation.batch_size, model.device
    counted = Transforms()
    for start in range(0, len(items), size):
        x = to_float(items[start : start + size], device)
        codes = seeds.generator(device, spec.seed, "calibration noise", "codes", start)
        places = seeds.generator(device, spec.seed, "calibration noise", "places", start)
        try:
            outputs, targets = model(x, codes).outputs, model.targets(x)
            below, above = checked_level_cdf(model.likelihood, outputs, targets)
        except NotImplementedError:  # no fault: `calibration_columns` gives the reason instead
            return None
        if not (below.isfinite() & above.isfinite()).all():
            raise FloatingPointError("the cdf of a test image is not finite")
        counted.update(transform(below, above, places))
    return counted.result()


def calibration_columns(model: Model, items: Tensor, spec: RunSpec) -> dict[str, Any]:
    """Every number of `calibration` under the name of its column; why there are none."""
    found = calibration(model, items, spec)
    if found is None:
        return {"calibration_absent": ABSENT}
    shares = {f"pit_{i:02d}": share for i, share in enumerate(found.histogram, start=1)}
    return {
        "calibration_error": found.error,
        **{f"coverage_{c}_percent": covered for c, covered in found.coverage.items()},
        **shares,
        "calibration_images": found.count // math.prod(model.likelihood.shape),
    }

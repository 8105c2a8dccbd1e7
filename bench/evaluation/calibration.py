"""The calibration of a trained decoder on images that it was not trained on."""

import math
from contextlib import suppress
from typing import ClassVar

import torch
from torch import Tensor

from bench import seeds
from bench.data import subset, to_float
from bench.evaluation.base import (
    Measured,
    Measurement,
    NotApplicableError,
    NotFiniteError,
    Trained,
    Trial,
)
from bench.metrics.calibration import Calibration as Summary
from bench.metrics.calibration import Transforms, transform
from bench.models import Model
from bench.settings import Count
from likelihoods import checked_level_cdf
from reports import Metric


@torch.no_grad()
def summarise_pit(model: Model, items: Tensor, *, seed: int, batch_size: int) -> Summary:
    """Probability integral transforms of all values of items, uint8 (N, [T,] C, H, W).

    Each value is judged under p(x|z) with one z ~ q(z|x) an item. Latents and randomisation depend
    on the seed and the batch alone, so they are the same for every likelihood. The model is put
    into evaluation mode.

    Raises:
        NotApplicableError: the likelihood has no cdf.
        NotFiniteError: the cdf of a value is not finite.
    """
    model.eval()
    device = model.device
    transforms = Transforms()
    for start in range(0, len(items), batch_size):
        x = to_float(items[start : start + batch_size], device)
        posterior = seeds.generator(device, seed, "calibration noise", "codes", start)
        randomisation = seeds.generator(device, seed, "calibration noise", "places", start)
        outputs, targets = model(x, posterior).outputs, model.targets(x)
        try:
            below, above = checked_level_cdf(model.likelihood, outputs, targets)
        except NotImplementedError:  # a likelihood may have no cdf: its results say so
            raise NotApplicableError("the likelihood has no level_cdf") from None
        if not (below.isfinite() & above.isfinite()).all():
            raise NotFiniteError("the cdf of a test image is not finite")
        transforms.update(transform(below, above, randomisation))
    return transforms.result()


METRICS = (
    Metric(
        "calibration_error",
        "calibration error",
        "mean distance |F(p) − p| of the distribution F of u from the uniform one over p = 0.05, "
        "0.10, ... 0.95; u is the cdf of a test value under p(x|z), z ~ q(z|x), at a random place "
        "within its own grey level (pit). 0 to 0.5",
        decimals=4,
        best="lowest",
        source="after Kuleshov et al., arXiv:1807.00263, section 3.5",
    ),
    Metric(
        "coverage_{c}_percent",
        "in {c} % interval",
        "how many percent of the test values have u within the central c percent; a calibrated "
        "decoder has c",
        unit="%",
        decimals=1,
    ),
    Metric(
        "pit_{bin}",
        "u in bin {bin}",
        "share of the test values with u in one of equal bins of [0, 1]; equal shares are best",
    ),
    Metric.number_of("calibration_images", "test images for the calibration"),
)


class Calibration(Measurement):
    """Whether what a decoder calls improbable happens as rarely as it says."""

    name: ClassVar[str] = "calibration"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    calibration_images: Count = 1000  # test items whose values are judged

    def measure(self, trained: Trained) -> Measured:
        """Take the pit of all values of a fixed subset of the test part."""
        items = subset(trained.data.test, self.calibration_images, "calibration")
        summary = summarise_pit(trained.model, items, seed=trained.seed, batch_size=self.batch_size)
        shares = {f"pit_{i:02d}": share for i, share in enumerate(summary.histogram, start=1)}
        coverage = {f"coverage_{c}_percent": share for c, share in summary.coverage.items()}
        images = summary.count // math.prod(trained.model.likelihood.shape)
        error = {"calibration_error": summary.error}
        return Measured({**error, **coverage, **shares, "calibration_images": images})

    def seconds(self, trial: Trial) -> float:
        """Judged images."""
        model, seed = trial.trained.model, trial.trained.seed

        def judge(few: Tensor) -> None:
            with suppress(NotApplicableError):  # it costs what it took to learn that
                summarise_pit(model, few, seed=seed, batch_size=self.batch_size)

        items = min(self.calibration_images, len(trial.trained.data.test))
        return items * trial.seconds("calibration", judge)

    def describe(self, items: str) -> str:
        """Number of items."""
        return f"{self.calibration_images} test {items} for the calibration"

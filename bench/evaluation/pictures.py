"""The pictures that are kept of a model for a person to look at."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from bench import seeds
from bench.data import subset, to_float
from bench.evaluation.base import Images, Measured, Measurement, Trained, Trial
from bench.evaluation.generation import generate, repeated
from bench.metrics.images import quantise
from reports import Metric

GRID_COLUMNS = 8  # pictures side by side
SAMPLES = 8 * GRID_COLUMNS

METRICS = (
    Metric(
        "shown_frames",
        "shown frames",
        "numbers of the frames in a row of pictures, counted from 1",
        unit="text",
    ),
)


class Pictures(Measurement):
    """Samples and reconstructions.

    `samples` are (64, H, W, C) decoder means of latents drawn from the prior; of video, eight
    samples of how the first frames of one test sequence might go on. `reconstructions` are (16, H,
    W, C): eight test images, then their reconstructions; of video, frames of that one sequence. Of
    video a row of pictures is `GRID_COLUMNS` frames of one sequence, evenly spread.
    """

    name: ClassVar[str] = "pictures"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS

    def measure(self, trained: Trained) -> Measured:
        """Draw both."""
        return _of_video(trained) if trained.model.video else _of_images(trained)

    def seconds(self, trial: Trial) -> float:
        """Too little to count."""
        return 0.0


def _of_images(trained: Trained) -> Measured:
    model, items = trained.model, trained.data.test
    chosen = subset(items, GRID_COLUMNS, "shown")
    means = _reconstructed(trained, to_float(chosen, model.device))
    samples = generate(model, repeated(items, SAMPLES), trained.seed, 0)
    pairs = torch.cat([chosen.to(model.device), quantise(means)])
    return Measured({}, {"samples": _as_images(samples), "reconstructions": _as_images(pairs)})


def _of_video(trained: Trained) -> Measured:
    model = trained.model
    one = subset(trained.data.test, GRID_COLUMNS, "shown")[:1]
    x = to_float(one, model.device)
    means = _reconstructed(trained, x)
    shown = torch.linspace(0, x.shape[1] - 1, GRID_COLUMNS).round().long().tolist()

    def rows(predicted: Tensor) -> Tensor:
        """The shown frames (8 N, C, H, W) of predictions (N, F, C, H, W) after the first frames."""
        first = one[:, : x.shape[1] - predicted.shape[1]].to(model.device)
        whole = torch.cat([first.expand(len(predicted), *first.shape[1:]), predicted], dim=1)
        return whole[:, shown].flatten(0, 1)

    samples = generate(model, repeated(one, SAMPLES // GRID_COLUMNS), trained.seed, 0)
    original = one[0, shown].to(model.device)
    pairs = torch.cat([original, rows(quantise(means)[None])])
    images = {"samples": _as_images(rows(samples)), "reconstructions": _as_images(pairs)}
    return Measured({"shown_frames": ", ".join(str(number + 1) for number in shown)}, images)


def _reconstructed(trained: Trained, x: Tensor) -> Tensor:
    """Decoder means of one posterior sample of each item."""
    noise = seeds.generator(x.device, trained.seed, "evaluation noise", "shown")
    means: Tensor = trained.model.likelihood(trained.model(x, noise).outputs).mean
    return means


def _as_images(images: Tensor) -> Images:
    result: Images = np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())
    return result

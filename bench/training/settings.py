"""How one model is trained, and what is recorded meanwhile."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bench.settings import Count, Fraction, Settings


class Training(Settings):
    """How one model is trained. Identical for every likelihood of a column."""

    optimiser: Literal["adam", "adamax"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    batch_size: Count = 128
    warmup: Fraction = 0.0
    """The part of the training over which the learning rate grows linearly to its value."""
    decay: Fraction = 0.0
    """The part at the end over which the learning rate falls linearly to zero: at the full rate the
    last weights are the noisiest."""
    kl_warmup: Fraction = 0.0
    """The part over which the weight of the KL grows linearly to its value (Sonderby et al. 2016,
    "Ladder Variational Autoencoders", arXiv:1602.02282)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of convolutions and matrix products in training; where the device has no units for bfloat16,
    a plan says float32 instead. All else is float32, and so are evaluation and calibration; but
    convolutions in float32 on a GPU are TF32, as PyTorch has them (docs/performance.md)."""
    start: Literal["published", "data"] = "published"
    """Where what a likelihood learns beside the network starts: where the paper has it, or from the
    training images (`Likelihood.start_from`)."""
    dequantise: bool = False
    """Whether densities are trained on images with uniform noise of one level, x + (u - 1/2) / 255
    (Theis et al. 2016, arXiv:1511.01844): the expected log density is then a lower bound on the
    log of the mass by which they are scored. The network sees the images themselves."""
    calibration_images: Count = 5000
    """Training items that likelihoods are calibrated on at the end, and may start from."""
    epochs: Count | None = None
    steps: Count | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Training:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give exactly one of epochs and steps")
        return self

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step (counted from 0) out of all steps."""
        up, down = _ramp(step, self.warmup * steps), _ramp(steps - step - 1, self.decay * steps)
        return self.learning_rate * min(up, down)

    def kl_share(self, step: int, steps: int) -> float:
        """The part of its full weight that the KL has at a step (counted from 0)."""
        return _ramp(step, self.kl_warmup * steps)

    def total_steps(self, images: int) -> int:
        """Optimiser steps on a training set of `images`; an incomplete last batch is dropped."""
        per_epoch = max(1, images // min(self.batch_size, images))
        return self.steps if self.steps is not None else (self.epochs or 1) * per_epoch


class History(Settings):
    """The convergence curve that is recorded while a model is trained."""

    points: Annotated[int, Field(ge=2)] = 20
    """Points of the curve; one more is at 90 % of the steps."""
    images: Count = 1000
    """Validation items behind each point, and training items that likelihoods see before it."""
    batch_size: Count = 128
    """Items at once."""

    def steps(self, total: int) -> list[int]:
        """Steps of the points: dense early, where curves are steep; 0 and the last among them.

        The one at 90 % shows whether anything still moves at the end.
        """
        dense = {round(total * (i / (self.points - 1)) ** 2) for i in range(self.points)}
        return sorted(dense | {round(0.9 * total)})


def _ramp(step: int, length: float) -> float:
    return min(1.0, (step + 1) / length) if length else 1.0

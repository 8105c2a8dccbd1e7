"""Training: one loop for every model and every likelihood.

The loop never waits for the device: losses stay there, and are looked at only at the few steps
where the model is scored on validation images or a checkpoint is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from bench import seeds
from bench.data import Data, images, subset, to_float
from bench.evaluation.base import clock
from bench.evaluation.elbo import estimate_elbo
from bench.models import Model
from bench.training.settings import History, Training
from bench.training.step import steps_of

CHECKPOINT_SECONDS = 20.0
"""Training time between two checkpoints; more of it is not lost when a run is killed."""

Progress = Callable[[float], None]
"""Hears now and then how much of the training is done, from 0 to 1."""

Save = Callable[[dict[str, Any]], None]
"""Keeps a state of the trainer."""

Stop = Callable[[float], bool]
"""Is told the seconds of training so far after each step, and says whether that was the last."""


@dataclass(frozen=True)
class Trajectory:
    """What training left behind, beside the model's weights."""

    history: pd.DataFrame
    """One row a point of the curve: step, seconds (of training alone), and the validation elbo."""
    seconds: float
    diverged_step: int | None = None
    """The first step whose loss was NaN or infinite."""
    stopped_step: int | None = None
    """The step after which it was told to stop."""


@torch.no_grad()
def calibrate(model: Model, items: Tensor, *, seed: int, batch_size: int) -> None:
    """Let the likelihood see training items uint8 (N, ...) under the weights of the model.

    Leaves the model in evaluation mode. The posterior noise depends on the seed and the batch
    alone. A likelihood that has nothing to calibrate asks for no batch, and none is computed.
    """

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(items), batch_size):
            x = to_float(items[start : start + batch_size], model.device)
            noise = seeds.generator(model.device, seed, "calibration of the likelihood", start)
            yield model(x, noise).outputs, model.targets(x)

    model.eval()
    model.likelihood.calibrate(batches())


class Trainer:
    """Trains one model, on the device of its data; its state can be taken and put back any time."""

    def __init__(
        self, model: Model, data: Data, training: Training, history: History, seed: int
    ) -> None:
        self.model, self.data, self.training, self.seed = model, data, training, seed
        self.steps = training.total_steps(len(data.train))
        model.precision = getattr(torch, training.precision)
        self._curve = history
        self._points = set(history.steps(self.steps))
        self._validation = subset(data.validation, history.images, "validation")
        self._fitted = subset(data.train, training.calibration_images, "calibration")
        self._steps = steps_of(model, data, training, seed)
        self._losses = torch.zeros(self.steps, device=data.device)
        self._step = 0
        self._seconds = 0.0
        self._rows: list[dict[str, float]] = []

    @property
    def replayed(self) -> bool | None:
        """Whether steps were replayed from a recording; None where they never are."""
        return self._steps.replayed

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values from which training goes on as if it had not stopped."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self._steps.optimizer.state_dict(),
            "losses": self._losses,
            "step": self._step,
            "seconds": self._seconds,
            "rows": self._rows,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self._steps.optimizer.load_state_dict(state["optimizer"])
        self._losses = state["losses"]
        self._step, self._seconds, self._rows = state["step"], state["seconds"], state["rows"]

    def run(
        self,
        *,
        save: Save | None = None,
        progress: Progress = lambda done: None,
        stop: Stop = lambda seconds: False,
    ) -> Trajectory:
        """Train to the last step, the first loss that is not finite, or until told to stop.

        `save` gets checkpoints, one of them when training is told to stop.
        """
        if self._step == 0:
            if self.training.start == "data":
                self.model.likelihood.start_from(images(to_float(self._fitted, self.data.device)))
            self._record()
        self.model.train()
        saved = started = clock(self.data.device)
        report_every = max(1, self.steps // 100)
        diverged, stopped = None, False
        while self._step < self.steps and diverged is None and not stopped:
            self._losses[self._step] = self._steps.take(self._step)
            self._step += 1
            if self._step % report_every == 0:
                progress(self._step / self.steps)
            point = self._step in self._points
            now, last = time.perf_counter(), self._step == self.steps
            stopped = not last and stop(self._seconds + now - started)
            due = now - saved > CHECKPOINT_SECONDS or last or stopped
            if point or (save and due):
                self._seconds += clock(self.data.device) - started
                self._steps.check(self._losses)
                diverged = _first_not_finite(self._losses[: self._step])
                if point and diverged is None:
                    self._record()
                    if self._step == self.steps:
                        self._calibrate(len(self._fitted))
                    self.model.train()
                if save and due and diverged is None:
                    save(self.state_dict())
                    saved = time.perf_counter()
                started = clock(self.data.device)
        stopped_step = self._step if stopped and diverged is None else None
        return Trajectory(pd.DataFrame(self._rows), self._seconds, diverged, stopped_step)

    def _record(self) -> None:
        """Add a point to the curve, unless the checkpoint that training went on from has it.

        The likelihood is calibrated for it, and put back: what it keeps in training lags behind
        the weights (docs/validity.md).
        """
        if any(row["step"] == self._step for row in self._rows):
            return
        kept = deepcopy(self.model.likelihood.state_dict())
        self._calibrate(self._curve.images)
        size = self._curve.batch_size
        estimate = estimate_elbo(
            self.model, self._validation, seed=self.seed, batch_size=size, purpose="validation"
        )
        self.model.likelihood.load_state_dict(kept)
        self._rows.append({"step": self._step, "seconds": self._seconds, **estimate.columns()})

    def _calibrate(self, count: int) -> None:
        items, size = self._fitted[:count], self._curve.batch_size
        calibrate(self.model, items, seed=self.seed, batch_size=size)


def _first_not_finite(losses: Tensor) -> int | None:
    """The first step (counted from 1) whose loss is not finite."""
    steps = (~losses.isfinite()).nonzero()
    return int(steps[0]) + 1 if len(steps) else None

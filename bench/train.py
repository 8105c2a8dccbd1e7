"""Training: one loop for every model and every likelihood.

The loop never waits for the device: losses stay there, and are looked at only at the few steps
where the model is measured on validation images or a checkpoint is written. Batch order and
posterior noise are derived from the seed and the step (bench.seeds), so they are the same for every
likelihood, and a run that goes on from a checkpoint repeats the uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor

from bench import seeds
from bench.bound import bound
from bench.data import Data, subset, to_float
from bench.models import Model
from bench.spec import RunSpec
from bench.suite import Training

CHECKPOINT_SECONDS = 20.0
"""Training time between two checkpoints; more of it is not lost when a run is killed."""

Progress = Callable[[float], None]
"""Told now and then how much of the training is done, from 0 to 1."""


class Keeper(Protocol):
    """Where checkpoints and histories go."""

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, or None."""

    def save(self, state: dict[str, Any]) -> None:
        """Keep a checkpoint."""


@dataclass
class Outcome:
    """What training left behind, beside the model's weights."""

    history: pd.DataFrame
    """One row a measurement: step, seconds (of training alone), and the validation bound."""
    seconds: float
    diverged_step: int | None = None
    """The first step whose loss was NaN or infinite."""


@dataclass
class _State:
    step: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)


def optimiser(model: Model, training: Training) -> torch.optim.Optimizer:
    """The optimiser that the protocol names, fused where PyTorch has a fused one."""
    if training.optimiser == "adamax":
        return torch.optim.Adamax(model.parameters(), lr=training.learning_rate, foreach=True)
    return torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=True)


def measurement_steps(steps: int, count: int) -> list[int]:
    """Steps at which the model is measured: dense early, where curves are steep; 0 and the last."""
    return sorted({round(steps * (i / (count - 1)) ** 2) for i in range(count)})


class BatchOrder:
    """The indices of each batch: a fresh permutation every epoch, the incomplete batch dropped."""

    def __init__(self, items: int, batch_size: int, seed: int, device: torch.device) -> None:
        self.batch_size = min(batch_size, items)
        self.per_epoch = items // self.batch_size
        self._items, self._seed, self._device = items, seed, device
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)

    def __call__(self, step: int) -> Tensor:
        """Indices (batch_size,) of the items of a step (counted from 0)."""
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            # Drawn on the CPU: the order is the same whatever the device.
            order = torch.randperm(
                self._items, generator=seeds.generator("cpu", self._seed, "batch order", epoch)
            )
            self._order, self._epoch = order.to(self._device), epoch
        return self._order[position * self.batch_size : (position + 1) * self.batch_size]


def training_step(
    model: Model,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    noise: torch.Generator,
    *,
    kl_share: float = 1.0,
) -> Tensor:
    """One step on items (B, ...); returns the loss, in nats per item, on the device."""
    log_likelihood, kl = model.elbo(x, noise)
    loss = (kl_share * model.likelihood.kl_weight * kl - log_likelihood).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


def train(
    model: Model,
    data: Data,
    spec: RunSpec,
    *,
    keeper: Keeper | None = None,
    progress: Progress = lambda done: None,
) -> Outcome:
    """Train a model as its run says, from the last checkpoint if there is one.

    Args:
        model: on the device of `data`.
        data: uint8 items.
        spec: the run.
        keeper: keeps checkpoints; None keeps none.
        progress: told how much is done.
    """
    device = data.device
    steps = spec.training.total_steps(len(data.train))
    measured_at = set(measurement_steps(steps, spec.evaluation.measurements))
    validation = subset(data.validation, spec.evaluation.validation_images, "validation")
    batches = BatchOrder(len(data.train), spec.training.batch_size, spec.seed, data.train.device)
    optimizer = optimiser(model, spec.training)
    losses = torch.zeros(steps, device=device)
    state = _State()
    if keeper and (kept := keeper.load()):
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        losses = kept["losses"]
        state = _State(kept["step"], kept["seconds"], kept["rows"])

    def measure(step: int) -> None:
        if not any(row["step"] == step for row in state.rows):
            result = bound(model, validation, spec, "validation")
            state.rows.append({"step": step, "seconds": state.seconds, **result.columns()})

    def synchronise() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    if state.step == 0:
        measure(0)
    model.train()
    saved = started = synchronise()
    tell_every = max(1, steps // 100)
    diverged = None
    while state.step < steps and diverged is None:
        x = to_float(data.train[batches(state.step)], device)
        noise = seeds.generator(device, spec.seed, "posterior noise", state.step)
        for group in optimizer.param_groups:
            group["lr"] = spec.training.rate(state.step, steps)
        losses[state.step] = training_step(
            model, optimizer, x, noise, kl_share=spec.training.kl_share(state.step, steps)
        )
        state.step += 1
        if state.step % tell_every == 0:
            progress(state.step / steps)
        measured = state.step in measured_at
        due = time.perf_counter() - saved > CHECKPOINT_SECONDS or state.step == steps
        if measured or (keeper and due):
            state.seconds += synchronise() - started
            diverged = _first_bad(losses[: state.step])
            if measured and diverged is None:
                measure(state.step)
                model.train()
            if keeper and due and diverged is None:
                keeper.save(_checkpoint(model, optimizer, losses, state))
                saved = time.perf_counter()
            started = synchronise()
    return Outcome(pd.DataFrame(state.rows), state.seconds, diverged)


def _first_bad(losses: Tensor) -> int | None:
    """The first step (counted from 1) whose loss is not finite."""
    bad = (~losses.isfinite()).nonzero()
    return int(bad[0]) + 1 if len(bad) else None


def _checkpoint(
    model: Model, optimizer: torch.optim.Optimizer, losses: Tensor, state: _State
) -> dict[str, Any]:
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "losses": losses,
        "step": state.step,
        "seconds": state.seconds,
        "rows": state.rows,
    }

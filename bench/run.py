"""One run from start to end: build, train, evaluate, store."""

from __future__ import annotations

import os
import time
import traceback
from functools import partial
from typing import Any

import torch

import likelihoods
from bench import models
from bench.data import Data, on_device
from bench.environment import environment
from bench.errors import UsageError
from bench.evaluate import evaluate
from bench.generate import pictures
from bench.memory import TooLargeError, check
from bench.models import Model
from bench.spec import TOO_LARGE, RunSpec
from bench.store import Store
from bench.train import Progress, train


def build(spec: RunSpec, data: Data) -> Model:
    """The model of a run, freshly initialised, on the device of the data."""
    likelihood = likelihoods.create(spec.likelihood, shape=data.shape, **spec.likelihood_options)
    model = models.create(spec.model, likelihood, seed=spec.seed, **spec.model_options)
    model.to(data.device)
    return model.to(memory_format=torch.channels_last)


def execute(
    spec: RunSpec, store: Store, device: torch.device, progress: Progress = lambda done: None
) -> dict[str, Any]:
    """Train and evaluate one run and keep everything; returns its metrics.

    A run that is done is left as it is. A run that fails is kept as failed, with the reason, and
    the next one can go on.
    """
    kept = store.metrics(spec.run_id)
    if kept is not None and store.is_done(spec.run_id):
        return kept
    try:
        with likelihoods.without_validation():
            return _execute(spec, store, device, progress)
    except TooLargeError as error:
        metrics = {"status": TOO_LARGE, "error": str(error)}
        store.write_metrics(spec.run_id, metrics)
        return metrics
    except Exception as error:
        metrics = {"status": "failed", "error": _reason(spec, error)}
        store.write_error(spec.run_id, traceback.format_exc())
        store.write_metrics(spec.run_id, metrics)
        return metrics


def _reason(spec: RunSpec, error: Exception) -> str:
    """Why a run failed, in one line; of a user's likelihood, what tells more."""
    for reference in likelihoods.references():
        file, _, name = reference.rpartition(":")
        if name == spec.likelihood:
            told = f"python -m bench check {os.path.relpath(file)}:{name}"
            return f"{likelihoods.described(error)}; `{told}` may say where"
    return likelihoods.described(error)


class _Keeper:
    """Checkpoints of one run, in the store."""

    def __init__(self, store: Store, run_id: str, device: torch.device) -> None:
        self._load = partial(store.checkpoint, run_id, device)
        self.save = partial(store.write_checkpoint, run_id)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint; not the bare weights of a run that had ended."""
        state = self._load()
        return state if state and "optimizer" in state else None


def _execute(
    spec: RunSpec, store: Store, device: torch.device, progress: Progress
) -> dict[str, Any]:
    run_id = spec.run_id
    store.begin(spec, environment(device))
    data = on_device(spec.data_set, device)
    if data.checksum != spec.data_checksum:
        raise UsageError(
            f"{spec.data_set} has changed since the run was planned (checksum {data.checksum}, "
            f"planned {spec.data_checksum}): run it again"
        )
    model = build(spec, data)
    needed = check(model, data, spec)
    outcome = train(model, data, spec, keeper=_Keeper(store, run_id, device), progress=progress)
    store.write_history(run_id, outcome.history)
    metrics: dict[str, Any] = {
        "status": "finished",
        "measure": model.likelihood.measure,
        "outputs_per_value": model.likelihood.outputs_per_value,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": spec.training.total_steps(len(data.train)),
        "batch_size": min(spec.training.batch_size, len(data.train)),
        "step_memory_megabytes": needed / 1e6,
        "train_seconds": outcome.seconds,
        "smallest_sigma_reached": float(outcome.history["smallest_sigma"].min()),
    }
    if outcome.diverged_step is not None:
        metrics |= {
            "status": "diverged",
            "diverged_step": outcome.diverged_step,
            "error": f"the loss is not finite at step {outcome.diverged_step}",
        }
    else:
        started = time.perf_counter()
        try:
            found = evaluate(model, data, spec, store)
            shown = pictures(model, data.test, spec)
        except FloatingPointError as error:
            metrics |= {"status": "diverged", "diverged_step": metrics["steps"]}
            metrics["error"] = str(error)
        else:
            store.write_images(run_id, "samples", shown.samples)
            store.write_images(run_id, "reconstructions", shown.reconstructions)
            metrics |= found
            if shown.frames:
                metrics["shown_frames"] = ", ".join(map(str, shown.frames))
        metrics["evaluate_seconds"] = time.perf_counter() - started
    store.write_metrics(run_id, metrics)
    # From here on the weights alone: what the optimiser remembers is of no more use.
    store.write_checkpoint(run_id, {"model": model.state_dict()})
    return metrics

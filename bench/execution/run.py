"""One run from start to end: build, train, measure what is missing, store."""

from __future__ import annotations

import math
import os
import time
import traceback
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

import likelihoods
from bench import models
from bench.data import Data, on_device
from bench.environment import environment
from bench.errors import UsageError
from bench.evaluation import Measurement, Outcome, Result, Trained, take
from bench.execution.memory import TooLargeError, check_memory
from bench.models import Model
from bench.store import Store
from bench.suite import RunSpec
from bench.training import Trainer
from bench.training.trainer import Progress
from reports import Metric, Status


@dataclass(frozen=True)
class Task:
    """What is to be done of one run."""

    spec: RunSpec
    measurements: tuple[Measurement, ...]
    """Those that are missing; all of them if the run is still to be trained."""
    train: bool
    """Whether it is still to be trained."""


@dataclass(frozen=True)
class Report:
    """What became of a task, for a line on the terminal."""

    status: Status
    error: str = ""
    columns: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    """Measurements without a result that they should have, with the reason."""


def build(spec: RunSpec, data: Data) -> Model:
    """The model of a run, freshly initialised, on the device of the data."""
    likelihood = likelihoods.create(spec.likelihood, shape=data.shape, **spec.likelihood_options)
    model = models.create(spec.model, likelihood, seed=spec.seed, **spec.model_options)
    model.to(data.device)
    return model.to(memory_format=torch.channels_last)


@likelihoods.without_validation()
def execute(
    task: Task, store: Store, device: torch.device, progress: Progress = lambda done: None
) -> Report:
    """Train a run if that is still to be done, and make its missing measurements.

    What fails is kept with its reason. A run that fails in training has no measurements; a
    measurement that fails takes no other with it.
    """
    started = time.perf_counter()
    spec = task.spec
    try:
        data = _data(spec, device)
        model = build(spec, data)
        trained = store.is_trained(spec.run_id)  # also by a process that then died of this task
        weights = store.state(spec.run_id, "weights", device) if trained else None
        if weights is None:
            _train(spec, model, data, store, progress)
        else:
            model.load_state_dict(weights)
    except TooLargeError as error:
        return ended(spec, store, Status.TOO_LARGE, str(error))
    except Exception as error:
        store.write_error(spec.run_id, traceback.format_exc())
        return ended(spec, store, Status.FAILED, _reason(spec, error))
    record = store.record(spec.run_id) or {}
    status = Status(record["status"])
    if status is not Status.FINISHED:
        return Report(status, record.get("error", ""))
    columns, problems = _measure(task, model, data, store)
    return Report(status, "", columns, time.perf_counter() - started, problems)


def ended(spec: RunSpec, store: Store, status: Status, error: str) -> Report:
    """Record that a run was not trained; one that was trained before stays so."""
    if not store.is_trained(spec.run_id):
        store.write_record(spec.run_id, {"status": status, "error": error})
    return Report(status, error)


def _data(spec: RunSpec, device: torch.device) -> Data:
    data = on_device(spec.data_set, device)
    if data.checksum != spec.data_checksum:
        raise UsageError(
            f"{spec.data_set} has changed since the run was planned (checksum {data.checksum}, "
            f"planned {spec.data_checksum}): run it again"
        )
    return data


def _train(spec: RunSpec, model: Model, data: Data, store: Store, progress: Progress) -> None:
    """Train a model from its last checkpoint, and keep history, weights and how it ended."""
    run_id = spec.run_id
    store.begin(spec, environment(data.device))
    needed = check_memory(model, data, spec.training)
    trainer = Trainer(model, data, spec.training, spec.history, spec.seed)
    if state := store.state(run_id, "checkpoint", data.device):
        trainer.load_state_dict(state)
    save = partial(store.write_state, run_id, "checkpoint")
    trajectory = trainer.run(save=save, progress=progress)
    store.write_history(run_id, trajectory.history)
    record: dict[str, Any] = {
        "status": Status.FINISHED,
        "measure": model.likelihood.measure,
        "outputs_per_value": model.likelihood.outputs_per_value,
        "dimensions": math.prod(model.likelihood.shape),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": trainer.steps,
        "batch_size": min(spec.training.batch_size, len(data.train)),
        "step_memory_megabytes": needed / 1e6,
        "train_seconds": trajectory.seconds,
        "smallest_sigma_reached": float(trajectory.history["smallest_sigma"].min()),
        **_best_point(trajectory.history),
    }
    if trajectory.diverged_step is None:
        store.write_state(run_id, "weights", model.state_dict())
    else:
        record |= {
            "status": Status.DIVERGED,
            "diverged_step": trajectory.diverged_step,
            "error": f"the loss is not finite at step {trajectory.diverged_step}",
        }
    store.write_record(run_id, record)


def _best_point(history: pd.DataFrame) -> dict[str, float | None]:
    """Where the curve on validation images is lowest."""
    finite = history[np.isfinite(history["bits_per_dim"])].sort_values("bits_per_dim")
    return {
        f"best_validation_{key}": float(finite[key].iloc[0]) if len(finite) else None
        for key in ("bits_per_dim", "step")
    }


def _measure(
    task: Task, model: Model, data: Data, store: Store
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Make the missing measurements one after the other, each kept as soon as it is there."""
    trained = Trained(model, data, task.spec.seed, store)
    machine = environment(data.device)
    columns: dict[str, Any] = {}
    problems = []
    for measurement in task.measurements:
        started = time.perf_counter()
        try:
            result = take(measurement, trained)
        except Exception as error:
            store.write_error(task.spec.run_id, traceback.format_exc())
            reason = _reason(task.spec, error)
            result = Result(Outcome.FAILED, time.perf_counter() - started, reason=reason)
        store.write_measurement(task.spec.run_id, measurement, result, machine)
        columns |= result.columns
        if result.outcome in (Outcome.FAILED, Outcome.NOT_FINITE):
            problems.append(f"{measurement.label}: {result.reason}")
    return columns, tuple(problems)


def _reason(spec: RunSpec, error: Exception) -> str:
    """Why a run failed, in one line; of a user's likelihood, also what tells more."""
    for reference in likelihoods.references():
        file, _, name = reference.rpartition(":")
        if name == spec.likelihood:
            command = f"python -m bench check {os.path.relpath(file)}:{name}"
            return f"{likelihoods.described(error)}; `{command}` may say where"
    return likelihoods.described(error)


_words = partial(Metric, unit="text")
_seconds = partial(Metric, unit="s", decimals=1)
_whole = partial(Metric, decimals=0)
METRICS = (
    _words("status", "status", "finished, diverged, failed or too large"),
    _whole("diverged_step", "diverged at", "first step whose loss was not finite"),
    _words("error", "error", "why a run did not finish, in one line"),
    _words("not_measured", "not measured", "what a finished run lacks, and why of each"),
    _words("measure", "measure", "what the NLL is of: density, mass or unnormalised"),
    _whole(
        "outputs_per_value",
        "raw outputs a value",
        "raw decoder channels for each data channel",
        constant=True,
    ),
    _whole(
        "dimensions",
        "values of an image",
        "height × width × channels of an image, or of a frame",
        constant=True,
    ),
    _whole(
        "parameters",
        "parameters",
        "trainable numbers of encoder, decoder, head and likelihood",
        constant=True,
    ),
    Metric.number_of("steps", "training steps"),
    Metric.number_of("batch_size", "items in a batch"),
    Metric(
        "step_memory_megabytes",
        "memory of a step",
        "what one training step needs at least: parameters, gradients, the optimiser's state and "
        "what is kept for the backward pass",
        unit="MB",
        constant=True,
    ),
    _seconds(
        "train_seconds",
        "training",
        "wall-clock time of the training steps alone; it compares within a report only",
    ),
    Metric(
        "smallest_sigma_reached",
        "smallest σ",
        "the least standard deviation of any value of a validation image at any point of the "
        "history, also of a run that diverged, in units of x in [0, 1]",
    ),
    Metric(
        "best_validation_bits_per_dim",
        "best validation bits/dim",
        "the lowest bits/dim of any point of the history, on the validation images of the history, "
        "also of a run that diverged; all else is measured at the last step",
        decimals=3,
    ),
    _whole("best_validation_step", "best at step", "the step of that point"),
    _seconds("evaluate_seconds", "evaluation", "wall-clock time of all measurements"),
    _seconds("evaluate_seconds_{part}", "evaluation: {part}", "wall-clock time of one measurement"),
    _words(
        "{measurement}_absent",
        "no {measurement}",
        "why a measurement does not exist for the model or the data",
    ),
)

"""One run from start to end: build, train, measure what is missing, store."""

from __future__ import annotations

import math
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

import likelihoods
from bench import interrupts, models
from bench.data import Data, on_device
from bench.environment import Watch, circumstances
from bench.errors import DiskError, UsageError
from bench.evaluation import Measurement, Outcome, Result, Trained, take
from bench.execution import curves
from bench.execution.memory import TooLargeError, check_memory
from bench.models import Model
from bench.store import Store
from bench.suite import RunSpec
from bench.training import Trainer, Trajectory
from bench.training.trainer import Progress
from likelihoods import Likelihood
from reports import Metric, Status


class InputChangedError(UsageError):
    """Data or a user's file are not those that a run was planned with: no fault of the run."""


class OutOfTimeError(RuntimeError):
    """A training that took longer than it may; one line with how far it came."""


STATUSES: dict[type[Exception], Status] = {
    TooLargeError: Status.TOO_LARGE,
    OutOfTimeError: Status.OUT_OF_TIME,
}
"""Errors that are a status of their own."""
LAST_LINES = 20
"""Of the traceback of a failure, which are kept."""


@dataclass(frozen=True)
class Terms:
    """How a command does runs; nothing of it is in what identifies them."""

    command: str = ""
    """As the user typed it."""
    retry_failed: bool = False
    """Whether runs and measurements that failed are tried again."""
    max_seconds: float | None = None
    """Seconds of training after which a run is stopped, those of earlier commands included."""
    log: bool = False
    """Whether curves are written for TensorBoard."""

    def leaves(self, record: Mapping[str, Any]) -> bool:
        """Whether a run that ended like this stays as it is."""
        status, failure = record["status"], record.get("failure", {})
        if status in (Status.FINISHED, Status.DIVERGED):
            return True
        if status == Status.OUT_OF_TIME:
            limit = self.max_seconds
            return not self.retry_failed and limit is not None and limit <= failure["max_seconds"]
        # What was no fault of the run is tried again in any case.
        return not (self.retry_failed or failure.get("input_changed"))


DEFAULT = Terms()


@dataclass(frozen=True)
class Task:
    """What is to be done of one run."""

    spec: RunSpec
    measurements: tuple[Measurement, ...]
    """Those that are missing; all of them if the run is still to be trained."""
    train: bool
    """Whether it is still to be trained."""
    terms: Terms = DEFAULT
    turns: int = 0
    """How often the run had been carried out when this was planned."""


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
    spec, watch = task.spec, Watch(device, task.terms.command)
    _take_up(task, store, watch)
    try:
        data = _data(spec, device)
        model = build(spec, data)
        trained = store.is_trained(spec.run_id)  # also by a process that then died of this task
        weights = store.state(spec.run_id, "weights", device) if trained else None
        if weights is None:
            _train(task, model, data, store, progress=progress, watch=watch)
        else:
            _restore(model, weights, "weights")
    except DiskError:
        raise
    except Exception as error:
        return ended(task, store, error)
    record = store.record(spec.run_id) or {}
    status = Status(record["status"])
    if status is not Status.FINISHED:
        return Report(status, record.get("error", ""))
    columns, problems = _measure(task, model, data, store)
    return Report(status, "", columns, time.perf_counter() - started, problems)


def ended(task: Task, store: Store, error: Exception) -> Report:
    """Record that a run was not trained, and why; one that was trained before stays so."""
    spec, status = task.spec, STATUSES.get(type(error), Status.FAILED)
    reason = _reason(spec, error) if status is Status.FAILED else str(error)
    if not store.is_trained(spec.run_id):
        failure = {
            "traceback": _last_lines(error),
            "input_changed": isinstance(error, InputChangedError),
            "max_seconds": task.terms.max_seconds,
        }
        store.write_record(spec.run_id, {"status": status, "error": reason, "failure": failure})
    return Report(status, reason)


def _take_up(task: Task, store: Store, watch: Watch) -> None:
    """Prepare the run's folder; whatever fails later, a report knows which run it was."""
    run_id = task.spec.run_id
    if not task.train:
        store.take_up(run_id)
        return
    found, before = watch.read(), store.environment(run_id)
    if store.is_begun(run_id) and before:
        others = dict.fromkeys([*before.get("earlier", []), circumstances(before)])
        found["earlier"] = [each for each in others if each != circumstances(found)]
    store.begin(task.spec, found)


def _data(spec: RunSpec, device: torch.device) -> Data:
    data = on_device(spec.data_set, device)
    if data.checksum != spec.data_checksum:
        raise InputChangedError(
            f"{spec.data_set} has changed since the run was planned (checksum {data.checksum}, "
            f"planned {spec.data_checksum}): run it again"
        )
    return data


def _train(
    task: Task, model: Model, data: Data, store: Store, *, progress: Progress, watch: Watch
) -> None:
    """Train a model from its last checkpoint, and keep history, weights and how it ended.

    Raises:
        KeyboardInterrupt: the process was told to end; there is a checkpoint.
    """
    spec, run_id, limit = task.spec, task.spec.run_id, task.terms.max_seconds
    needed = check_memory(model, data, spec.training)
    trainer = Trainer(model, data, spec.training, spec.history, spec.seed)
    if state := store.state(run_id, "checkpoint", data.device):
        _restore(trainer, state, "checkpoint")
    trajectory = _trajectory(task, trainer, store, progress)
    if trajectory.stopped_step is not None:
        raise OutOfTimeError(
            f"stopped after {trajectory.seconds:.0f} s of training, at step "
            f"{trajectory.stopped_step} of {trainer.steps} (--max-seconds-per-run {limit:g})"
        )
    store.write_history(run_id, trajectory.history)
    record: dict[str, Any] = {
        "status": Status.FINISHED,
        **_facts(model.likelihood),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": trainer.steps,
        "batch_size": min(spec.training.batch_size, len(data.train)),
        "step_memory_megabytes": needed / 1e6,
        "replayed": trainer.replayed,
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
    store.write_environment(run_id, store.environment(run_id) | watch.read())
    store.write_record(run_id, record)


def _facts(likelihood: Likelihood) -> dict[str, Any]:
    return {
        "measure": likelihood.measure,
        "mass_is_bound": likelihood.mass_is_bound,
        "outputs_per_value": likelihood.output_channels / likelihood.shape[0],
        "dimensions": math.prod(likelihood.shape),
    }


def _trajectory(task: Task, trainer: Trainer, store: Store, progress: Progress) -> Trajectory:
    run_id, limit = task.spec.run_id, task.terms.max_seconds

    def stop(seconds: float) -> bool:
        return interrupts.came() or (limit is not None and seconds > limit)

    with curves.written(store.beside(run_id) if task.terms.log else None) as log:

        def save(state: dict[str, Any]) -> None:
            log(state["rows"])
            store.write_state(run_id, "checkpoint", state)

        with interrupts.postponed():
            trajectory = trainer.run(save=save, progress=progress, stop=stop)
        log(trajectory.history.to_dict("records"))
    return trajectory


def _restore(what: Model | Trainer, state: dict[str, Any], kind: str) -> None:
    try:
        what.load_state_dict(state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RuntimeError(
            f"{kind}.pt is not of this run ({likelihoods.described(error)}): delete it"
        ) from error


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
    columns: dict[str, Any] = {}
    problems = []
    for measurement in task.measurements:
        started, watch = time.perf_counter(), Watch(data.device, task.terms.command)
        try:
            result = take(measurement, trained)
        except DiskError:
            raise
        except Exception as error:
            seconds, reason = time.perf_counter() - started, _reason(task.spec, error)
            lines = _last_lines(error)
            result = Result(Outcome.FAILED, seconds, reason=reason, traceback=lines)
        store.write_measurement(task.spec.run_id, measurement, result, watch.read())
        columns |= result.columns
        if result.outcome in (Outcome.FAILED, Outcome.NOT_FINITE):
            problems.append(f"{measurement.label}: {result.reason}")
    return columns, tuple(problems)


def _last_lines(error: Exception) -> list[str]:
    return "".join(traceback.format_exception(error)).splitlines()[-LAST_LINES:]


def _reason(spec: RunSpec, error: Exception) -> str:
    """Why a run failed, in one line; of a user's likelihood or model, also what tells more."""
    reason = likelihoods.described(error)
    of_likelihoods = {each.rpartition(":")[2]: each for each in likelihoods.references()}
    known = (of_likelihoods.get(spec.likelihood), models.references().get(spec.model))
    for reference in filter(None, known):
        file, _, name = reference.rpartition(":")
        reason += f"; `python -m bench check {os.path.relpath(file)}:{name}` may say where"
    return reason


_words = partial(Metric, unit="text")
_seconds = partial(Metric, unit="s", decimals=1)
_whole = partial(Metric, decimals=0)
METRICS = (
    _words("status", "status", "finished, diverged, failed, too large or out of time"),
    _whole("diverged_step", "diverged at", "first step whose loss was not finite"),
    _words("error", "error", "why a run did not finish, in one line"),
    _words("not_measured", "not measured", "what a finished run lacks, and why of each"),
    _words("measure", "measure", "what the NLL is of: density, mass or unnormalised"),
    _words(
        "mass_is_bound",
        "bound on the mass",
        "True where the probability of an 8-bit image is bounded from below, not known",
    ),
    Metric(
        "outputs_per_value",
        "raw outputs a value",
        "raw decoder channels for each data channel; a fraction where the channels share some",
        decimals=1,
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
    _words(
        "replayed",
        "steps replayed",
        "on a GPU, whether training steps were replayed from a recording (a CUDA graph), which is "
        "faster; one that cannot be recorded was computed each time",
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
        of_mass=True,
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

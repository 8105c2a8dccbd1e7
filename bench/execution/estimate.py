"""How long a task will take, measured from a few of its steps."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import torch

import likelihoods
from bench.data import Data, on_device
from bench.errors import UsageError
from bench.evaluation import Trained, Trial
from bench.evaluation.base import timed, timed_by_item
from bench.evaluation.elbo import scoring_seconds
from bench.execution.executors import Ended, Executor
from bench.execution.memory import check_memory
from bench.execution.run import Task, build
from bench.models import Model
from bench.progress import duration
from bench.suite import RunSpec
from bench.training.step import WARM, steps_of
from bench.training.trainer import calibrate

YEAR = 365.25 * 24 * 3600
"""In seconds."""


@dataclass(frozen=True)
class Estimate:
    """Expected seconds of a task."""

    train: float
    evaluate: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.train + self.evaluate


def kind(task: Task, more: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Tasks of one kind take the same time: they differ in seed, rate and values of options.

    Args:
        task: one of the kind.
        more: what else they may differ in, as pydantic's `exclude`.
    """
    spec = task.spec
    varied: dict[str, Any] = dict.fromkeys(
        ("likelihood_options", "likelihood_source", "seed"), True
    )
    varied |= {"training": {"learning_rate"}, **more}
    measured = [measurement.key for measurement in task.measurements]
    return f"{spec.model_dump_json(exclude=varied)} {measured} {task.train}"


@likelihoods.without_validation()
def estimate(task: Task, device: torch.device, *, roughly: bool = False) -> Estimate:
    """Time two steps and a few evaluated images of a task on a device, and scale up.

    Roughly: a step that takes long on a CPU is one on fewer items, and memory is not checked.
    """
    spec = task.spec
    data = on_device(spec.data_set, device)
    model = build(spec, data)
    # A GPU takes as long for a few items as for a batch.
    few = spec.history.batch_size if device.type == "cuda" else 8
    trial = Trial(Trained(model, data, spec.seed), few)
    train = 0.0
    if task.train:
        if not roughly:
            check_memory(model, data, spec.training)
        steps = spec.training.total_steps(len(data.train))
        by_item = roughly and device.type == "cpu"
        train = steps * (_seconds_by_item if by_item else _step_seconds)(model, data, spec)
        points, size = len(spec.history.steps(steps)), spec.history.batch_size
        scored = min(spec.history.images, len(data.validation)) * points
        train += scored * scoring_seconds(trial, size)
        fit = partial(calibrate, model, seed=spec.seed, batch_size=size)
        seen = scored + min(spec.training.calibration_images, len(data.train))
        train += seen * trial.seconds("calibration of the likelihood", fit)
    model.eval()
    with torch.no_grad():
        return Estimate(train, sum(each.seconds(trial) for each in task.measurements))


def _step_seconds(model: Model, data: Data, spec: RunSpec) -> float:
    """Seconds of a training step."""
    training = steps_of(model, data, spec.training, spec.seed)
    model.train()
    # On a GPU the first ones are not like the others, and one alone is too short for a clock.
    before, several = (WARM, 20) if data.device.type == "cuda" else (0, 1)
    numbers = itertools.count()

    def work(count: int) -> None:
        for number in itertools.islice(numbers, count):
            training.take(number)

    work(before)
    return timed(lambda: work(several), data.device) / several


def _seconds_by_item(model: Model, data: Data, spec: RunSpec) -> float:
    """The same from a step on fewer items, if that one takes long."""
    batch = min(spec.training.batch_size, len(data.train))
    model.train()

    def step(items: int) -> None:
        training = spec.training.model_copy(update={"batch_size": items})
        steps_of(model, data, training, spec.seed).take(0)

    # Fewer than two have no batch statistics.
    return batch * timed_by_item(step, batch, data.device, fewest=2)


def estimates(
    tasks: list[Task], device: torch.device, executor: Executor, *, roughly: bool = False
) -> dict[str, Estimate]:
    """Expected seconds of each task by its run, measured once for each kind of task.

    Args:
        tasks: what is expected to take how long.
        device: where they are done.
        executor: takes the times.
        roughly: as in `estimate`.
    """
    work = partial(estimate, roughly=roughly)
    for name, task in {kind(task): task for task in tasks}.items():
        executor.submit(name, work, task, device)
    measured = {end.name: end.result for end in executor.ends() if isinstance(end, Ended)}
    # What cannot take two steps will fail in its run, where the reason is kept.
    known = list(measured.values()) or [Estimate(1.0, 1.0)]
    train, evaluate = [each.train for each in known], [each.evaluate for each in known]
    typical = Estimate(statistics.median(train), statistics.median(evaluate))
    return {task.spec.run_id: measured.get(kind(task), typical) for task in tasks}


def from_few(tasks: list[Task], device: torch.device, executor: Executor) -> dict[str, Estimate]:
    """The same as `estimates`, roughly and in seconds.

    Of one network with all its decoders, only those with the fewest and the most outputs are timed;
    the others lie between them in proportion to their outputs.
    """
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(kind(task, {"likelihood": True}), []).append(task)
    for group in groups.values():
        group.sort(key=_outputs)
    ends = [task for group in groups.values() for task in (group[0], group[-1])]
    known = estimates(ends, device, executor, roughly=True)
    return {
        task.spec.run_id: _between(task, group[0], group[-1], known)
        for group in groups.values()
        for task in group
    }


def _outputs(task: Task) -> int:
    spec = task.spec
    return likelihoods.create(
        spec.likelihood, shape=(1, 4, 4), **spec.likelihood_options
    ).output_channels


def _between(task: Task, fewest: Task, most: Task, timed: Mapping[str, Estimate]) -> Estimate:
    start, end = timed[fewest.spec.run_id], timed[most.spec.run_id]
    span = _outputs(most) - _outputs(fewest)
    part = (_outputs(task) - _outputs(fewest)) / span if span else 0.0
    return Estimate(
        start.train + part * (end.train - start.train),
        start.evaluate + part * (end.evaluate - start.evaluate),
    )


def total_seconds(expected: Mapping[str, Estimate], jobs: int) -> float:
    """Expected seconds on the clock for all tasks, on so many processes."""
    totals = [each.total for each in expected.values()]
    return max([sum(totals) / jobs, *totals])


def refuse_years(expected: Mapping[str, Estimate], jobs: int) -> None:
    """Fail where nobody can mean to wait that long.

    Raises:
        UsageError: all tasks together are expected to take more than a year.
    """
    seconds = total_seconds(expected, jobs)
    if seconds > YEAR:
        raise UsageError(
            f"it is expected to take {duration(seconds)}: ask for fewer steps, seeds, rows or "
            "measured images, or say --however-long"
        )

"""Carry out a plan: train and measure what is missing, keep everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import torch

import likelihoods
from bench.data import on_device
from bench.errors import UsageError
from bench.evaluation import Outcome
from bench.evaluation.quality import Quality
from bench.evaluation.reference import network, reference
from bench.execution.estimate import Estimate
from bench.execution.executors import DiedError, End, Executor, Failed, Listener, tell
from bench.execution.run import Report, Task, ended, execute
from bench.progress import Progress, duration, say
from bench.store import Store
from bench.suite import Plan, RunSpec
from reports import Status


def pending(plan: Plan, store: Store, runs: Sequence[RunSpec] | None = None) -> list[Task]:
    """What is still to be done: runs to be trained, and runs to be measured only.

    Args:
        plan: says what is measured of a run.
        store: what has been done.
        runs: those that are asked about; None: all of the plan.
    """
    tasks = []
    for run in plan.runs if runs is None else runs:
        train = not store.is_trained(run.run_id)
        missing = plan.of(run) if train else store.missing(run.run_id, plan.of(run))
        diverged = not train and (store.record(run.run_id) or {})["status"] == Status.DIVERGED
        if train or (missing and not diverged):
            tasks.append(Task(run, missing, train))
    return tasks


def recall(references: Sequence[str]) -> None:
    """Read the likelihoods of files in a new process."""
    for text in references:
        # One that cannot be read any more fails in its runs, where the reason is kept.
        with suppress(likelihoods.LikelihoodError):
            likelihoods.resolve(text)


def carry_out(
    tasks: Iterable[Task],
    store: Store,
    device: torch.device,
    executor: Executor,
    expected: Mapping[str, Estimate],
) -> None:
    """Do tasks, longest first, and keep what becomes of them."""
    todo = sorted(tasks, key=lambda task: -expected[task.spec.run_id].total)
    _prepare(todo, store, device, executor)
    by_run = {task.spec.run_id: task for task in todo}
    progress = Progress({run_id: expected[run_id].total for run_id in by_run})

    def advance(run_id: str, done: float) -> None:
        estimate = expected[run_id]
        share = estimate.train / estimate.total if estimate.total else 0.0
        progress.advance(run_id, done * share)

    try:
        for end in _ends(executor, by_run, store, device, advance):
            task = by_run[end.name]
            report = _lost(task.spec, store, end.error) if isinstance(end, Failed) else end.result
            progress.end(end.name, _line(task, report))
    finally:
        progress.close()


def as_expected(plan: Plan, store: Store) -> bool:
    """Whether all of a plan came out as its suite expects."""
    return all(_as_expected(plan, run, store) for run in plan.runs)


def _ends(
    executor: Executor,
    tasks: dict[str, Task],
    store: Store,
    device: torch.device,
    listener: Listener,
) -> Iterator[End]:
    """Do the tasks. Those whose process died are done once more, each alone: memory was short."""
    died = []
    for run_id, task in tasks.items():
        executor.submit(run_id, _work, task, store, device)
    for end in executor.ends(listener):
        if isinstance(end, Failed) and isinstance(end.error, DiedError):
            say(f"{end.name}: {end.error} It is tried once more when the others have ended.")
            died.append(end.name)
        else:
            yield end
    for run_id in died:
        executor.submit(run_id, _work, tasks[run_id], store, device)
        yield from executor.ends(listener)


def _work(task: Task, store: Store, device: torch.device) -> Report:
    spec = task.spec
    # A file may have been edited since; the run would not be the one that its name says.
    if likelihoods.fingerprint(spec.likelihood) != spec.likelihood_source:
        raise UsageError(f"the file of {spec.likelihood} has changed meanwhile: run it again")
    return execute(task, store, device, lambda done: tell(spec.run_id, done))


def _lost(spec: RunSpec, store: Store, reason: Exception) -> Report:
    """Record a task whose process died, or that could not even begin."""
    if not store.is_trained(spec.run_id):
        store.begin(spec, {})
    return ended(spec, store, Status.FAILED, likelihoods.described(reason))


def _prepare(tasks: list[Task], store: Store, device: torch.device, executor: Executor) -> None:
    """Features of real images, once, before several runs need them at the same moment."""
    needed = {
        (task.spec.data_set, measurement.of_reference)
        for task in tasks
        for measurement in task.measurements
        if isinstance(measurement, Quality)
    }
    for data_set, which in sorted(needed):
        extractor, kept, count = which
        name = f"{extractor} features of {data_set}, {count or 'all'} images, {kept} kept"
        executor.submit(name, _reference, data_set, which, store, device)
    for end in executor.ends():
        if isinstance(end, Failed):
            say(f"{end.name}: {likelihoods.described(end.error)}")


def _reference(
    data_set: str, which: tuple[str, int, int], store: Store, device: torch.device
) -> None:
    extractor, *sizes = which
    reference(store, on_device(data_set, device), network(extractor, device), *sizes)


def _line(task: Task, report: Report) -> str:
    spec = task.spec
    if report.status is not Status.FINISHED:
        return f"{spec.title}: {report.status}: {report.error}"
    bits = report.columns.get("bits_per_dim")
    parts = [] if bits is None else [f"{bits:.3f} bits/dim"]
    if not task.train:
        parts.append(f"measured {', '.join(each.label for each in task.measurements)}")
    problems = "".join(f"; no {problem}" for problem in report.problems)
    return f"{spec.title}: {', '.join(parts) or 'trained'} in {duration(report.seconds)}{problems}"


def _as_expected(plan: Plan, run: RunSpec, store: Store) -> bool:
    """Whether a run ended as the suite expects, and every measurement of it has a result."""
    record = store.record(run.run_id)
    if record is None or not plan.expects(run, record["status"]):
        return False
    if record["status"] != Status.FINISHED:
        return True
    outcomes = {
        (store.measurement(run.run_id, each.key) or {}).get("outcome") for each in plan.of(run)
    }
    accepted = {Outcome.MEASURED, Outcome.NOT_APPLICABLE}
    if plan.expects(run, Status.DIVERGED):
        accepted.add(Outcome.NOT_FINITE)
    return outcomes <= accepted

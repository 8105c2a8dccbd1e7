"""Carry out a plan: train and measure what is missing, keep everything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import torch

import likelihoods
from bench import models
from bench.data import on_device
from bench.errors import DiskError
from bench.evaluation import Outcome
from bench.evaluation.quality import Quality
from bench.evaluation.reference import network, reference
from bench.execution.estimate import Estimate
from bench.execution.executors import End, Executor, Failed, tell
from bench.execution.run import (
    DEFAULT,
    InputChangedError,
    Report,
    Task,
    Terms,
    ended,
    execute,
)
from bench.execution.sharing import SharedTasks
from bench.progress import Progress, duration, say
from bench.store import Store
from bench.store.lease import Leases
from bench.suite import Plan, RunSpec
from reports import Status


def pending(
    plan: Plan, store: Store, runs: Sequence[RunSpec] | None = None, terms: Terms = DEFAULT
) -> list[Task]:
    """What is still to be done: runs to be trained, and runs to be measured only.

    Args:
        plan: says what is measured of a run.
        store: what has been done.
        runs: those that are asked about; None: all of the plan.
        terms: which failures are tried again.
    """
    tasks = []
    for run in plan.runs if runs is None else runs:
        record = store.record(run.run_id)
        train = record is None or not terms.leaves(record)
        missing = plan.of(run)
        if record and not train:
            finished = record["status"] == Status.FINISHED
            again = terms.retry_failed
            missing = store.missing(run.run_id, missing, failed=again) if finished else ()
        if train or missing:
            tasks.append(Task(run, missing, train, terms, store.turns(run.run_id)))
    return tasks


def carry_out(
    tasks: Sequence[Task],
    store: Store,
    device: torch.device,
    executor: Executor,
    expected: Mapping[str, Estimate],
    *,
    leases: Leases,
    following: Callable[[Collection[str]], Sequence[Task]] = lambda tried: (),
) -> None:
    """Do tasks, longest first, and keep what becomes of them; others may do some of them.

    Args:
        tasks: what is to be done.
        store: where it is kept.
        device: where it is done.
        executor: who does it.
        expected: how long it takes, by run.
        leases: of this process.
        following: called with the runs that came to an end when nothing is left but what other
            processes do; returns what else is to be done, `expected` by then.
    """
    progress = Progress()
    tried: list[str] = []

    def submit(task: Task) -> None:
        executor.submit(task.spec.run_id, _work, task, store, device)

    def advance(run_id: str, done: float) -> None:
        estimate = expected[run_id]
        share = estimate.train / estimate.total if estimate.total else 0.0
        progress.advance(run_id, done * share)

    shared = SharedTasks(store, leases, executor, submit)
    try:
        while tasks or shared.waiting:
            todo = sorted(tasks, key=lambda task: -expected[task.spec.run_id].total)
            progress.expect({task.spec.run_id: expected[task.spec.run_id].total for task in todo})
            _prepare(todo, store, device, executor)
            shared.waiting += todo
            before = len(tried)
            for task, end in shared.ends(advance):
                progress.end(task.spec.run_id, _outcome(task, store, end))
                tried.append(task.spec.run_id)
            tasks = following(tried) if len(tried) > before else ()
            if shared.waiting and not tasks:
                shared.wait()
    finally:
        progress.close()


def as_expected(plan: Plan, store: Store) -> bool:
    """Whether all of a plan came out as its suite expects."""
    return all(_as_expected(plan, run, store) for run in plan.runs)


def _work(task: Task, store: Store, device: torch.device) -> Report:
    spec = task.spec
    # A file may have been edited since; the run would not be the one that its name says.
    if likelihoods.fingerprint(spec.likelihood) != spec.likelihood_source:
        raise InputChangedError(
            f"the file of {spec.likelihood} has changed meanwhile: run it again"
        )
    if models.version(spec.model) != spec.model_version:
        raise InputChangedError(f"the file of {spec.model} has changed meanwhile: run it again")
    return execute(task, store, device, lambda done: tell(spec.run_id, done))


def _lost(task: Task, store: Store, reason: Exception) -> Report:
    """Record a task whose process died, or that could not even begin.

    Raises:
        DiskError: that is the reason, and holds for every task.
    """
    if isinstance(reason, DiskError):
        raise reason
    run_id = task.spec.run_id
    if not store.is_trained(run_id):
        store.begin(task.spec, store.environment(run_id))
    return ended(task, store, reason)


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
            if isinstance(end.error, DiskError):
                raise end.error
            say(f"{end.name}: {likelihoods.described(end.error)}")


def _reference(
    data_set: str, which: tuple[str, int, int], store: Store, device: torch.device
) -> None:
    extractor, *sizes = which
    reference(store, on_device(data_set, device), network(extractor, device), *sizes)


def _outcome(task: Task, store: Store, end: End | None) -> str:
    """What became of a task, in a line; None: another process has done it."""
    title = task.spec.title
    if end is None:
        status = (store.record(task.spec.run_id) or {}).get("status", "")
        return f"{title}: {status}, done by another process"
    report = _lost(task, store, end.error) if isinstance(end, Failed) else end.result
    if report.status is not Status.FINISHED:
        return f"{title}: {report.status}: {report.error}"
    bits = report.columns.get("bits_per_dim")
    parts = [] if bits is None else [f"{bits:.3f} bits/dim"]
    if not task.train:
        parts.append(f"measured {', '.join(each.label for each in task.measurements)}")
    problems = "".join(f"; no {problem}" for problem in report.problems)
    return f"{title}: {', '.join(parts) or 'trained'} in {duration(report.seconds)}{problems}"


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

"""Carry out a plan: estimate, train and evaluate what is missing, keep everything."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

import likelihoods
from bench.data import on_device
from bench.errors import UsageError
from bench.estimate import Estimate, estimate, kind
from bench.execution.executors import Ended, Executor, Failed, tell
from bench.plan import Plan
from bench.progress import Progress, duration, say
from bench.reference import features, reference
from bench.run import execute
from bench.spec import RunSpec
from bench.store import Store

Metrics = Mapping[str, Any]


def pending(plan: Plan, store: Store) -> list[RunSpec]:
    """The runs that are not yet done."""
    return [run for run in plan.runs if not store.is_done(run.run_id)]


def estimates(runs: list[RunSpec], device: torch.device, executor: Executor) -> dict[str, Estimate]:
    """Expected seconds of each run, from a few measured steps of each kind of run."""
    kinds = {kind(run): run for run in runs}
    measured: dict[str, Estimate] = {}
    for name, run in kinds.items():
        executor.submit(name, estimate, (run, device))
    for outcome in executor.outcomes():
        if isinstance(outcome, Ended):
            measured[outcome.name] = outcome.result
    # What cannot take two steps will fail in its run, where the reason is kept.
    typical = Estimate(
        statistics.median([each.train for each in measured.values()] or [1.0]),
        statistics.median([each.evaluate for each in measured.values()] or [1.0]),
    )
    return {run.run_id: measured.get(kind(run), typical) for run in runs}


def recall(given: Sequence[str]) -> None:
    """Read the likelihoods of files in a new process."""
    for text in given:
        # One that cannot be read any more fails in its runs, where the reason is kept.
        with suppress(likelihoods.LikelihoodError):
            likelihoods.resolve(text)


def total_seconds(expected: Mapping[str, Estimate], jobs: int) -> float:
    """Expected seconds on the clock for all runs, on so many processes."""
    totals = [each.total for each in expected.values()]
    return max([sum(totals) / jobs, *totals])


def carry_out(
    plan: Plan,
    store: Store,
    device: torch.device,
    executor: Executor,
    expected: Mapping[str, Estimate],
) -> bool:
    """Do every pending run of a plan, longest first; True if all came out as the suite expects."""
    todo = sorted(pending(plan, store), key=lambda run: -expected[run.run_id].total)
    _prepare(todo, store, device, executor)
    progress = Progress({run.run_id: expected[run.run_id].total for run in todo})

    def heard(run_id: str, done: float) -> None:
        each = expected[run_id]
        progress.advance(run_id, done * each.train / each.total if each.total else 0.0)

    runs = {run.run_id: run for run in todo}
    for run_id, run in runs.items():
        executor.submit(run_id, _work, run, store.root, device)
    try:
        for outcome in executor.outcomes(heard):
            run = runs[outcome.name]
            if isinstance(outcome, Failed):
                metrics = {"status": "failed", "error": likelihoods.described(outcome.error)}
                store.begin(run, {})
                store.write_metrics(run.run_id, metrics)
            else:
                metrics = outcome.result
            progress.end(run.run_id, _summary(run, metrics))
    finally:
        progress.close()
    return all(_as_expected(plan, run, store.metrics(run.run_id)) for run in plan.runs)


def _work(spec: RunSpec, root: Path, device: torch.device) -> Metrics:
    # A file may have been edited since; the run would not be the one that its name says.
    if likelihoods.fingerprint(spec.likelihood) != spec.likelihood_source:
        raise UsageError(f"the file of {spec.likelihood} has changed meanwhile: run it again")
    return execute(spec, Store(root), device, partial(tell, spec.run_id))


def _prepare(runs: list[RunSpec], store: Store, device: torch.device, executor: Executor) -> None:
    """Features of real images, once, before several runs need them at the same moment."""
    tasks = dict.fromkeys(
        (run.data_set, run.data_checksum, name, run.evaluation.manifold_images)
        for run in runs
        for name in run.extractors
    )
    for task in tasks:
        data_set, _, name, _ = task
        title = f"{name} features of {data_set}"
        executor.submit(title, _reference, task, store.root, device)
    for outcome in executor.outcomes():
        if isinstance(outcome, Failed):
            say(f"{outcome.name}: {likelihoods.described(outcome.error)}")


def _reference(task: tuple[str, str, str, int], root: Path, device: torch.device) -> None:
    data_set, checksum, name, kept = task
    reference(Store(root), on_device(data_set, device), checksum, features(name, device), kept)


def _summary(run: RunSpec, metrics: Metrics) -> str:
    name = f"{run.data_set} {run.model} {run.label} seed {run.seed}"
    if metrics["status"] != "finished":
        return f"{name}: {metrics['status']}: {metrics['error']}"
    seconds = metrics["train_seconds"] + metrics["evaluate_seconds"]
    return f"{name}: {metrics['bits_per_dim']:.3f} bits/dim in {duration(seconds)}"


def _as_expected(plan: Plan, run: RunSpec, metrics: Metrics | None) -> bool:
    return metrics is not None and plan.expects(run, metrics["status"])

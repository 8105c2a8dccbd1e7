"""What a command would do, for a dry run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tabulate import tabulate

from bench.execution.estimate import Estimate
from bench.execution.run import Task
from bench.store import Store
from bench.suite import Plan, RunSpec


def table(plan: Plan, todo: Sequence[Task], store: Store, expected: Mapping[str, Estimate]) -> str:
    """One line a run: what would be done of it, and how long that takes."""
    states = {task.spec.run_id: _state(task, store) for task in todo}
    rows = []
    for run in plan.runs:
        seconds = f"{expected[run.run_id].total:.0f}" if run.run_id in expected else ""
        state = states.get(run.run_id) or _left_as(run, store)
        seed = f"trial {-run.seed}" if run.is_trial else run.seed
        rate = f"{run.training.learning_rate:g}"
        rows.append([run.data_set, run.model, run.label, rate, seed, state, seconds])
    headers = ["data set", "model", "likelihood", "rate", "seed", "state", "seconds"]
    return str(tabulate(rows, headers, tablefmt="simple"))


def _left_as(run: RunSpec, store: Store) -> str:
    if store.is_trained(run.run_id):
        return "done"
    return f"{(store.record(run.run_id) or {})['status']}, left"


def _state(task: Task, store: Store) -> str:
    if not task.train:
        return f"measure {', '.join(measurement.label for measurement in task.measurements)}"
    return "train on" if store.is_begun(task.spec.run_id) else "train"

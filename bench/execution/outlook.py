"""What is to be done of a plan, in words and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tabulate import tabulate

from bench.execution.estimate import Estimate
from bench.execution.run import Task
from bench.progress import say
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


def say_what_is_missing(plan: Plan, todo: Sequence[Task], later: Sequence[Task], left: int) -> None:
    """Say how many runs are to be trained, to be measured, done, or left as they failed.

    Args:
        plan: all runs.
        todo: what is to be done of them.
        later: what follows at most, when trials have chosen their rates.
        left: how many failed before and are not tried again.
    """
    train = sum(task.train for task in todo)
    measure, done = len(todo) - train, len(plan.runs) - len(todo) - left
    parts = {
        "to be trained": train,
        "only to be measured": measure,
        "done before": done,
        "failed before": left,
    }
    counts = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
    say(f"{len(plan.runs)} runs: {counts}")
    if left:
        say(f"{left} that failed are left as they are: --retry-failed tries them again")
    if trials := sum(run.is_trial for run in plan.runs):
        follow = f"; at most {len(later)} runs follow at the rates they choose" if later else ""
        say(f"{trials} of them are trials of learning rates, which are not reported{follow}")

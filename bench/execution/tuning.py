"""Learning rates chosen from trials in the store, and what may still follow from others."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial

from bench.execution.run import DEFAULT, Task, Terms
from bench.execution.schedule import pending
from bench.progress import say
from bench.store import Store
from bench.suite import SELECTOR, Plan, RunSpec, Score
from reports import Status, why_collapsed


def settle(plan: Plan, store: Store, tried: Collection[str] = (), terms: Terms = DEFAULT) -> None:
    """Choose the rate of each decoder whose trials are all done, and plan its runs at that rate.

    Args:
        plan: its searches that are open; those that are settled leave it.
        store: holds the trials.
        terms: which trials that failed are still to be done.
        tried: runs that count as done whatever became of them.
    """
    waiting = {task.spec.run_id for task in pending(plan, store, None, terms)}.difference(tried)
    chosen = []
    for search in list(plan.open):
        if waiting.isdisjoint(trial.run_id for trial in search.trials):
            rate = search.choose(partial(_score, plan, store))
            plan.close(search, rate)
            chosen.append(f"{search.runs[0].label} {rate:g}")
    if chosen:
        say(f"learning rates chosen by trials: {', '.join(chosen)}")


def chosen(plan: Plan, store: Store, tried: Collection[str], terms: Terms) -> list[Task]:
    """What is to be done at the rates that are settled by now; see `settle`."""
    before = {run.run_id for run in plan.runs}
    if plan.open:
        settle(plan, store, tried, terms)
    new = [run for run in plan.runs if run.run_id not in before]
    return pending(plan, store, new, terms)


def at_most(plan: Plan, store: Store, terms: Terms = DEFAULT) -> list[Task]:
    """At most what is to be done at the rates that are still to be chosen."""
    tasks: list[Task] = []
    for search in plan.open:
        rates = dict.fromkeys(trial.training.learning_rate for trial in search.trials)
        # Runs at the fixed rate are in the plan in any case.
        others = (rate for rate in rates if rate != search.fixed)
        left = [pending(plan, store, search.at(rate), terms) for rate in others]
        most: list[Task] = max(left, key=len, default=[])
        tasks += most
    return tasks


def _score(plan: Plan, store: Store, trial: RunSpec) -> Score:
    record = store.record(trial.run_id) or {}
    if record.get("status") != Status.FINISHED:
        return Score(math.inf, sound=False)
    found = [store.measurement(trial.run_id, each.key) or {} for each in plan.of(trial)]
    columns = {key: value for each in found for key, value in each.get("columns", {}).items()}
    # What was not finite is null in the store.
    known = {key: value for key, value in columns.items() if value is not None}
    bits = float(known.get(SELECTOR, math.inf))
    return Score(bits, sound=math.isfinite(bits) and not why_collapsed(known))

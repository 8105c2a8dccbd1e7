"""A plan joined with what an earlier one of the same comparison added."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.errors import UsageError
from bench.store import Store
from bench.suite import Plan, RunSpec, ids
from reports import Row, Status

SAME = ("suite", "budget", "columns")


def merge(plan: Plan, old: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Return a plan as JSON data, with the rows and runs of an earlier plan.

    So a comparison can be made in parts, some likelihoods today and others tomorrow. A run of an
    earlier plan is kept if it has ended and not failed, belongs to a column of the present plan,
    and is not one that the present plan makes anew. So are trials of learning rates. Failed runs of
    an earlier plan are dropped.

    Args:
        plan: the present one.
        old: the content of the earlier one; empty if there is none.
        store: holds the runs of both.
    """
    # As it would be read back: old and new are compared.
    new: dict[str, Any] = json.loads(json.dumps(plan.content()))
    if any(old.get(key) != new[key] for key in SAME):
        return new
    runs = _joined(plan.by_column, old["by_column"], store, lambda run: run.row_key)
    trials = _joined(plan.trials, old["trials"], store, lambda run: run.decoder_key)
    every = [run for each in runs.values() for run in each]
    labels = [row["label"] for row in new["rows"]]
    earlier = [
        row
        for row in old["rows"]
        if row["label"] not in labels and any(run.belongs_to(Row(**row)) for run in every)
    ]
    order = {row["label"]: place for place, row in enumerate(old["rows"])}
    rows = sorted([*new["rows"], *earlier], key=lambda row: order.get(row["label"], len(order)))
    return new | {"rows": rows, "by_column": ids(runs), "trials": ids(trials)}


def _joined(
    present: Mapping[str, Sequence[RunSpec]],
    old: Mapping[str, Sequence[str]],
    store: Store,
    name: Callable[[RunSpec], str],
) -> dict[str, list[RunSpec]]:
    """Runs by column, and those that were there before and are not made anew under their name."""
    joined = {}
    for key, runs in present.items():
        anew = {name(run) for run in runs}
        kept = (run for run_id in old.get(key, ()) if (run := _ended(run_id, store)))
        joined[key] = [*runs, *(run for run in kept if name(run) not in anew)]
    return joined


def _ended(run_id: str, store: Store) -> RunSpec | None:
    """A run of an earlier plan, unless it failed or cannot be read."""
    if (store.record(run_id) or {}).get("status", Status.FAILED) == Status.FAILED:
        return None
    try:
        return store.spec(run_id)
    except UsageError:
        return None

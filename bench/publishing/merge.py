"""A plan joined with what an earlier one of the same comparison added."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench.errors import UsageError
from bench.store import Store
from bench.suite import Plan, RunSpec
from reports import Row, Status

SAME = ("suite", "budget", "columns")


def merge(plan: Plan, old: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Return a plan as JSON data, with the rows and runs of an earlier plan.

    So a comparison can be made in parts, some likelihoods today and others tomorrow. A run of an
    earlier plan is kept if it has ended and not failed, belongs to a column of the present plan,
    and is not one that the present plan makes anew. Failed runs of an earlier plan are dropped.

    Args:
        plan: the present one.
        old: the content of the earlier one; empty if there is none.
        store: holds the runs of both.
    """
    # As it would be read back: old and new are compared.
    new: dict[str, Any] = json.loads(json.dumps(plan.content()))
    if any(old.get(key) != new[key] for key in SAME):
        return new
    columns = {run.column_key for run in plan.runs}
    present = {(run.column_key, run.row_key) for run in plan.runs}
    kept: dict[str, RunSpec] = {}
    for run_id in old["runs"]:
        if (store.record(run_id) or {}).get("status", Status.FAILED) == Status.FAILED:
            continue
        try:
            run = store.spec(run_id)
        except UsageError:
            continue
        if run.column_key in columns and (run.column_key, run.row_key) not in present:
            kept[run_id] = run
    labels = [row["label"] for row in new["rows"]]
    earlier = [
        row
        for row in old["rows"]
        if row["label"] not in labels and any(run.belongs_to(Row(**row)) for run in kept.values())
    ]
    order = {row["label"]: place for place, row in enumerate(old["rows"])}
    rows = sorted([*new["rows"], *earlier], key=lambda row: order.get(row["label"], len(order)))
    return new | {"rows": rows, "runs": [*new["runs"], *kept]}

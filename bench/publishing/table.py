"""The table of results: one row a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.evaluation import Measurement, Outcome, restored
from bench.store import Store
from reports import Status


def measurements_of(plan: Mapping[str, Any], column_key: str) -> list[Measurement]:
    """What a stored plan measures in a column, without what this version no longer has."""
    contents = plan["measurements"].get(column_key, ())
    return [each for content in contents if (each := restored(content))]


def results(store: Store, plan: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row a run that has ended, every metric a column with its unit in the name."""
    return pd.DataFrame([_row(store, run, plan) for run in plan["runs"] if store.record(run)])


def _row(store: Store, run_id: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    spec, record = store.spec(run_id), store.record(run_id) or {}
    environment = store.environment(run_id)
    row = {
        "run": run_id,
        "data_set": spec.data_set,
        "model": spec.model,
        "column_key": spec.column_key,
        "likelihood": spec.likelihood,
        "options": json.dumps(spec.likelihood_options, sort_keys=True),
        **{f"option_{key}": value for key, value in spec.likelihood_options.items()},
        "seed": spec.seed,
        "budget": plan["budget"],
        "device": environment.get("accelerator") or environment.get("processor"),
        **record,
    }
    if record["status"] == Status.FINISHED:
        row |= _measured(store, run_id, measurements_of(plan, spec.column_key))
    return row


def _measured(store: Store, run_id: str, measurements: list[Measurement]) -> dict[str, Any]:
    """The columns of all measurements of a run, and why one has none."""
    columns: dict[str, Any] = {}
    missing: list[str] = []
    total = 0.0
    for measurement in measurements:
        result = store.measurement(run_id, measurement.key)
        if result is None:
            missing.append(f"{measurement.label}: not measured yet")
            continue
        columns |= result["columns"]
        columns[f"evaluate_seconds_{measurement.label}"] = result["seconds"]
        total += result["seconds"]
        if result["outcome"] == Outcome.NOT_APPLICABLE:
            columns[f"{measurement.label}_absent"] = result["reason"]
        elif result["outcome"] != Outcome.MEASURED:
            missing.append(f"{measurement.label}: {result['reason']}")
    return columns | {"evaluate_seconds": total, "not_measured": "; ".join(missing) or None}

"""The table of results, one row a run, and the catalogue of its metrics, in their order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import pandas as pd

from bench.environment import circumstances
from bench.evaluation import MEASUREMENTS, Measurement, Outcome, restored
from bench.execution.run import METRICS
from bench.store import Store
from reports import TIMED_ON, Metric, Status


def measurements_of(plan: Mapping[str, Any], column_key: str) -> list[Measurement]:
    """What a stored plan measures in a column, without what this version no longer has."""
    contents = plan["measurements"].get(column_key, ())
    return [each for content in contents if (each := restored(content))]


def runs_of(plan: Mapping[str, Any]) -> list[str]:
    """The runs that a stored plan reports, once each."""
    return list(dict.fromkeys(run for runs in plan["by_column"].values() for run in runs))


def results(store: Store, runs: Mapping[str, list[str]], plan: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row a run of a column that has ended, a metric a column, its unit in the name.

    Args:
        store: holds the runs.
        runs: key of a column -> its runs; a run of two columns has two rows.
        plan: the stored plan.
    """
    return pd.DataFrame(
        [
            _row(store, run, key, plan)
            for key, own in runs.items()
            for run in own
            if store.record(run)
        ]
    )


def _row(store: Store, run_id: str, key: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    spec, record = store.spec(run_id), store.record(run_id) or {}
    environment = store.environment(run_id)
    row = {
        "run": run_id,
        "data_set": spec.data_set,
        "model": spec.model,
        "column_key": key,
        "column": "; ".join(each["heading"] for each in plan["columns"] if each["key"] == key),
        "learning_rate": spec.training.learning_rate,
        "likelihood": spec.likelihood,
        "options": json.dumps(spec.likelihood_options, sort_keys=True),
        **{f"option_{key}": value for key, value in spec.likelihood_options.items()},
        "seed": spec.seed,
        "budget": plan["budget"],
        "device": environment.get("accelerator") or environment.get("processor"),
        **{key: value for key, value in record.items() if key != "failure"},
    }
    environments = [environment]
    if record["status"] == Status.FINISHED:
        measurements = measurements_of(plan, spec.column_key)
        row |= _measured(store, run_id, measurements)
        results = (store.measurement(run_id, each.key) for each in measurements)
        environments += [result["environment"] for result in results if result]
    return row | {TIMED_ON: _timed_on(environments)}


def _timed_on(environments: Iterable[Mapping[str, Any]]) -> str:
    """Where the seconds of a run passed: in training, before it was continued, in measurements."""
    each = ([*found.get("earlier", []), circumstances(found)] for found in environments if found)
    return " | ".join(dict.fromkeys(chain.from_iterable(each)))


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


def metrics(measurements: Iterable[Measurement] = ()) -> tuple[Metric, ...]:
    """Return the metrics of the training and of these measurements; of none given, of all."""
    chosen = list(measurements) or [part for cls in MEASUREMENTS for part in cls().parts()]
    every = (metric for measurement in chosen for metric in measurement.metrics)
    return tuple({metric.key: metric for metric in (*METRICS, *every)}.values())


def documented() -> tuple[Metric, ...]:
    """Return what docs/metrics.md shows: all metrics, those of sample quality for one extractor."""
    return tuple(metric for metric in metrics() if metric.features in (None, "inception_75"))


def with_counts(catalogue: Iterable[Metric], table: pd.DataFrame) -> tuple[Metric, ...]:
    """Return the metrics; the protocol of a headline says how many images it was measured on."""
    return tuple(
        replace(metric, protocol=f"{metric.protocol}: {counts}")
        if metric.headline and (counts := _counts(metric.images, table))
        else metric
        for metric in catalogue
    )


def _counts(keys: Sequence[str], table: pd.DataFrame) -> str:
    """Numbers of images behind a distance, for each data set; "" where there is none."""
    if not keys:
        return ""
    measured = table.reindex(columns=[*keys, "data_set"]).dropna().drop_duplicates()
    numbers = measured.itertuples(index=False, name=None)
    return ", ".join(
        f"{generated:.0f} against {real:.0f} of {data_set}" for generated, real, data_set in numbers
    )

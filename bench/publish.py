"""From the store to a report: the only place that knows both."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

import likelihoods
import reports
from bench import CHECKOUT, catalogue, models
from bench.environment import PACKAGES
from bench.errors import UsageError
from bench.plan import Plan, PlannedRow
from bench.progress import duration, say
from bench.publish_quality import quality
from bench.spec import RunSpec
from bench.store import GRID_COLUMNS, Store
from bench.suite import Training

T = TypeVar("T")


def merge(plan: Plan, old: Mapping[str, Any] | None, store: Store) -> dict[str, Any]:
    """A plan as JSON data, with the rows and runs that an earlier one of the same comparison added.

    So a comparison can be made in parts, some likelihoods today and others tomorrow. A run of an
    earlier plan is kept if it has ended and not failed, followed the protocol of the present one,
    and is not one that the present plan makes anew.
    """
    new = plan.content()
    same = ("suite", "budget", "columns", "features")
    if not old or any(old.get(key) != new[key] for key in same):
        return new
    protocols = {run.protocol_key for run in plan.runs}
    present = {_identity(run) for run in plan.runs}
    kept: dict[str, RunSpec] = {}
    for run_id in old["runs"]:
        # Who tries again under another name does not want to read of each failure for ever.
        if (store.metrics(run_id) or {}).get("status", "failed") == "failed":
            continue
        try:
            run = store.spec(run_id)
        except UsageError:
            continue
        if run.protocol_key in protocols and _identity(run) not in present:
            kept[run_id] = run
    named = [row["label"] for row in new["rows"]]
    earlier = [
        row
        for row in old["rows"]
        if row["label"] not in named and any(PlannedRow(**row).holds(run) for run in kept.values())
    ]
    order = [row["label"] for row in old["rows"]]
    rows = sorted(
        [*new["rows"], *earlier],
        key=lambda row: order.index(row["label"]) if row["label"] in order else len(order),
    )
    return new | {"rows": rows, "runs": [*new["runs"], *kept]}


def _identity(run: RunSpec) -> str:
    """What a report takes only one run of."""
    parts = (run.column_key, run.likelihood, run.likelihood_options, run.seed)
    return json.dumps(parts, sort_keys=True)


def results(store: Store, runs: Iterable[str], budget: str) -> pd.DataFrame:
    """One row a run that has ended, every metric a column with its unit in the name."""
    rows = []
    for run_id in runs:
        metrics = store.metrics(run_id)
        if metrics is None:
            continue
        spec = store.spec(run_id)
        environment = store.environment(run_id)
        rows.append(
            {
                "run": run_id,
                "data_set": spec.data_set,
                "model": spec.model,
                "column_key": spec.column_key,
                "likelihood": spec.likelihood,
                "options": json.dumps(spec.likelihood_options, sort_keys=True),
                **{f"option_{key}": value for key, value in spec.likelihood_options.items()},
                "seed": spec.seed,
                "budget": budget,
                "status": metrics["status"],
                "device": environment.get("accelerator") or environment.get("processor"),
                **{key: value for key, value in metrics.items() if key != "status"},
            }
        )
    return pd.DataFrame(rows)


def publish(store: Store, output: Path) -> Path:
    """Write the report of a results folder; returns the path of its README.

    Raises:
        UsageError: the folder holds no results.
        reports.ReportError: the report cannot be written.
    """
    return reports.write(content(store, output), output)


def content(store: Store, output: Path) -> reports.Content:
    """What a results folder holds, for a report that will be written into `output`.

    Raises:
        UsageError: the folder holds no results.
    """
    plan = Store.existing(store.root).read_plan() or {}
    table = results(store, plan["runs"], plan["budget"])
    ended = [] if table.empty else list(table["run"])
    _tell_of_changes(store, plan)
    return reports.Content(
        title=plan["title"],
        results=table,
        histories=_present((run, store.history(run)) for run in ended),
        samples=_present((run, store.images(run, "samples")) for run in ended),
        reconstructions={
            run: np.stack([images[:GRID_COLUMNS], images[GRID_COLUMNS:]])
            for run, images in _present(
                (run, store.images(run, "reconstructions")) for run in ended
            ).items()
        },
        columns=[
            reports.Column(**column | {"may_not_fit": tuple(column["may_not_fit"])})
            for column in plan["columns"]
        ],
        rows=[reports.Row(**row) for row in plan["rows"]],
        about=_about(store, plan, table),
        budget=plan["budget"],
        metrics=catalogue.metrics(quality(plan, table)),
        features={name: each["protocol"] for name, each in plan["features"].items()},
        order=[name for name in likelihoods.names() if likelihoods.is_own(name)],
        metrics_document=_definitions(output),
    )


def _tell_of_changes(store: Store, plan: Mapping[str, Any]) -> None:
    """Say which files were edited after the runs that are shown of them."""
    specs = [store.spec(run) for run in plan["runs"] if store.metrics(run)]
    for row in plan["rows"]:
        shown = {spec.likelihood_source for spec in specs if PlannedRow(**row).holds(spec)}
        if not (row.get("given") and shown):
            continue
        try:
            found = likelihoods.resolve(row["given"])
        except likelihoods.LikelihoodError:
            continue  # it is gone, and the runs are what there is
        if likelihoods.fingerprint(found.name) not in shown:
            say(f"{row['given']} has changed since: shown is what was run; `run` does it anew")


def _definitions(output: Path) -> str | None:
    """Relative link from a report inside the checkout to the definitions of the metrics."""
    if CHECKOUT not in output.resolve().parents:
        return None
    return os.path.relpath(CHECKOUT / "docs" / "metrics.md", output.resolve())


def _present(pairs: Iterable[tuple[str, T | None]]) -> dict[str, T]:
    return {key: value for key, value in pairs if value is not None}


def _about(store: Store, plan: Mapping[str, Any], table: pd.DataFrame) -> dict[str, str]:
    """What was run, on what, and how long it took."""
    specs = [store.spec(run) for run in plan["runs"] if store.metrics(run)]
    machines = [store.environment(spec.run_id) for spec in specs]
    machines = [machine for machine in machines if machine]
    about = {
        "suite": plan["suite"],
        "budget": f"{plan['budget']}: {plan['budget_description']}",
        "command": f"`{plan['command']}`" if plan.get("command") else "",
        "runs": f"{len(specs)} of {len(plan['runs'])} ended",
        "seeds": _distinct(spec.seed for spec in specs),
        "training": "; ".join(_by_data((spec, _training(spec)) for spec in specs)),
        "evaluation": "; ".join(_by_data((spec, _evaluation(spec)) for spec in specs)),
        "machine": _distinct(
            f"{machine.get('accelerator') or machine['processor']}, {machine['cores']} cores, "
            f"{machine['system']}"
            for machine in machines
        ),
        "versions": _distinct(
            ", ".join(f"{name} {machine.get(name)}" for name in ("python", *PACKAGES))
            for machine in machines
        ),
        "code": _distinct(
            f"commit {machine['commit']}" for machine in machines if machine["commit"]
        ),
        "time": _time(plan, table),
        **{
            f"{name} features": f"not computed: {reason}"
            for name, reason in plan["missing_features"].items()
        },
    }
    return {key: value for key, value in about.items() if value}


def _by_data(lines: Iterable[tuple[RunSpec, str]]) -> Iterable[str]:
    """Lines that are the same for all likelihoods of a column, each with the data it is about."""
    found: dict[str, list[str]] = {}
    for spec, line in lines:
        found.setdefault(line, []).append(spec.data_set)
    return [f"{_distinct(data)}: {line}" for line, data in found.items()]


def _training(spec: RunSpec) -> str:
    training = spec.training
    length = f"{training.steps} steps" if training.steps else f"{training.epochs} epochs"
    options = ", ".join(f"{key} {value}" for key, value in spec.model_options.items())
    return (
        f"{spec.model} ({options or 'default options'}), {training.optimiser} "
        f"{training.learning_rate:g}, batch {training.batch_size}, {length}{_warmup(training)}"
    )


def _warmup(training: Training) -> str:
    parts = {"learning rate": training.warmup, "weight of the KL": training.kl_warmup}
    told = [f"{name} over {share:.0%}" for name, share in parts.items() if share]
    return f", warm-up of the {' and of the '.join(told)} of the steps" if told else ""


def _evaluation(spec: RunSpec) -> str:
    wanted, model = spec.evaluation, models.get(spec.model)
    items = "videos" if model.video else "images"
    parts = [
        f"{wanted.test_images or 'all'} test {items}, one posterior sample each",
        f"{wanted.importance_images} with {wanted.importance_samples} samples each",
        f"{wanted.validation_images} validation {items}",
        f"{wanted.calibration_images} test {items} for the calibration",
    ]
    if model.video:
        parts.append(
            f"the best of {wanted.best_of} predictions of {wanted.best_of_videos} test videos"
        )
    if model.posterior is not models.Model.posterior:
        parts.append(f"{wanted.information_images} test images for the information")
    return "; ".join(parts)


def _time(plan: Mapping[str, Any], table: pd.DataFrame) -> str:
    columns = [name for name in ("train_seconds", "evaluate_seconds") if name in table]
    total = float(table[columns].sum().sum()) if columns else 0.0
    text = f"{duration(total)} of training and evaluation, summed over runs"
    if wall := plan.get("wall_seconds"):
        text += f"; the last command took {duration(wall)} with {plan['jobs']} run(s) at a time"
    return text


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))

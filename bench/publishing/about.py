"""The head of a report: what was run, on what, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import pandas as pd

from bench import models
from bench.environment import machine, versions
from bench.progress import duration
from bench.publishing.table import measurements_of, runs_of
from bench.store import Store
from bench.suite import RunSpec
from bench.training import Training


def about(store: Store, plan: Mapping[str, Any], table: pd.DataFrame) -> dict[str, str]:
    """Return one line for each thing that a reader wants to know of the runs.

    Args:
        store: holds them.
        plan: the stored plan.
        table: the results, trials of learning rates among them.
    """
    runs = runs_of(plan)
    specs = [store.spec(run) for run in runs if store.record(run)]
    fixed = [spec for spec in specs if spec.column_key in plan["by_column"]]
    environments = [store.environment(spec.run_id) for spec in specs]
    machines = [found for found in environments if found]
    lines = {
        "suite": plan["suite"],
        "budget": f"{plan['budget']}: {plan['budget_description']}",
        "command": plan.get("command") or "",
        "runs": f"{len(specs)} of {len(runs)} ended",
        "seeds": _distinct(spec.seed for spec in specs),
        "training": "; ".join(_by_data((spec, _training(spec)) for spec in fixed)),
        "evaluation": "; ".join(_by_data((spec, _evaluation(spec, plan)) for spec in fixed)),
        "machine": _distinct(map(machine, machines)),
        "precision on the GPU": _precision(machines),
        "seconds": shared(machines, plan),
        "versions": _distinct(map(versions, machines)),
        "code": _distinct(f"commit {found['commit']}" for found in machines if found.get("commit")),
        "time": _time(plan, table),
        "memory": _memory(machines),
        **{label: f"not measured: {reason}" for label, reason in plan["unavailable"].items()},
    }
    return {name: line for name, line in lines.items() if line}


def _by_data(lines: Iterable[tuple[RunSpec, str]]) -> Iterable[str]:
    """Lines that are the same for all likelihoods of a column, each with the data it is about."""
    data: dict[str, list[str]] = {}
    for spec, line in lines:
        data.setdefault(line, []).append(spec.data_set)
    return [f"{_distinct(names)}: {line}" for line, names in data.items()]


def _training(spec: RunSpec) -> str:
    training = spec.training
    length = f"{training.steps} steps" if training.steps else f"{training.epochs} epochs"
    options = ", ".join(f"{key} {value}" for key, value in spec.model_options.items())
    return (
        f"{spec.model} ({options or 'default options'}), {training.optimiser} "
        f"{training.learning_rate:g}, batch {training.batch_size}, {length}"
        f"{_schedule(training)}{_choices(training)}"
    )


def _schedule(training: Training) -> str:
    shares = {"learning rate": training.warmup, "weight of the KL": training.kl_warmup}
    words = [f"{name} over {share:.0%}" for name, share in shares.items() if share]
    up = f", warm-up of the {' and of the '.join(words)} of the steps" if words else ""
    return up + (f", decay to zero over the last {training.decay:.0%}" if training.decay else "")


def _choices(training: Training) -> str:
    start = ", learned variances start from the data" if training.start == "data" else ""
    noise = ", densities dequantised by uniform noise of one level" if training.dequantise else ""
    lower = f", products in {training.precision}" if training.precision != "float32" else ""
    seen = f", calibrated on up to {training.calibration_images} training items"
    return f"{lower}{start}{noise}{seen}"


def _evaluation(spec: RunSpec, plan: Mapping[str, Any]) -> str:
    items = "items"  # of a user's model that this process has not read
    if spec.model in models.names():
        items = "videos" if models.get(spec.model).video else "images"
    lines = (each.describe(items) for each in measurements_of(plan, spec.column_key))
    return "; ".join(line for line in lines if line)


def _time(plan: Mapping[str, Any], table: pd.DataFrame) -> str:
    once = table.reindex(columns=["run", "train_seconds", "evaluate_seconds"]).drop_duplicates(
        "run"
    )
    total = float(once.drop(columns="run").sum().sum())
    text = f"{duration(total)} of training and evaluation, summed over runs"
    if trials := int((table.get("seed", pd.Series(dtype=int)) < 0).sum()):
        text += f" and {trials} trials of learning rates"
    if wall := plan.get("wall_seconds"):
        text += f"; the last command took {duration(wall)} with {plan['jobs']} run(s) at a time"
    return text


def _precision(machines: Iterable[Mapping[str, Any]]) -> str:
    if not any(found.get("device") == "cuda" for found in machines):
        return ""
    return "convolutions in TF32, as PyTorch has them; all else in float32 or float64"


def shared(environments: Iterable[Mapping[str, Any]], plan: Mapping[str, Any]) -> str:
    """Return why seconds of training do not compare; "" if each run had its machine for itself.

    The plan knows the jobs of the last command alone, the runs when they began and ended.
    """
    known = [found for found in environments if found]
    where = "the GPU" if any(found.get("device") == "cuda" for found in known) else "the processor"
    if (jobs := plan.get("jobs") or 1) > 1:
        return f"{jobs} runs shared {where}, so seconds do not compare"
    times = sorted((found.get("began", ""), found.get("ended", "")) for found in known)
    overlap = any(began < ended for (_, ended), (began, _) in pairwise(times))
    return f"runs shared {where}, so seconds do not compare" if overlap else ""


def _memory(machines: Iterable[Mapping[str, Any]]) -> str:
    key = "peak_memory_megabytes"
    most = max((found.get(key, 0.0) for found in machines), default=0.0)
    return f"at most {most / 1e3:.1f} GB in the process of a training" if most else ""


def _distinct(values: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values))

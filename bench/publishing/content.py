"""What a results folder holds, as a report takes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

import likelihoods
import reports
from bench import CHECKOUT, models
from bench.errors import UsageError
from bench.evaluation import Measurement, Values
from bench.metrics import features
from bench.progress import say
from bench.publishing.about import about, shared
from bench.publishing.table import (
    measurements_of,
    metrics,
    results,
    runs_of,
    with_counts,
)
from bench.store import Store

T = TypeVar("T")


def publish(store: Store, output: Path, also: reports.Also | None = None) -> Path:
    """Write the report of a results folder; returns the path of its README.

    Args:
        store: holds the runs.
        output: where the report goes.
        also: what is written beside Markdown, PNG and CSV.

    Raises:
        UsageError: the folder holds no results.
        reports.ReportError: the report cannot be written.
    """
    return reports.write(content(store, output), output, also)


def load(place: Path) -> reports.Frames:
    """Return what a results folder, the folder of a report or a results.csv holds.

    Raises:
        UsageError: there are no results there.
        reports.ReportError: the results.csv cannot be read.
    """
    table = place / "results.csv" if place.is_dir() else place
    if table.is_file():
        return reports.read(table)
    store = Store.existing(place)
    return reports.as_frames(content(store, store.report_folder))


def recommend(stores: Mapping[Path, Store]) -> str:
    """Return which decoder results folders recommend, a Markdown table.

    Args:
        stores: the folder of the report that the evidence links to -> what holds the runs. For a
            kind of data speaks the first that ran it.

    Raises:
        UsageError: a folder holds no results.
    """
    contents = {
        (report / "README.md").as_posix(): content(store, report)
        for report, store in stores.items()
    }
    return reports.recommend(contents)


def content(store: Store, output: Path) -> reports.Content:
    """Return what a results folder holds, for a report that will be written into `output`.

    Raises:
        UsageError: the folder holds no results.
    """
    plan = Store.existing(store.root).read_plan() or {}
    table = results(store, plan["by_column"], plan)
    trials = results(store, plan["trials"], plan)
    ended = [run for run in runs_of(plan) if store.record(run)]
    _tell_of_changes(store, plan)
    pairs = _present((run, store.images(run, "reconstructions")) for run in ended)
    planned = {key: measurements_of(plan, key) for key in plan["measurements"]}
    catalogue = with_counts(metrics(chain.from_iterable(planned.values())), table)
    extractors = dict.fromkeys(metric.features for metric in catalogue if metric.features)
    return reports.Content(
        title=plan["title"],
        results=table,
        trials=trials,
        histories=_present((run, store.history(run)) for run in ended),
        samples=_present((run, store.images(run, "samples")) for run in ended),
        reconstructions={run: np.stack(np.split(images, 2)) for run, images in pairs.items()},
        columns=[reports.Column(**column) for column in plan["columns"]],
        rows=[reports.Row(**row) for row in plan["rows"]],
        about=about(store, plan, pd.concat([table, trials])),
        budget=plan["budget"],
        metrics=catalogue,
        features={name: features.describe(name).protocol for name in extractors},
        order=[name for name in likelihoods.names() if likelihoods.is_own(name)],
        per_image={run: _per_image(store, run, planned) for run in ended},
        metrics_document=_definitions(output),
        shared=shared(map(store.environment, ended), plan),
    )


def _per_image(
    store: Store, run: str, planned: Mapping[str, Iterable[Measurement]]
) -> dict[str, Values]:
    measurements = planned.get(store.spec(run).column_key, ())
    return {k: v for each in measurements for k, v in store.per_image(run, each.key).items()}


def _tell_of_changes(store: Store, plan: Mapping[str, Any]) -> None:
    """Say which files were edited after the runs that are shown of them."""
    specs = [store.spec(run) for run in runs_of(plan) if store.record(run)]
    for row in (reports.Row(**content) for content in plan["rows"]):
        shown = {spec.likelihood_source for spec in specs if spec.belongs_to(row)}
        if row.given and shown:
            _tell(row.given, shown, _fingerprint)
    words = (plan.get("asked") or {}).get("own", [])
    if "--model" in words and specs:
        model = words[words.index("--model") + 1]
        versions = {spec.model_version for spec in specs}
        _tell(model, versions, lambda given: models.version(models.resolve(given).name))


def _fingerprint(given: str) -> str:
    return likelihoods.fingerprint(likelihoods.resolve(given).name)


def _tell(given: str, shown: Collection[int | str], present: Callable[[str], int | str]) -> None:
    try:
        changed = present(given) not in shown
    except (likelihoods.LikelihoodError, UsageError):
        return  # the file is gone, and the runs are what there is
    if changed:
        say(f"{given} has changed since: shown is what was run; `run` does it anew")


def _definitions(output: Path) -> str | None:
    """Relative link from a report inside the checkout to the definitions of the metrics."""
    if CHECKOUT not in output.resolve().parents:
        return None
    return os.path.relpath(CHECKOUT / "docs" / "metrics.md", output.resolve())


def _present(pairs: Iterable[tuple[str, T | None]]) -> dict[str, T]:
    return {key: value for key, value in pairs if value is not None}

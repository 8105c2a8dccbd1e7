"""Every column of the results is described once, by whatever makes it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import torch

from bench import CHECKOUT
from bench.evaluation import MEASUREMENTS, Trained, take
from bench.evaluation.quality import metrics_of
from bench.execution.run import METRICS, Task, build, execute
from bench.metrics.features import describe, names
from bench.publishing.table import documented, metrics, with_counts
from bench.store import Store
from reports import IDENTIFICATION, Metric, described, overview
from tests.bench.conftest import MODELS, DataFor, MakeSpec, measured_of, measurement


@pytest.mark.parametrize("model", MODELS)
def test_each_measurement_describes_its_own_columns(
    model: str, data_for: DataFor, make_spec: MakeSpec
) -> None:
    data = data_for(model)
    trained = Trained(build(make_spec("optimal_sigma", model=model), data), data, seed=0)
    for each in measured_of(model):
        result = take(each, trained)
        found = described(each.metrics, result.columns).values()
        names = [metric for columns in found for metric in columns]
        assert {metric.key for metric in names} == set(result.columns), each.label
        assert all(metric.name and "{" not in metric.name for metric in names)


def test_training_describes_what_it_records(
    make_spec: MakeSpec, data_for: DataFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.execution.run.on_device", lambda *_: data_for("vae"))
    store, spec = Store.open(tmp_path), make_spec()
    execute(Task(spec, (), train=True), store, torch.device("cpu"))
    record = store.record(spec.run_id)
    assert record is not None
    of_other_ends = {"diverged_step", "error", "not_measured", "evaluate_seconds"}
    of_other_ends |= {"evaluate_seconds_{part}", "{measurement}_absent"}
    assert {metric.key for metric in METRICS} == record.keys() | of_other_ends


def test_no_column_is_described_twice() -> None:
    """Not by two measurements either: one key means the same everywhere."""
    every = [metric for cls in MEASUREMENTS for part in cls().parts() for metric in part.metrics]
    by_key = {metric.key: metric for metric in every}
    assert [metric for metric in every if by_key[metric.key] != metric] == []
    keys = [metric.key for metric in metrics()]
    assert len(set(keys)) == len(keys)
    assert {metric.key for metric in (*METRICS, *every)} <= set(keys)


def test_the_catalogue_of_a_plan_has_its_measurements_alone() -> None:
    keys = {metric.key for metric in metrics([measurement("iwae")])}
    assert {"iwae_nats", "train_seconds"} <= keys
    of_any = ["evaluate_seconds_iwae", "iwae_absent"]
    found = described(metrics([measurement("iwae")]), of_any).values()
    assert sorted(metric.key for columns in found for metric in columns) == of_any
    assert not {"bits_per_dim", "fd_inception_75"} & keys
    assert {"bits_per_dim", "fd_inception_75"} <= {metric.key for metric in metrics()}


def test_a_headline_says_how_many_images_it_was_measured_on() -> None:
    catalogue = metrics([measurement("quality_thumbnail"), measurement("elbo")])
    table = pd.DataFrame(
        {
            "manifold_images": [32, 32, 16, None],
            "manifold_reference_images": [48, 48, 40, None],
            "data_set": ["digits", "digits", "patches", "svhn"],
        }
    )
    counted = {metric.key: metric for metric in with_counts(catalogue, table)}
    for metric in catalogue:
        if metric.headline and metric.features:
            said = f"{metric.protocol}: 32 against 48 of digits, 16 against 40 of patches"
            assert counted[metric.key].protocol == said
        elif not metric.headline:
            assert counted[metric.key] == metric
    assert with_counts(catalogue, table[["data_set"]]) == catalogue


def test_every_column_of_real_results_is_described() -> None:
    table = pd.read_csv(CHECKOUT / "docs" / "results" / "quick" / "results.csv")
    identification = [Metric(key, key, "which run it is") for key in IDENTIFICATION]
    left = set(map(str, table))
    for described_first in (identification, metrics()):
        found = described(described_first, left).values()
        left -= {metric.key for columns in found for metric in columns}
    assert left == set()


def test_floors_exist_and_every_distance_has_its_protocol() -> None:
    keys = {metric.key for metric in metrics()}
    assert {metric.floor for metric in metrics() if metric.floor} <= keys
    assert all(metric.protocol for metric in metrics() if metric.features)


def test_what_is_measured_on_the_same_has_the_same_words_for_every_extractor() -> None:
    first, *others = (metrics_of(describe(name)) for name in names())
    assert others
    for other in others:
        pairs = zip(first, other, strict=True)
        assert all(_plain(one) == _plain(another) for one, another in pairs)


def _plain(metric: Metric) -> str:
    """The definition, without what extractors call their distances."""
    text = metric.definition
    for words in map(describe, names()):
        text = text.replace(words.heading, "").replace(words.kernel_heading, "")
    return text


def test_the_documentation_shows_the_catalogue() -> None:
    """To make it anew: print(reports.overview(documented())) of bench.publishing.table."""
    text = (CHECKOUT / "docs" / "metrics.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| column \|.*(?:\n\|.*)*", text, re.MULTILINE)[:1]
    assert table == overview(documented())

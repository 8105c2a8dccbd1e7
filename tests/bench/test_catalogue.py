"""The catalogue of metrics describes all that a run can hold, and the documentation shows it."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd
import pytest

from bench import CHECKOUT, catalogue
from reports import IDENTIFICATION, Metric, described, overview

INCEPTION = catalogue.quality_metrics("inception", "fid", "FID", "kid", "KID")
VGG = catalogue.quality_metrics(
    "random_vgg", "fd_random_vgg", "FD-random-VGG", "kd_random_vgg", "KD-random-VGG"
)
EVERY = catalogue.metrics([*INCEPTION, *VGG])


@pytest.mark.parametrize("name", ["quick", "extended", "hierarchy"])
def test_every_column_of_real_results_is_described(name: str) -> None:
    table = pd.read_csv(CHECKOUT / "docs" / "results" / name / "results.csv")
    identification = [Metric(key, key, "which run it is") for key in IDENTIFICATION]
    left = set(map(str, table))
    for metrics in (identification, EVERY):
        left -= {each.key for known in described(metrics, left).values() for each in known}
    assert left == set()


def test_no_column_is_described_twice() -> None:
    counts = Counter(metric.key for metric in EVERY)
    assert [key for key, count in counts.items() if count > 1] == []


def test_floors_exist_and_every_distance_has_its_protocol() -> None:
    keys = {metric.key for metric in EVERY}
    assert {metric.floor for metric in EVERY if metric.floor} <= keys
    assert all(metric.protocol for metric in EVERY if metric.features)


def test_what_is_measured_on_the_same_has_the_same_words_for_every_extractor() -> None:
    pairs = zip(INCEPTION, VGG, strict=True)
    assert all(first.definition == second.definition for first, second in pairs)


def test_the_documentation_shows_the_catalogue() -> None:
    text = (CHECKOUT / "docs" / "metrics.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| column \|.*(?:\n\|.*)*", text, re.MULTILINE)[:1]
    assert table == overview(catalogue.metrics(INCEPTION))

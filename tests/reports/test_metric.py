"""One metric, or several that differ in a number of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reports import Metric, described, overview

LAYER = Metric("kl_layer_{layer}_nats", "layer {layer}", "a part of the KL", "nats/image", 2)


def test_the_columns_of_a_pattern_follow_their_number() -> None:
    keys = ["kl_layer_10_nats", "kl_nats", "kl_layer_2_nats", "validation_kl_layer_1_nats"]
    assert [(each.key, each.label) for each in LAYER.of(keys)] == [
        ("kl_layer_2_nats", "layer 2 (nats/image)"),
        ("kl_layer_10_nats", "layer 10 (nats/image)"),
    ]
    assert [each.name for each in Metric("pit_{bin}", "bin {bin}", "share").of(["pit_07"])] == [
        "bin 7"
    ]


def test_a_column_has_one_description_the_exact_one_before_a_pattern() -> None:
    every, exact = Metric("fid_{what}", "{what}", "any"), Metric("fid_floor", "floor", "one")
    found = described([every, exact, LAYER], ["fid_floor", "fid_samples", "seed"])
    names = {key: [each.key for each in metrics] for key, metrics in found.items()}
    assert names == {
        "fid_{what}": ["fid_samples"],
        "fid_floor": ["fid_floor"],
        "kl_layer_{layer}_nats": [],
    }


@pytest.mark.parametrize("missing", ["key", "name", "definition"])
def test_a_metric_says_what_it_is(missing: str) -> None:
    empty: dict[str, Any] = {missing: ""}
    with pytest.raises(ValueError, match="needs a key, a name and a definition"):
        replace(LAYER, **empty)


def test_the_overview_has_a_line_for_each() -> None:
    native = Metric("nll", "NLL", "p(x|z)", "nats", best="lowest", native=True, source="A 2020")
    assert overview([native, LAYER]).splitlines()[2:] == [
        r"| `nll` | nats | lowest, within one measure | p(x\|z) (A 2020) |",
        "| `kl_layer_{layer}_nats` | nats/image | - | a part of the KL |",
    ]

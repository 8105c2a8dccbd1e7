"""The table of diverged runs, and groups that differ in their training alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reports.analysis.groups import groups
from tests.reports.example import example
from tests.reports.typed import ROWS, STAND_IN, cells, content, run, whole

SMALLEST = "smallest_sigma_reached"
RUNS = [
    run("wide", 0, smallest_sigma_reached=0.5),
    run("fit", 0, smallest_sigma_reached=0.01),
    run("fit", 1, smallest_sigma_reached=1e-6, status="diverged", diverged_step=30.0),
    run("fit", 2, smallest_sigma_reached=1e-5, status="diverged", diverged_step=10.0),
    run("fit", 3, smallest_sigma_reached=np.nan, status="diverged", diverged_step=90.0),
]


def section(text: str) -> str:
    return text.split("## Stability")[1].split("\n## ", maxsplit=1)[0]


def test_diverged_runs_count_with_what_they_reached() -> None:
    text = section(whole(content(RUNS)))
    assert cells(text, "Fit") == {
        "decoder": "Fit",
        "diverged": "3/4",
        "at step": "30",
        "smallest σ": "1.00e-06",
    }
    assert cells(text, "Wide")["at step"] == "none diverged"
    assert cells(text, "Wide")["smallest σ"] == "0.5"
    assert cells(text, "Soft")["diverged"] == "not run"


def test_it_is_shown_only_where_there_is_something_to_say() -> None:
    calm = RUNS[:2]
    assert "Stability" not in whole(content(calm))
    rows = [replace(row, may_diverge=row.name == "fit") for row in ROWS]
    text = section(whole(content(calm, rows=rows)))
    assert cells(text, "Fit")["diverged"] == "0/1"
    absent = [replace(row, may_diverge=row.name == "soft") for row in ROWS]
    assert "Stability" not in whole(content(calm, rows=absent))
    assert ", in place of CelebA (VAE)" in section(whole(example(images=False)))


def test_columns_of_one_data_set_and_model_are_told_apart_by_their_key() -> None:
    slow, fast = (replace(STAND_IN, heading=name, key=name) for name in ("Slow", "Fast"))
    twin = replace(slow, heading="Twin")
    runs = [
        run("fit", run="a", column_key="Slow", nll_nats=1.0),
        run("fit", run="b", column_key="Fast", nll_nats=2.0),
        run("wide", run="c", column_key="Fast"),
        run("fit", run="d", column_key="lost", nll_nats=3.0),
    ]
    found = groups(content(runs, columns=[slow, fast, twin]))
    assert [[c.heading for c in group.columns] for group in found] == [
        ["Slow", "Twin"],
        ["Fast"],
        ["vae lost"],
    ]
    assert [sorted(group.runs["run"]) for group in found] == [["a"], ["b", "c"], ["d"]]
    assert len({group.slug for group in found}) == len({group.heading for group in found}) == 3
    (alone,) = groups(content(runs[:1], columns=[slow]))
    assert (alone.slug, alone.heading) == ("blobs-vae", "Blobs, in place of svhn (Slow)")

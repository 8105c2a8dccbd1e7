from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.analysis.groups import groups
from reports.document import document
from reports.printing.markup import escape
from reports.printing.tables import layer_table
from reports.printing.words import decimals_for, number, short
from reports.sections import Subject
from reports.sections.decoders import decoder_table, sweep_tables
from reports.sections.training import costs
from tests.reports.typed import (
    BITS_PER_DIM,
    METRICS,
    REAL,
    STAND_IN,
    cells,
    content,
    five,
    run,
    whole,
)
from tests.reports.typed import FID as DISTANCE

NLL, BITS, FID = "NLL (nats/image) ↓", "bits/dim ↓", "FID ↓"


def test_the_best_nll_is_bold_within_its_measure_only() -> None:
    subject = content()
    table = str(decoder_table(groups(subject)[0], "quick"))
    nll = {name: cells(table, name)[NLL] for name in ("Soft", "Hard", "Wide", "Fit", "Odd")}
    assert nll == {
        "Soft": "50.0",
        "Hard": "**40.0**",
        "Wide": "-10.0",
        "Fit": "**-90.0**",
        "Odd": "-70.0",
    }


def test_a_metric_of_no_decimals_is_printed_without() -> None:
    """0 is a number of decimals, and not the absence of one."""
    whole_numbers = replace(BITS_PER_DIM, decimals=0)
    metrics = [whole_numbers if metric is BITS_PER_DIM else metric for metric in METRICS]
    table = str(decoder_table(groups(content(metrics=(*metrics, DISTANCE)))[0], "quick"))
    assert cells(table, "Wide")[BITS] == "6"


def test_bits_and_frechet_distances_compare_over_all_rows() -> None:
    subject = content()
    table = str(decoder_table(groups(subject)[0], "quick"))
    assert table.count("**1.200**") == 1
    assert cells(table, "Hard")[BITS] == "**1.200**"
    assert cells(table, "Fit")[FID] == "**10.00**"
    assert table.count("**") == 8, "two measures, bits/dim and FID"


def test_what_is_said_of_all_tables_is_said_once() -> None:
    """One column has a run that did not finish, about which its caption says more."""
    other = replace(STAND_IN, data_set="tiles", heading="Tiles")
    runs = [
        run("soft", seed, run=f"{column.data_set}-{seed}", data_set=column.data_set, status=status)
        for column, first in ((STAND_IN, "finished"), (other, "diverged"))
        for seed, status in enumerate([first, *4 * ["finished"]])
    ]
    text = str(document(content(runs, columns=(STAND_IN, other))).readme)
    assert text.count("Mean ± sample standard deviation") == 1
    assert "A mean over only the runs that finished is never bold." in text


def test_equal_values_are_not_bold() -> None:
    subject = content([run(name) for name in ("soft", "hard", "wide", "fit")])
    assert "**" not in str(decoder_table(groups(subject)[0], "quick"))
    assert "Soft and Hard tie" in whole(subject)


def test_a_lone_decoder_of_its_measure_is_not_bold() -> None:
    subject = content([run("soft"), run("wide"), run("fit", nll_nats=-5.0)])
    table = str(decoder_table(groups(subject)[0], "quick"))
    assert cells(table, "Soft")[NLL] == "10.0"
    assert cells(table, "Fit")[NLL] == "**-5.0**"


def test_survivors_of_divergence_are_shown_and_never_best() -> None:
    runs = [run("fit", s, nll_nats=-99.0) for s in range(2)]
    runs += [run("fit", 2, status="diverged", nll_nats=np.nan)]
    runs += [run("wide", s, nll_nats=s) for s in range(3)]
    runs += [run("odd", s, status="diverged", option_beta=1.0) for s in range(3)]
    subject = content(runs)
    table = str(decoder_table(groups(subject)[0], "quick"))
    assert cells(table, "Fit")[NLL] == "-99.0 ± 0.0, diverged (1/3)"
    assert cells(table, "Wide")[NLL] == "1.0 ± 1.0"
    assert cells(table, "Odd")[NLL] == "diverged (3/3)"
    assert cells(table, "Hard")[NLL] == "not run"


def test_every_gap_has_its_reason() -> None:
    runs = [
        run("soft", measure="unnormalised", nll_nats=np.nan),
        run("hard", status="failed"),
        run("wide", bits_per_dim=np.nan),
        run("odd", option_beta=1.0, validation_nll_nats=np.nan),
    ]
    subject = content(runs)
    table = str(decoder_table(groups(subject)[0], "quick"))
    assert cells(table, "Soft")[NLL] == "not normalised"
    assert cells(table, "Hard")[NLL] == "failed"
    assert cells(table, "Wide")[BITS] == "not measured"
    assert cells(table, "Fit")[NLL] == "not run"
    assert cells(table, "Odd")[NLL] == "not chosen"


def test_the_sweep_is_followed_by_the_learned_variance() -> None:
    subject = content()
    table = sweep_tables(Subject(subject))
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows[1:]] == [
        "Odd (beta = 0.01)",
        "Odd (beta = 0.1)",
        "Fit",
    ]
    assert cells(table, "Fit")["variance σ²"] == "0.02"


def test_information_near_its_cap_is_marked() -> None:
    runs = [
        run("odd", option_beta=b, information_nats=i, information_cap_nats=8.0)
        for b, i in ((0.1, 7.5), (1.0, 2.0))
    ]
    subject = content(runs)
    table = sweep_tables(Subject(subject))
    assert cells(table, "Odd")["I_e(x;z) (nats)"] == "7.50 (near cap)"
    assert cells(table, "Odd", 1)["I_e(x;z) (nats)"] == "2.00"


def test_the_layers_of_a_hierarchical_model_are_shown_in_order() -> None:
    layers: dict[str, Any] = {f"kl_layer_{layer}_nats": float(layer) for layer in (10, 2, 1)}
    subject = content([run("fit", **layers, kl_nats=13.0), run("wide")])
    table = str(layer_table(groups(subject)[0]))
    assert list(cells(table, "Fit").items())[1:] == [
        ("layer 1 (nats)", "1.00"),
        ("layer 2 (nats)", "2.00"),
        ("layer 10 (nats)", "10.00"),
        ("KL (nats/image)", "13.00"),
    ]
    assert cells(table, "Wide")["layer 1 (nats)"] == "not measured"
    assert "## KL of each stochastic layer" in whole(subject)
    assert layer_table(groups(content())[0]) == ""


def test_absent_information_has_its_reason() -> None:
    runs = [run("odd", option_beta=b, information_absent="no one code") for b in (0.1, 1.0)]
    text = whole(content(runs))
    sentence = "I_e(x;z) and KL(m‖p) were not measured: no one code."
    assert text.count(sentence) == 2, "below tables A and of codes"


def test_the_costs_of_a_sweep_count_all_its_runs() -> None:
    subject = content()
    table = costs(Subject(subject))
    assert cells(table, "Odd")["runs"] == "2"
    assert cells(table, "Odd")["all runs (s)"] == "2.0"
    assert cells(table, "Fit")["all runs (s)"] == "1.0"


def test_published_numbers_stand_beside_real_data_on_the_paper_budget_only() -> None:
    def readme(data_set: str, budget: str) -> str:
        runs = [run("gaussian", data_set=data_set, budget=budget)]
        runs += [run("new", data_set=data_set, budget=budget)]
        columns = [REAL] if data_set == "svhn" else content().columns
        return whole(content(runs, columns=columns, budget=budget))

    beside = readme("svhn", "paper")
    assert cells(beside, "gaussian")["published NLL"] == "2184"
    assert cells(beside, "new")["published FID"] == "not in the paper"
    for data_set, budget in (("svhn", "quick"), ("blobs", "paper")):
        assert "published FID" not in readme(data_set, budget)


def test_labels_cannot_break_a_table() -> None:
    assert escape("a|b\nc <d> *e*") == r"a\|b c &lt;d> \*e\*"
    runs = [*five(), run("x|y*z")]
    subject = content(runs)
    lines = str(decoder_table(groups(subject)[0], "quick")).splitlines()
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (-0.04, 1, "0.0"),
        (12345.67, 1, "12,345.7"),
        (-9999.0, 0, "-9999"),
        (np.inf, 3, "∞"),
    ],
)
def test_numbers(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


def test_a_missing_number_is_never_printed() -> None:
    with pytest.raises(ValueError, match="missing"):
        number(float("nan"), 1)


def test_digits_follow_the_size() -> None:
    assert [decimals_for([x]) for x in (0.0123, 12.3, 12345.0, 0.0, np.inf)] == [5, 2, 0, 0, 0]
    assert [short(x) for x in (0.0089123, 1.0, 1e-7)] == ["0.00891", "1", "1.00e-07"]


def test_an_evaluation_that_outlasts_training_is_named() -> None:
    slow: dict[str, Any] = {
        "evaluate_seconds": 2.0,
        "evaluate_seconds_quality": 1.5,
        "evaluate_seconds_probe": 0.1,
    }
    runs = [run("wide", evaluate_seconds=0.5), run("fit", **slow)]
    text = whole(content(runs))
    named = "Evaluation took longer than training for Fit (2 s against 1 s, 1.5 s of it quality)."
    assert named in text
    assert text.count("Evaluation took longer") == 1


def test_the_memory_of_a_step_is_a_cost() -> None:
    runs = [run("wide", step_memory_megabytes=12.345), run("fit", step_memory_megabytes=1.5)]
    subject = content(runs)
    table = costs(Subject(subject))
    heading = "memory of a step (MB)"
    assert [cells(table, name)[heading] for name in ("Wide", "Fit")] == ["12.35", "1.50"]
    assert cells(table, "Hard")[heading] == "not run"
    assert heading not in costs(Subject(content()))

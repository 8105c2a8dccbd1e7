from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from reports import Content, ReportError, Row
from reports.analysis.groups import Entry, decoders, groups, lacking, learned
from reports.analysis.ranks import ranks
from reports.document import document
from tests.reports.typed import FID, METRICS, NLL, REAL, ROWS, STAND_IN, content, five, run, whole


def entry(subject: Content, name: str) -> Entry:
    (group,) = groups(subject)
    return next(each for each in group.entries if each.decoder.name == name)


def test_the_best_of_a_sweep_is_chosen_on_validation_not_on_test() -> None:
    chosen = entry(content(), "odd")
    assert chosen.chosen == 0.01
    assert list(chosen.runs["nll_nats"]) == [-70.0], "the better test value, -80, is not shown"


def test_the_mean_over_seeds_decides() -> None:
    runs = [
        run("odd", seed, option_beta=beta, validation_nll_nats=value)
        for beta, values in ((1.0, (0.0, 9.0)), (2.0, (4.0, 4.0)))
        for seed, value in enumerate(values)
    ]
    assert entry(content(runs), "odd").chosen == 2.0


def test_a_value_that_lost_a_seed_does_not_win() -> None:
    runs = [
        run("odd", 0, option_beta=1.0, validation_nll_nats=-100.0),
        run("odd", 1, option_beta=1.0, status="diverged"),
        run("odd", 0, option_beta=2.0, validation_nll_nats=5.0),
        run("odd", 1, option_beta=2.0, validation_nll_nats=5.0),
    ]
    assert entry(content(runs), "odd").chosen == 2.0


def test_bits_per_dim_decides_where_no_validation_nll_was_measured() -> None:
    runs = [
        run("odd", option_beta=b, validation_nll_nats=None, validation_bits_per_dim=3 - b)
        for b in (1.0, 2.0)
    ]
    assert entry(content(runs), "odd").chosen == 2.0


def test_without_validation_nothing_is_chosen() -> None:
    runs = [run("odd", option_beta=b, validation_nll_nats=None) for b in (1.0, 2.0)]
    undecided = entry(content(runs), "odd")
    assert undecided.undecided
    assert undecided.runs.empty
    assert len(undecided.every_run) == 2


def test_runs_with_other_options_are_never_averaged() -> None:
    runs = [
        run("fit", 0, run="a", options='{"bounds": null}', option_bounds=None),
        run("fit", 1, run="b", options='{"bounds": [-6, 6]}', option_bounds=[-6, 6]),
    ]
    labels = [row.label for row in decoders(content(runs)) if row.name == "fit"]
    assert labels == ["Fit (bounds = [-6, 6])", "Fit (bounds = null)"]
    (group,) = groups(content(runs))
    assert [len(e.runs) for e in group.entries if e.decoder.name == "fit"] == [1, 1]


def test_a_row_can_ask_for_options() -> None:
    row = Row("fit", "Unbounded", options={"bounds": None})
    runs = [run("fit", options='{"bounds":null}'), run("fit", 1, options="{}")]
    assert list(entry(content(runs, rows=[row]), "fit").runs["seed"]) == [0]


@pytest.mark.parametrize(
    ("row", "options", "held"),
    [
        (Row("fit", "Fit"), {"floor": 1}, True),
        (Row("fit", "Fit", {}), {"floor": 1}, False),
        (Row("fit", "Fit", {"floor": 1.0}), {"floor": 1}, True),
        (Row("fit", "Fit", {}, sweep="beta"), {"beta": 2}, True),
        (Row("fit", "Fit", {"bounds": [0, 1]}), {"bounds": [0, 2]}, False),
        (Row("wide", "Wide"), {}, False),
    ],
)
def test_a_row_holds_the_runs_with_its_options(
    row: Row, options: dict[str, Any], held: bool
) -> None:
    assert row.holds("fit", options) is held
    assert {row: 1}[replace(row)] == 1, "rows are keys, whatever their options"


def test_a_lost_run_ranks_last_or_by_what_is_left() -> None:
    runs = [run("fit", 0, fid=1.0), run("fit", 1, status="diverged"), run("wide", fid=2.0)]
    (group,) = groups(content(runs))
    assert ranks(group.entries, FID) == [None, None, 1.0, 2.0, None]
    assert ranks(group.entries, FID, lost_last=False) == [None, None, 2.0, 1.0, None]


def test_likelihoods_without_a_row_are_appended() -> None:
    found = decoders(content([*five(), run("zeta"), run("alpha")]))
    assert [row.name for row in found] == [*(row.name for row in ROWS), "alpha", "zeta"]


def test_equal_stand_ins_are_one_group() -> None:
    other = replace(STAND_IN, heading="CelebA VAE", stands_for="celeba")
    (group,) = groups(content(columns=[STAND_IN, other]))
    assert group.heading == "Blobs, in place of SVHN (VAE); Blobs, in place of CelebA (VAE)"


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Blobs, in place of SVHN (VAE)"),
        ({"heading": "Slow", "description": "CIFAR-10: cats"}, "CIFAR-10, in place of svhn (Slow)"),
        ({"stands_for": None}, "SVHN VAE (Blobs)"),
        ({"stands_for": None, "heading": "blobs VAE, rate 0.1"}, "blobs VAE, rate 0.1"),
        ({"description": "a sentence that is no name at all"}, "blobs, in place of SVHN (VAE)"),
    ],
)
def test_a_column_is_headed_by_the_data_that_were_used(changes: Any, title: str) -> None:
    assert replace(STAND_IN, **changes).title == title


def test_runs_without_a_column_do_not_vanish() -> None:
    found = groups(content([*five(), run("fit", run="x", data_set="other")]))
    assert [group.data_set for group in found] == ["blobs", "other"]


def test_only_a_moving_variance_is_learned() -> None:
    runs = [run("fit", variance=0.02), run("wide", variance=1.0), run("odd", option_beta=1.0)]
    histories = {
        "fit-None-0": pd.DataFrame({"variance": [1.0, 0.02]}),
        "wide-None-0": pd.DataFrame({"variance": [1.0, 1.0]}),
    }
    subject = content(runs, histories=histories)
    assert [e.decoder.name for e in learned(subject, groups(subject)[0])] == ["fit"]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([{"run": "a"}], "lack the column"),
        ([run("fit"), run("fit")], "twice"),
        ([run("fit", run="a"), run("fit", run="b")], "share data set"),
        ([run("fit", budget="smoke")], "budget smoke"),
        ([run("fit", status="lost")], "the status 'lost'; a run is finished, diverged, failed"),
        ([run("fit", options="wide")], "are not a JSON object"),
    ],
)
def test_unfit_results_are_refused_in_one_line(runs: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ReportError, match=message) as caught:
        content(runs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"metrics": (*METRICS, replace(FID, protocol=" "))},
        {"features": {"inception": ""}},
        {"features": {}},
    ],
)
def test_a_metric_without_its_protocol_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match="the protocol of fid on inception features is not"):
        content(**spoilt)


def test_a_metric_that_is_described_twice_is_refused() -> None:
    with pytest.raises(ReportError, match="2 metrics describe 'nll_nats'"):
        content(metrics=(*METRICS, FID, NLL))


def test_a_report_asks_for_the_description_of_what_it_cannot_do_without() -> None:
    without = [metric for metric in METRICS if metric.key != "bits_per_dim"]
    subject = content(metrics=(*without, FID))
    with pytest.raises(ReportError, match="no metric describes 'bits_per_dim'"):
        document(subject)


def test_what_is_not_described_counts_as_not_measured() -> None:
    fewer = [metric for metric in METRICS if metric.key != "calibration_error"]
    subject = content([run("fit", calibration_error=0.1)], metrics=(*fewer, FID))
    assert "The calibration was not measured." in whole(subject)


def test_tables_of_video_are_of_frames() -> None:
    (images,) = groups(content())
    (frames,) = groups(content([run("fit", predicted_frames=3)]))
    assert images.metric("nll_nats").heading == "NLL (nats/image) ↓"
    assert frames.metric("nll_nats").heading == "NLL (nats/frame) ↓"


def test_why_something_is_missing_is_read_from_either_column() -> None:
    runs = pd.DataFrame([run("fit", not_measured="elbo: not finite; probe: no labels")])
    assert lacking(runs, "probe") == "no labels"
    assert lacking(runs, "iwae") is None
    assert lacking(pd.DataFrame([run("fit", probe_absent="no labels")]), "probe") == "no labels"


def test_published_numbers_need_the_real_data_and_the_paper_budget() -> None:
    (stand_in,) = groups(content())
    assert stand_in.published("paper") is None
    real = [run(name, data_set="svhn", budget="paper") for name in ("soft", "fit")]
    (group,) = groups(content(real, columns=[REAL], budget="paper"))
    assert group.published("paper") == "SVHN"
    assert group.published("quick") is None

"""A collapsed run is found by what it measured, shown, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.analysis.collapse import COLLAPSED, with_collapse
from reports.analysis.groups import groups
from reports.analysis.intervals import by_seed
from reports.analysis.ranks import WITHOUT_CODE, bests, ranking, ranks
from reports.analysis.recommend import recommendations
from reports.claims.evidence import Absent, entry_of
from reports.sections.decoders import decoder_table
from tests.reports.typed import FID, cells, content, run, whole

ALIVE: dict[str, Any] = {"kl_nats": 20.0, "mse": 0.01, "mean_image_mse": 0.067}
BLACK: dict[str, Any] = {"kl_nats": 5e-5, "mse": 0.1, "mean_image_mse": 0.067}
BITS = "bits/dim ↓"


def reasons(*runs: dict[str, Any]) -> list[str]:
    return list(
        with_collapse(pd.DataFrame([run("fit", i, **r) for i, r in enumerate(runs)]))[COLLAPSED]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ()),
        ({"kl_nats": 0.099}, ("KL is 0.099 nats",)),
        ({"mse": 0.95 * 0.067 + 1e-9}, ("MSE", "mean image 0.067")),
        ({"mse": 0.94 * 0.067}, ()),
        (BLACK, ("KL", "MSE")),
        ({**BLACK, "variance": 10.0, "principal_variance": 5.1}, ("no code is worth its price",)),
        ({"variance": 10.0, "principal_variance": 5.1}, ()),
        ({"kl_nats": 0.01, "variance": 1.0}, ("σ² of 1 is 100 times its MSE of 0.01",)),
        ({"mse": 0.07, "outputs_per_value": 3}, ("3 outputs a value", "beside the mean")),
        ({"status": "diverged", **BLACK}, ()),
        ({"kl_nats": np.nan, "mse": np.nan}, ()),
        ({"mean_image_mse": np.nan}, ()),
    ],
)
def test_by_kl_and_by_the_error_of_the_mean_image(
    changes: dict[str, Any], words: Sequence[str]
) -> None:
    (found,) = reasons({**ALIVE, **changes})
    assert bool(found) is bool(words)
    assert all(word in found for word in words)


def test_what_no_formula_explains_is_not_explained() -> None:
    calibrated = {**ALIVE, **BLACK, "variance": 0.1, "outputs_per_value": 1}
    (found,) = reasons(calibrated)
    assert found == "the KL is 5e-05 nats; the MSE is 0.1, that of the mean image 0.067"


def test_a_table_typed_without_these_numbers_has_none() -> None:
    assert (with_collapse(pd.DataFrame([run("fit")]))[COLLAPSED] == "").all()


def subject() -> Any:
    return content(
        [
            run("wide", bits_per_dim=3.0, nll_nats=-50.0, **ALIVE),
            run("fit", bits_per_dim=1.0, nll_nats=-90.0, fid=1.0, **BLACK),
            run("soft", bits_per_dim=2.0, **ALIVE),
        ]
    )


def test_it_is_shown_and_never_bold_nor_ranked_nor_recommended() -> None:
    (group,) = groups(subject())
    table = decoder_table(group, "quick")
    assert cells(table, "Fit")[BITS] == "1.000, collapsed"
    assert cells(table, "Soft")[BITS] == "**2.000**"
    metric = group.metric("bits_per_dim")
    fit = next(entry for entry in group.entries if entry.decoder.name == "fit")
    assert fit.collapsed
    assert fit not in [entry for entry, _ in ranking(group.entries, metric)]
    assert fit not in bests(group.entries, metric)
    assert ranks(group.entries, metric)[group.entries.index(fit)] is None
    leads = [each for made in recommendations(subject(), [group]) for each in made.contests]
    assert leads
    assert all(fit not in each.level for each in leads)
    text = whole(subject())
    assert "Collapsed runs, which decide nothing:" in text
    assert "Fit, seed 0: the KL is 5e-05 nats" in text


def test_a_part_of_the_runs_is_left_out_of_the_mean_and_counts_as_lost() -> None:
    runs = [run("fit", seed, bits_per_dim=2.0 + seed, **ALIVE) for seed in range(2)]
    runs.append(run("fit", 2, bits_per_dim=0.1, **BLACK))
    others = [run("wide", seed, bits_per_dim=9.0, **ALIVE) for seed in range(3)]
    (group,) = groups(content([*runs, *others]))
    cell = cells(decoder_table(group, "quick"), "Fit")[BITS]
    assert cell.startswith("2.500")
    assert cell.endswith("collapsed (1/3)")
    fit = next(entry for entry in group.entries if entry.decoder.name == "fit")
    assert list(by_seed(fit.runs, "bits_per_dim").index) == [0, 1]
    assert list(by_seed(fit.runs, "bits_per_dim", collapsed=True).index) == [0, 1, 2]
    assert fit not in [e for e, _ in ranking(group.entries, group.metric("bits_per_dim"))]


def test_a_sweep_does_not_choose_it_and_a_claim_does_not_take_it() -> None:
    lost = run("odd", option_beta=0.1, validation_nll_nats=-99.0, **BLACK)
    kept = run("odd", option_beta=0.01, validation_nll_nats=-75.0, **ALIVE)
    (group,) = groups(content([lost, kept, run("fit", **BLACK)]))
    odd = next(entry for entry in group.entries if entry.decoder.name == "odd")
    assert odd.chosen == 0.01
    with pytest.raises(Absent, match="every run of Fit collapsed"):
        entry_of(group, "fit")


def test_rows_without_a_code_stand_below_and_what_does_not_beat_them_is_marked() -> None:
    reference: dict[str, Any] = {
        "mean_image_bits_per_dim": 7.0,
        "histogram_bits_per_dim": 2.5,
        "mean_image_nll_nats": 60.0,
        "histogram_nll_nats": 900.0,
    }
    runs = [
        run("wide", bits_per_dim=3.0, nll_nats=-50.0, **ALIVE, **reference),
        run("fit", bits_per_dim=2.0, nll_nats=61.0, **ALIVE, **reference),
        run("soft", bits_per_dim=2.5, nll_nats=100.0, **ALIVE, **reference),
    ]
    (group,) = groups(content(runs))
    table = decoder_table(group, "quick")
    mean, histogram = str(table).splitlines()[-2:]
    assert mean.startswith("| *mean image")
    assert "7.000" in mean
    assert "60.0" in mean
    assert "2.500" in histogram
    assert "900.0" in histogram
    nll = "NLL (nats/image) ↓"
    bits = {name: cells(table, name)[BITS] for name in ("Wide", "Fit", "Soft")}
    assert bits == {"Wide": "3.000†", "Fit": "**2.000**", "Soft": "2.500†"}
    # The NLL of a density is held against the mean image, that of a mass against the histogram.
    natives = {name: cells(table, name)[nll] for name in ("Wide", "Fit", "Soft")}
    assert natives["Fit"] == "61.0†"
    assert "†" not in natives["Wide"] + natives["Soft"]


@pytest.mark.parametrize(("samples", "known"), [(100, [30.0]), (50, [])])
def test_images_of_a_histogram_are_samples_of_it(samples: int, known: list[float]) -> None:
    """Distances of as many images alone compare."""
    counts = {"sample_images": samples, "frechet_images": 100}
    runs = pd.DataFrame([run("soft", mean_image_fid=50.0, histogram_fid=30.0, **counts)])
    mean, histogram, _ = WITHOUT_CODE
    of_samples = replace(FID, key="fid_samples")
    assert histogram.reached(runs, of_samples) == known
    assert mean.reached(runs, of_samples) == []
    assert histogram.reached(runs, FID) == [30.0]


def test_a_density_is_held_against_the_histogram_whose_masses_are_spread_over_their_bins() -> None:
    reference: dict[str, Any] = {
        "mean_image_nll_nats": 60.0,
        "histogram_nll_nats": 900.0,
        "dimensions": 200,
    }
    runs = [
        run(name, nll_nats=nats, **ALIVE, **reference)  # 900 - 200 ln 255 is -208.3
        for name, nats in (("wide", -208.0), ("fit", -209.0), ("soft", 100.0))
    ]
    (group,) = groups(content(runs))
    table = decoder_table(group, "quick")
    last = str(table).splitlines()[-1]
    assert "as a density" in last
    assert "-208.3" in last
    nll = "NLL (nats/image) ↓"
    natives = {name: cells(table, name)[nll] for name in ("Wide", "Fit", "Soft")}
    assert natives["Wide"] == "-208.0†"
    assert "†" not in natives["Fit"] + natives["Soft"]


def test_a_bound_on_the_mass_is_marked_where_it_counts() -> None:
    runs = [
        run("fit", bits_per_dim=2.0, nll_nats=61.0, mass_is_bound=True, **ALIVE),
        run("soft", bits_per_dim=2.5, nll_nats=100.0, mass_is_bound=False, **ALIVE),
    ]
    report = content(runs)
    table = decoder_table(groups(report)[0], "quick")
    assert cells(table, "Fit")[BITS] == "**2.000§**"
    assert cells(table, "Soft")[BITS] == "2.500"
    assert str(table).count("§") == 1  # not at the NLL
    assert whole(report).count("§ marks bits/dim of a bound") == 1
    assert "§ marks" not in whole(content(runs[1:]))


def test_what_the_mark_says_stands_only_where_it_does() -> None:
    reference: dict[str, Any] = {"mean_image_bits_per_dim": 7.0}
    for bits, times in ((2.0, 0), (8.0, 1)):
        runs = [run("fit", bits_per_dim=bits, **ALIVE, **reference)]
        assert whole(content(runs)).count("† marks what is no better than") == times

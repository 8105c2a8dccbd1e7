"""One decoder against others, on tables typed by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports
from reports import Column, Content, ReportError, Row
from reports.analysis.groups import Entry, groups
from reports.analysis.intervals import Effect, Interval
from reports.figures.panels import forest
from reports.figures.style import Style
from reports.figures.style import styles as styles_of
from reports.versus.choice import choose
from reports.versus.pairs import difference
from tests.reports.example import MNIST, PATCHES, example
from tests.reports.typed import STAND_IN, cells, content, run
from tests.reports.versus.made import BITS, matched, ranked, readme, seeded

# --- which decoders ---


def chosen(new: str, *against: str) -> tuple[str, list[str]]:
    one, others = choose(content(), new, against)
    return one.spelled, [each.spelled for each in others]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fit", "fit"),
        ("FIT", "fit"),
        ("Odd", "odd"),
        ("odd(beta=0.1)", "odd(beta=0.1)"),
        ("odd( beta = 0.10 )", "odd(beta=0.1)"),
        ("odd (beta = 0.01)", "odd(beta=0.01)"),
    ],
)
def test_a_decoder_is_found_by_name_label_or_options(text: str, found: str) -> None:
    assert chosen(text)[0] == found


def test_all_others_are_the_baselines_or_those_that_match() -> None:
    assert chosen("fit")[1] == ["soft", "hard", "wide", "odd"]
    assert chosen("fit", "S*", "odd(beta=0.1)") == ("fit", ["soft", "odd(beta=0.1)"])
    assert chosen("fit", "*") == chosen("fit")
    assert chosen("odd(beta=0.1)", "odd")[1] == ["odd"]


@pytest.mark.parametrize(
    ("new", "against", "message"),
    [
        ("fitt", (), "unknown decoder 'fitt'; did you mean 'fit'? (in the results: soft, hard, "),
        ("odd(beta=7)", (), "unknown decoder 'odd(beta=7)'; did you mean 'odd(beta="),
        ("fit", ("soft", "narrow*"), "unknown decoder or pattern 'narrow*' (in the results: "),
        ("fit", ("f*",), "pattern 'f*' matches nothing but 'fit' itself"),
    ],
)
def test_what_is_not_there_is_one_line(new: str, against: tuple[str, ...], message: str) -> None:
    with pytest.raises(ReportError) as raised:
        choose(content(), new, against)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_of_several_decoders_asks_for_the_options() -> None:
    runs = [run("fit", options='{"floor": 1}'), run("fit", 1, options='{"floor": 2}'), run("soft")]
    with pytest.raises(ReportError, match=r"'fit' is several decoders; .*'Fit \(floor = 1\)'"):
        choose(content(runs), "fit", ())
    assert choose(content(runs), "fit(floor=2)", ())[0].label == "Fit (floor = 2)"


# --- differences ---


def test_difference_probability_and_rank_are_those_computed_by_hand() -> None:
    found = matched(content(seeded(BITS)), "fit", "wide", "soft")
    bits = found.metrics[0]
    wide, soft = (
        difference(found.content, found.new, each, bits) for each in found.baselines[::-1]
    )
    assert wide.effect.mean == pytest.approx(-0.5)  # of -0.5, -0.4, -0.6, -0.45 and -0.55
    assert wide.effect.interval is not None  # standard error 0.0354, t of 4 degrees 2.776
    assert wide.effect.interval.low == pytest.approx(-0.598, abs=1e-3)
    assert wide.effect.interval.high == pytest.approx(-0.402, abs=1e-3)
    assert wide.improvement == pytest.approx(15 / 25)
    assert wide.words == "better"
    assert soft.effect.mean == pytest.approx(0.0, abs=1e-12)  # of -0.1, 0.1, 0.0, -0.1, 0.1
    assert soft.words == "not told apart"
    assert ranked(found, bits) == (1.5, 3)


def test_the_table_shows_it_and_only_what_is_told_apart_is_bold() -> None:
    text = readme(content(seeded(BITS)), "fit")
    wide, soft = cells(text, "Wide"), cells(text, "Soft")
    assert wide["Δ: Fit minus it"] == "**-0.500 [-0.598, -0.402]**"
    assert wide["P(Fit better)"] == "0.60"
    assert wide["verdict"] == "better"
    assert soft["Δ: Fit minus it"] == "0.000 [-0.124, 0.124]"
    assert soft["verdict"] == "not told apart"
    assert cells(text, "Hard")["Δ: Fit minus it"] == "Hard: not run"
    assert "a negative Δ is better for Fit" in text


def test_a_verdict_holds_among_all_baselines() -> None:
    """A difference of p = 0.018 is one alone, and none among three."""
    near = [1.0 + 0.35, 2.0 + 0.1, 3.0 + 0.25, 4.0 + 0.4, 5.0 + 0.1]
    bits = {"fit": BITS["fit"], "soft": near, "wide": BITS["soft"], "hard": BITS["soft"]}
    subject = content(seeded(bits))
    alone = readme(subject, "fit", "soft")
    assert cells(alone, "Soft")["verdict"] == "better"
    among = reports.compare(subject, "fit", ["soft", "wide", "hard"])
    soft = cells(among.document.readme, "Soft")
    assert soft["verdict"] == "not told apart"
    assert soft["Δ: Fit minus it"] == cells(alone, "Soft")["Δ: Fit minus it"].strip("*")
    assert "0.240 bits/dim less than Soft (95% interval " in among.summary
    assert ", beside the other baselines: not told apart)" in among.summary


def test_seen_from_the_other_side_all_is_reversed() -> None:
    found = matched(content(seeded(BITS)), "wide", "fit")
    (back,) = (difference(found.content, found.new, e, found.metrics[0]) for e in found.baselines)
    assert back.effect.mean == pytest.approx(0.5)
    assert back.improvement == pytest.approx(10 / 25)
    assert back.words == "worse"
    assert ranked(found, found.metrics[0]) == (3.0, 3)


def test_where_more_is_better_more_is_better() -> None:
    runs = [
        each | {"ssim_best_of_n": each["bits_per_dim"] / 10, "predicted_frames": 3}
        for each in seeded(BITS)
    ]
    found = matched(content(runs), "fit", "wide")
    (ssim,) = (each for each in found.metrics if each.name == "SSIM")
    (each,) = (difference(found.content, found.new, e, ssim) for e in found.baselines)
    assert each.effect.mean == pytest.approx(-0.05)
    assert each.words == "worse"
    assert ranked(found, ssim) == (2.5, 3)


def test_a_density_and_a_mass_have_no_difference_of_nll() -> None:
    text = readme(content(seeded(BITS)), "fit")
    soft = cells(text, "Soft", 1)
    assert soft["NLL (nats/image) ↓"] == "10.0 ± 0.0"
    assert soft["Δ: Fit minus it"] == "a density and a mass do not compare"
    assert soft["verdict"] == "no verdict"
    assert cells(text, "Wide", 1)["Δ: Fit minus it"] == "0.0"


def test_runs_that_diverged_take_the_verdict_away() -> None:
    runs = seeded(BITS | {"fit": [1.0, 2.0, 3.0, 4.0], "wide": [2.0, 3.1, 4.2, 5.0]})
    runs[3] |= {"status": "diverged", "bits_per_dim": np.nan}
    wide = cells(readme(content(runs), "fit"), "Wide")
    assert wide["Δ: Fit minus it"].endswith(" (3 of 4 seeds)")
    assert "**" not in wide["Δ: Fit minus it"]
    assert wide["verdict"] == "no verdict: Fit: diverged (1/4)"


def test_the_csv_holds_every_pair_and_metric() -> None:
    made = reports.compare(content(seeded(BITS)), "fit", ["wide", "soft"])
    table = pd.read_csv(StringIO(str(made.document.tables["differences.csv"])))
    assert len(table) == 2 * 3  # bits/dim, NLL and FID
    of_wide = table[(table["baseline"] == "Wide") & (table["metric"] == "bits_per_dim")]
    wide = of_wide.iloc[0].to_dict()
    assert wide["difference"] == pytest.approx(-0.5)
    assert (wide["pairs"], wide["verdict"]) == (5, "better")


# --- the summary ---


def test_the_summary_is_of_the_tables() -> None:
    made = reports.compare(content(seeded(BITS)), "fit", ["wide", "soft"])
    assert made.summary.startswith(
        "On blobs (vae, 5 seeds), Fit has the same bits/dim to 3 decimals as Soft (95% interval "
        "-0.124 to 0.124, which contains 0: not told apart) and 0.500 bits/dim less than Wide (95% "
        "interval 0.402 to 0.598), and ranks 1.5 of 3 in bits/dim."
    )
    assert made.summary in made.document.readme


def test_of_many_baselines_the_best_is_told_and_the_others_counted() -> None:
    summary = reports.compare(example(seeds=5, images=False), "gaussian").summary
    assert "Gaussian has 8.3" in summary
    assert "more than Categorical" in summary
    assert ", the best of 10 baselines, and ranks 11 of 11 in bits/dim." in summary
    assert "Of these 10, Gaussian is worse than 10." in summary


# --- missing runs ---


def test_missing_runs_are_named_with_their_command() -> None:
    other = Column("Other", "blots", "vae", "Blots.", None, None, None)
    runs = [
        *seeded({"fit": BITS["fit"][:1], "wide": BITS["wide"]}),
        *seeded({"wide": BITS["wide"][:2]}, data_set="blots", model="vae"),
    ]
    runs = [each | {"run": f"{each['data_set']} {each['run']}"} for each in runs]
    asked: list[tuple[Row, int]] = []

    def command(row: Row, seeds: int) -> str:
        asked.append((row, seeds))
        return f"make {row.name} {seeds}"

    subject = content(runs, columns=(STAND_IN, other))
    made = reports.compare(subject, "fit", ["wide"], command)
    text = made.document.readme
    assert "- Fit, on Blobs, in place of SVHN (VAE) (1 seed so far): `make fit 5`" in text
    assert "- Fit, on Other (Blots) (no runs): `make fit 2`" in text
    assert [(row.name, seeds) for row, seeds in asked] == [("fit", 5), ("fit", 2)]
    assert "On blots (vae), Fit has no difference in bits/dim: Fit: not run." in made.summary
    assert "None: on all data" in readme(content(seeded(BITS)), "fit", "wide")


def test_a_baseline_with_fewer_seeds_is_missing_runs_too() -> None:
    runs = seeded({"fit": BITS["fit"], "wide": BITS["wide"][:2]})
    assert (
        "- Wide, on Blobs, in place of SVHN (VAE) (2 seeds so far): `wide` with 5 seeds"
        in readme(content(runs), "fit", "wide")
    )


def test_a_column_on_which_nothing_was_run_is_missing() -> None:
    other = Column("Other", "blots", "vae", "Blots.", None, None, None)
    subject = content(seeded(BITS), columns=(STAND_IN, other, replace(other, not_run="no disk")))
    text = readme(subject, "fit", "wide")
    for line in ("- Fit, on Other (no runs): `fit` with 5", "- Wide, on Other (no runs): `wide`"):
        assert text.count(line) == 1


def test_values_of_a_sweep_are_ranked_beside_all_others() -> None:
    found = matched(content(), "odd(beta=0.1)", "odd(beta=0.01)", "hard")
    assert [entry.label for entry in found.everyone] == [
        "Odd (beta = 0.1)",
        "Hard",
        "Odd (beta = 0.01)",
        "Soft",
        "Wide",
        "Fit",
    ]
    assert ranked(found, found.metrics[0]) == (3.5, 6)  # 1.2, 1.5, twice 2.0, 3.0, 6.0
    text = readme(content(), "odd(beta=0.1)", "odd(beta=0.01)", "hard")
    assert cells(text, "Odd (beta = 0.01)", 3)["bits/dim ↓"] == "3.5"


# --- thin results ---


def measured(runs: pd.DataFrame, value: float, status: str) -> pd.DataFrame:
    columns = ["nll_nats", "bits_per_dim", "fd_inception_75", "calibration_error"]
    return runs.assign(status=status, **dict.fromkeys(columns, value))


def without(runs: pd.DataFrame, data_set: str) -> pd.DataFrame:
    gone = (runs["likelihood"] == "optimal_sigma") & (runs["data_set"] == data_set)
    return runs[~gone]


CASES: dict[str, tuple[int, Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "one seed": (1, lambda runs: runs, "no verdict: 1 seed, an interval needs 5"),
    "all diverged": (5, lambda runs: measured(runs, np.nan, "diverged"), "diverged (5/5)"),
    "missing in one group": (5, lambda runs: without(runs, "patches"), "Optimal sigma: not run"),
    "identical": (
        5,
        lambda runs: measured(runs, 1.0, "finished"),
        "no verdict: the same value for every seed",
    ),
    "no runs": (5, lambda runs: runs.iloc[:0], "There are no runs, so nothing was compared."),
    "none at all": (5, lambda _: pd.DataFrame(), "SVHN VAE (no runs) and CelebA VAE (no runs): "),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("new", ["optimal_sigma", "bernoulli"])
def test_thin_results_make_a_comparison_that_says_so(
    case: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.figures.style.RESOLUTION", 30)
    seeds, change, words = CASES[case]
    subject = example(seeds=seeds, columns=(MNIST, PATCHES), images=False)
    subject = Content(**vars(subject) | {"results": change(subject.results.copy())})
    made = reports.compare(subject, new)
    text = reports.write_comparison(made, tmp_path / "deep" / "folder").read_text("utf-8")
    assert words in text
    assert not re.search(r"\b(nan|NaN|NaT|None(?!:)|inf|e[+-]\d\d)\b", text)
    assert not re.search(r"\|[ ]*\|", text), "an empty cell"
    if case != "missing in one group":
        assert not re.search(r"\| \*\*[+-]\d", text)
        assert not re.search(r"\| (better|worse)\b", text)
    drawn = {path.name for path in (tmp_path / "deep" / "folder" / "figures").iterdir()}
    assert drawn == set(re.findall(r"\(figures/([^)]*)\)", text))


def test_the_budget_smoke_decides_nothing() -> None:
    subject = content([each | {"budget": "smoke"} for each in seeded(BITS)], budget="smoke")
    made = reports.compare(subject, "fit")
    assert cells(made.document.readme, "Wide")["verdict"] == "no verdict: budget smoke"
    assert "its numbers mean nothing" in made.summary


def test_the_same_content_gives_the_same_text() -> None:
    first, again = (
        reports.compare(content(runs), "fit")
        for runs in (seeded(BITS), list(reversed(seeded(BITS))))
    )
    assert first.document.readme == again.document.readme
    assert first.document.tables == again.document.tables


# --- the figure ---


def test_the_forest_shows_means_intervals_and_what_is_told_apart() -> None:
    effects = [
        Effect(-2.0, Interval(-3.0, -1.0), 3),
        Effect(0.5, Interval(-1.0, 2.0), 3),
        Effect(1.0, None, 1),
        Effect(None, None, 0),
    ]
    styles = [Style(colour, "-", "o") for colour in ("#110000", "#220000", "#330000", "#440000")]
    drawn = forest("Title", list("abcd"), styles, [("Δ (bits)", effects), ("empty", [])])
    assert drawn is not None
    (axis,) = drawn.axes
    _, *lines = axis.get_lines()  # the first is the line at zero
    intervals = [line for line in lines if len(np.asarray(line.get_xdata())) == 2]
    means = [line for line in lines if len(np.asarray(line.get_xdata())) == 1]
    assert [list(np.asarray(line.get_xdata())) for line in intervals] == [[-3, -1], [-1, 2]]
    assert [float(np.asarray(line.get_xdata())[0]) for line in means] == [-2.0, 0.5, 1.0]
    assert [line.get_markerfacecolor() for line in means] == ["#110000", "white", "white"]
    assert [line.get_color() for line in means] == ["#110000", "#220000", "#330000"]
    assert [label.get_text() for label in axis.get_yticklabels()] == list("abcd")
    assert axis.get_xlabel() == "Δ (bits)"


def test_without_a_difference_there_is_no_forest() -> None:
    assert (
        forest("Title", ["a"], [Style("#110000", "-", "o")], [("Δ", [Effect(None, None, 0)])])
        is None
    )


def test_colours_are_those_of_the_report() -> None:
    subject = content(seeded(BITS))
    made = reports.compare(subject, "soft", ["wide"])
    figure = made.document.figures["differences-blobs-vae.png"]
    colours = {line.get_color() for line in figure.axes[0].get_lines()[1:]}
    everything = styles_of([replace(row) for row in subject.rows])
    assert colours == {everything[subject.rows[2]].colour}


def test_entries_are_of_the_group() -> None:
    (group,) = groups(content())
    one, _ = choose(content(), "odd(beta=0.1)", ())
    entry = one.entry(group)
    assert isinstance(entry, Entry)
    assert (entry.label, list(entry.runs["option_beta"])) == ("Odd (beta = 0.1)", [0.1])

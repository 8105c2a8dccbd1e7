"""The whole report: complete, honest about gaps, and written whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import reports
from reports import Column, Metric, ReportError
from reports.analysis.collapse import COLLAPSED
from reports.content import PLACE
from reports.document import Also, document
from reports.figures.files import write_png
from reports.printing.markup import LEFT, RIGHT, table, width
from tests.reports.example import MNIST, PATCHES, example
from tests.reports.typed import FID, METRICS, STAND_IN, cells, content, five, run, whole

ROOT = Path(reports.__file__).parents[1]

ORDER = [
    "Which decoder?",
    "Results",
    "Samples",
    "The paper's claims",
    "Convergence",
    "Information and marginal KL",
    "Rate and distortion",
    "Calibration",
    "Reconstructions",
    "More",
]
BESIDE = {
    "differences.md": ["Differences from the best", "Ranks over all data"],
    "claims.md": ["The paper's claims on this data"],
    "sweep.md": ["Table A: sweep of beta"],
    "quality.md": ["Sample quality"],
    "codes.md": ["Tighter bounds", "Codes"],
    "calibration.md": ["Calibration"],
    "training.md": ["Stability", "Convergence speed", "Costs"],
    "published.md": ["Published numbers and their audit"],
    "runs.md": ["What was run", "Columns not run", "How to read each number"],
}
LONGEST, WIDE = 400, 100
"""Lines of README.md for one seed and four columns, and characters of a table."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reports.write(example(), tmp_path_factory.mktemp("out") / "deep" / "report")


@pytest.fixture(scope="module")
def pages(written: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in written.parent.glob("*.md")}


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_the_answer_stands_first_and_pages_hold_the_rest(pages: dict[str, str]) -> None:
    text = pages["README.md"]
    assert headings(text) == ORDER
    assert "Budget: quick" in "\n".join(text.splitlines()[:3])
    assert "### MNIST, in place of SVHN (VAE)" in text
    assert "**BAIR SVG**: the model SVG is not part of this version." in pages["runs.md"]
    assert {name: headings(each) for name, each in pages.items() if name != "README.md"} == BESIDE


def test_every_link_leads_to_a_file(written: Path, pages: dict[str, str]) -> None:
    links = [
        link.partition("#")[0]
        for text in pages.values()
        for link in re.findall(r"\]\(((?!\.\./docs|#)[^)]*)\)", text)
    ]
    assert len([link for link in links if link.endswith(".png")]) == 12
    assert all((written.parent / link).is_file() for link in links)
    drawn = {f"figures/{path.name}" for path in (written.parent / "figures").iterdir()}
    assert drawn <= set(links)
    assert {path.name for path in written.parent.iterdir()} == {
        "README.md",
        "results.csv",
        "figures",
        *BESIDE,
    }
    assert set(BESIDE) <= set(re.findall(r"\]\(([\w.]+)\)", pages["README.md"]))


def test_every_link_to_an_anchor_leads_to_it(pages: dict[str, str]) -> None:
    anchors = {name: re.findall(r'<a id="([^"]*)">', text) for name, text in pages.items()}
    links = [
        (page or name, anchor)
        for name, text in pages.items()
        for page, anchor in re.findall(r"\]\(([\w.]*)#([^)]*)\)", text)
    ]
    assert len({page for page, _ in links}) >= 4
    assert [(page, anchor) for page, anchor in links if anchor not in anchors[page]] == []
    assert all(len(each) == len(set(each)) for each in anchors.values())


def test_no_table_is_wide(pages: dict[str, str]) -> None:
    """In characters, where a long cell breaks its line: what GitHub shows without a scrollbar."""
    found = [each for text in pages.values() for each in re.findall(r"(?:^\|.*\n)+", text, re.M)]
    assert len(found) > 30
    for each in found:
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in each.splitlines()]
        columns = [[cell.strip() for cell in column] for column in zip(*rows, strict=True)]
        widths = [
            width(name, LEFT if line[-1] == "-" else RIGHT, cells) for name, line, *cells in columns
        ]
        assert sum(widths) <= WIDE, each


def test_a_wide_table_is_split_and_repeats_its_first_column() -> None:
    rows = [["a", *["12345678901234567890"] * 9], ["b", *["1"] * 9]]
    first, *others = table(["decoder", *"123456789"], rows).split("\n\n")
    assert len(others) == 2
    assert all(cells(each, "b")["decoder"] == "b" for each in (first, *others))
    shown = [heading for each in (first, *others) for heading in list(cells(each, "a"))[1:]]
    assert shown == list("123456789")


def test_one_seed_of_four_columns_is_short() -> None:
    columns = [
        replace(column, heading=f"{column.heading} {i}", key=str(i))
        for column in (MNIST, PATCHES)
        for i in range(2)
    ]
    given = example(seeds=1, columns=(MNIST, PATCHES))
    results = pd.concat([given.results.assign(column_key=str(i)) for i in range(2)])
    text = document(replace(given, results=results, columns=columns)).readme
    assert len(re.findall(r"^!\[Samples", text, re.MULTILINE)) <= 4
    assert text.count("### ") > 20
    assert 200 < len(text.splitlines()) <= LONGEST


def test_results_survive_the_file(written: Path) -> None:
    read = pd.read_csv(written.parent / "results.csv")
    handed = example().results.sort_values("run", ignore_index=True)
    assert set(read) == {*handed, *PLACE, COLLAPSED}
    of_it = read[[name for name in read if name in set(handed)]]
    pd.testing.assert_frame_equal(of_it, handed[list(of_it)], check_dtype=False, check_exact=True)


def test_results_say_first_which_run_it_is_then_what_was_measured_in_the_order_described() -> None:
    table = {
        "mine": 1,
        "pit_02": 0.5,
        "pit_01": 0.5,
        "nll_nats": 1.0,
        "steps": 3,
        "option_b": 1,
        "seed": 0,
        "likelihood": "fit",
        "model": "vae",
        "status": "finished",
        "data_set": "blobs",
        "run": "a",
    }
    text = document(content([table])).tables["results.csv"]
    identification = "run,heading,stands_for,label,chosen,data_set,model,likelihood,option_b,seed"
    identification += ",status,collapsed"
    assert text.splitlines()[0] == f"{identification},steps,nll_nats,pit_01,pit_02,mine"


def test_the_same_content_gives_the_same_bytes() -> None:
    first, again = document(content()), document(content(list(reversed(five()))))
    assert (first.readme, first.pages) == (again.readme, again.pages)
    assert first.tables == again.tables


def changed(**cells: Any) -> list[dict[str, Any]]:
    return [each | cells for each in five()]


MISSING = {"nll_nats": np.nan, "bits_per_dim": np.nan, "fid": np.nan, "variance": np.nan}

DEGENERATE: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "no run": list,
    "one run": lambda: [run("fit")],
    "all diverged": lambda: changed(**MISSING, status="diverged", diverged_step=7.0),
    "all failed": lambda: changed(**MISSING, status="failed", error="out of | `memory`\nmore"),
    "a missing decoder": lambda: five()[1:],
    "identical values": lambda: changed(nll_nats=1.0, bits_per_dim=1.0, fid=1.0),
    "nothing measured": lambda: changed(**MISSING, validation_nll_nats=np.nan),
    "no sweep": lambda: five()[:4],
    "infinite": lambda: changed(nll_nats=np.inf, bits_per_dim=np.inf),
    "only what is required": lambda: [
        {key: run("fit")[key] for key in ("run", "data_set", "model", "likelihood", "seed")}
        | {"status": "finished"}
    ],
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_results_say_so(case: str) -> None:
    text = whole(content(DEGENERATE[case]()))
    assert not re.search(r"\b(nan|NaN|NaT|None|inf)\b", text)
    assert not re.search(r"\|[ ]*\|", text), "an empty cell"
    says = {
        "no run": "There are no runs",
        "one run": "1 run, of which 1 finished. One seed: nothing is known of the spread",
        "all diverged": "no decoder may be recommended",
        "all failed": "failed (`out of | 'memory' more`)",
        "a missing decoder": "not run",
        "identical values": "Soft and Hard tie on",
        "nothing measured": "not measured",
        "no sweep": "No sweep with measured information",
        "infinite": "∞",
        "only what is required": "not recorded",
    }
    assert says[case] in text


def test_columns_without_runs_are_listed_with_a_reason() -> None:
    absent = Column("CIFAR HVAE", "cifar10", "hvae", "", None, "CIFAR", None)
    skipped = Column("BAIR SVG", "", "svg", "", None, "BAIR", "no disk")
    text = whole(content(columns=[STAND_IN, absent, skipped]))
    assert "- **CIFAR HVAE**: no run of it is in the results." in text
    assert "- **BAIR SVG**: no disk." in text


def test_a_choice_at_the_end_of_the_sweep_is_pointed_out() -> None:
    assert "at the end of the sweep" in whole(content())
    middle = [run("odd", option_beta=b, validation_nll_nats=abs(b - 2)) for b in (1.0, 2.0, 3.0)]
    assert "at the end of the sweep" not in whole(content(middle))


def test_a_metric_without_a_section_needs_no_edit_elsewhere() -> None:
    own: dict[str, Any] = {"own_section": False}
    mine = Metric("sharpness", "sharpness", "mean edge", "1/pixel", 2, "highest", **own)
    number = Metric("sharp_images", "images for the sharpness", "images", count=True, **own)
    runs = [run("fit", sharpness=0.5, sharp_images=64), run("wide", sharpness=1.25)]
    text = whole(content(runs, metrics=(*METRICS, FID, mine, number)))
    section = text.split("## Other measurements\n")[1].split("\n## ")[0]
    assert cells(section, "Wide")["sharpness (1/pixel) ↑"] == "**1.25**"
    assert cells(section, "Soft")["sharpness (1/pixel) ↑"] == "not run"
    assert "- 64 images for the sharpness" in section
    assert "- **sharpness (1/pixel)**: mean edge." in text
    assert "Other measurements" not in whole(content(runs))


def test_what_a_finished_run_lacks_is_listed_beside_the_runs_that_did_not_finish() -> None:
    lacks = "iwae: not finite; probe: the data have no labels"
    runs = [run("fit", iwae_nats=np.nan, not_measured=lacks), run("wide"), run("soft")]
    runs[2] |= {"status": "failed", "error": "broken", "not_measured": "not to be shown"}
    text = whole(content(runs))
    assert (
        "Runs that did not finish (1); Measurements that finished runs lack (1)</summary>" in text
    )
    assert f"Measurements that finished runs lack:\n\n- Fit, seed 0: {lacks}\n" in text
    assert "Runs that did not finish:\n\n- Soft, seed 0: failed (`broken`)\n" in text
    assert "not to be shown" not in text
    assert "The probe was not measured: the data have no labels." in text


def test_a_protocol_stands_with_its_distance() -> None:
    text = whole(content())
    assert "- FID: Inception; 10 against 10 images." in text


def small() -> reports.Content:
    return example(seeds=1, columns=(MNIST,), images=False)


def test_a_failing_figure_leaves_the_old_report_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.write(content(), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail_at_the_second(figure: Figure, path: Path) -> None:
        if path.name.startswith("information"):
            raise OSError(28, "No space left on device")
        write_png(figure, path)

    monkeypatch.setattr("reports.document.write_png", fail_at_the_second)
    with pytest.raises(ReportError, match="No space left on device"):
        reports.write(small(), tmp_path)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_old_pages_and_figures_go_and_foreign_files_stay(tmp_path: Path) -> None:
    readme = reports.write(small(), tmp_path)
    assert (tmp_path / "sweep.md").is_file()
    readme.write_text(readme.read_text("utf-8") + "[mine](mine.md)", encoding="utf-8")
    (tmp_path / "mine.md").write_bytes(b"mine")
    assert len(list((tmp_path / "figures").iterdir())) == 4
    for foreign in ("notes.txt", "figures/mine.png"):
        (tmp_path / foreign).write_bytes(b"mine")
    reports.write(content(five()[:4]), tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.png"]
    assert (tmp_path / "notes.txt").is_file()
    assert (tmp_path / "mine.md").read_bytes() == b"mine", "linked, and no page of a report"
    assert not (tmp_path / "sweep.md").exists()
    assert (tmp_path / "codes.md").is_file()


def test_what_is_written_besides_is_of_the_same_results_or_gone(tmp_path: Path) -> None:
    also = Also(latex=True, per_image=True, figures=("pdf", "svg"))
    given = replace(small(), per_image={"a": {"mse": np.array([1.0, 2.0])}})
    reports.write(given, tmp_path, also)
    plain = {path.name for path in reports.write(given, tmp_path / "plain").parent.rglob("*")}
    besides = {path.relative_to(tmp_path) for path in tmp_path.rglob("*")}
    besides = {path for path in besides if path.parts[0] != "plain" and path.name not in plain}
    ends = {path.suffix for path in besides}
    assert ends == {"", ".csv", ".pdf", ".svg", ".tex"}
    pictures = {path.stem for path in (tmp_path / "plain/figures").iterdir()}
    for end in ("pdf", "svg"):
        assert {path.stem for path in besides if path.suffix == f".{end}"} == pictures
    first = {path: (tmp_path / path).read_bytes() for path in besides if path.suffix}
    assert not any(b"/Type3" in content for content in first.values())
    reports.write(given, tmp_path, also)
    assert first == {path: (tmp_path / path).read_bytes() for path in first}
    (tmp_path / "tables" / "mine.tex").write_bytes(b"mine")
    reports.write(given, tmp_path)
    assert [path for path in first if (tmp_path / path).exists()] == []
    assert (tmp_path / "tables" / "mine.tex").is_file()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match="cannot be written into") as caught:
        reports.write(content(), tmp_path / "file" / "report")
    assert "\n" not in str(caught.value)


def test_the_package_needs_neither_torch_nor_the_other_packages_nor_global_figures() -> None:
    code = "import reports, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "reports.document" in loaded
    assert not {"torch", "bench", "likelihoods", "datasets", "matplotlib.pyplot"} & set(loaded)

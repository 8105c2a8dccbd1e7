"""The whole report: complete, honest about gaps, and written whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import reports
from reports import Column, Metric, ReportError
from reports.document import document
from reports.figures.files import write_png
from tests.reports.example import MNIST, example
from tests.reports.typed import FID, METRICS, STAND_IN, cells, content, five, run

ROOT = Path(reports.__file__).parents[1]

ORDER = [
    "Summary",
    "Table B: all decoders",
    "The paper's claims on this data",
    "What was run",
    "Differences from the best",
    "Ranks over all data",
    "Sample quality",
    "Tighter bounds",
    "Columns not run",
    "Table A: sweep of beta",
    "Stability",
    "Convergence",
    "Convergence speed",
    "Last step and best validation point",
    "Information and marginal KL",
    "Codes",
    "Rate and distortion",
    "Calibration",
    "Samples and reconstructions",
    "Costs",
    "How to read each number",
    "Published numbers and their audit",
    "Data behind this report",
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reports.write(example(), tmp_path_factory.mktemp("out") / "deep" / "report")


def test_the_sections_are_complete_and_in_order(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ORDER
    assert "Budget: quick" in "\n".join(text.splitlines()[:3])
    assert "**BAIR SVG**: the model SVG is not part of this version." in text
    assert "### SVHN VAE (stand-in: mnist)" in text


def test_every_link_leads_to_a_file(written: Path) -> None:
    links = re.findall(r"\]\(((?!\.\./docs|#)[^)]*)\)", written.read_text(encoding="utf-8"))
    assert len([link for link in links if link.endswith(".png")]) == 12
    assert all((written.parent / link).is_file() for link in links)
    drawn = {f"figures/{path.name}" for path in (written.parent / "figures").iterdir()}
    assert drawn <= set(links)
    assert {path.name for path in written.parent.iterdir()} == {
        "README.md",
        "results.csv",
        "figures",
    }


def test_every_link_within_the_report_has_its_anchor(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    links, anchors = re.findall(r"\]\(#([^)]*)\)", text), re.findall(r'<a id="([^"]*)">', text)
    assert len(set(links)) >= 5
    assert set(links) <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_results_survive_the_file(written: Path) -> None:
    read = pd.read_csv(written.parent / "results.csv")
    handed = example().results.sort_values("run", ignore_index=True)
    assert set(read) == set(handed)
    pd.testing.assert_frame_equal(read, handed[list(read)], check_dtype=False, check_exact=True)


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
    identification = "run,data_set,model,likelihood,option_b,seed,status"
    assert text.splitlines()[0] == f"{identification},steps,nll_nats,pit_01,pit_02,mine"


def test_the_same_content_gives_the_same_bytes() -> None:
    first, again = document(content()), document(content(list(reversed(five()))))
    assert first.readme == again.readme
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
    text = document(content(DEGENERATE[case]())).readme
    assert not re.search(r"\b(nan|NaN|NaT|None|inf)\b", text)
    assert not re.search(r"\|[ ]*\|", text), "an empty cell"
    says = {
        "no run": "There are no runs",
        "one run": "1 run, of which 1 finished. One seed: nothing is known of the spread",
        "all diverged": "none can be called best",
        "all failed": "failed (`out of | 'memory' more`)",
        "a missing decoder": "not run",
        "identical values": "decoders tie",
        "nothing measured": "not measured",
        "no sweep": "No option was swept",
        "infinite": "∞",
        "only what is required": "not recorded",
    }
    assert says[case] in text


def test_columns_without_runs_are_listed_with_a_reason() -> None:
    absent = Column("CIFAR HVAE", "cifar10", "hvae", "", None, "CIFAR", None)
    skipped = Column("BAIR SVG", "", "svg", "", None, "BAIR", "no disk")
    text = document(content(columns=[STAND_IN, absent, skipped])).readme
    assert "- **CIFAR HVAE**: no run of it is in the results." in text
    assert "- **BAIR SVG**: no disk." in text


def test_a_choice_at_the_end_of_the_sweep_is_pointed_out() -> None:
    assert "at the end of the sweep" in document(content()).readme
    middle = [run("odd", option_beta=b, validation_nll_nats=abs(b - 2)) for b in (1.0, 2.0, 3.0)]
    assert "at the end of the sweep" not in document(content(middle)).readme


def test_a_metric_without_a_section_needs_no_edit_elsewhere() -> None:
    own: dict[str, Any] = {"own_section": False}
    mine = Metric("sharpness", "sharpness", "mean edge", "1/pixel", 2, "highest", **own)
    number = Metric("sharp_images", "images for the sharpness", "images", count=True, **own)
    runs = [run("fit", sharpness=0.5, sharp_images=64), run("wide", sharpness=1.25)]
    text = document(content(runs, metrics=(*METRICS, FID, mine, number))).readme
    section = text.split("## Other measurements\n")[1].split("\n## ")[0]
    assert cells(section, "Wide")["sharpness (1/pixel) ↑"] == "**1.25**"
    assert cells(section, "Soft")["sharpness (1/pixel) ↑"] == "not run"
    assert "- 64 images for the sharpness" in section
    assert "- **sharpness (1/pixel)**: mean edge." in text
    assert "Other measurements" not in document(content(runs)).readme


def test_what_a_finished_run_lacks_is_listed_beside_the_runs_that_did_not_finish() -> None:
    lacks = "iwae: not finite; probe: the data have no labels"
    runs = [run("fit", iwae_nats=np.nan, not_measured=lacks), run("wide"), run("soft")]
    runs[2] |= {"status": "failed", "error": "broken", "not_measured": "not to be shown"}
    text = document(content(runs)).readme
    assert f"Measurements that finished runs lack:\n\n- Fit, seed 0: {lacks}\n" in text
    assert "Runs that did not finish:\n\n- Soft, seed 0: failed (`broken`)\n" in text
    assert "not to be shown" not in text
    assert "The probe was not measured: the data have no labels." in text


def test_a_protocol_stands_with_its_distance() -> None:
    text = document(content()).readme
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


def test_old_figures_go_and_foreign_files_stay(tmp_path: Path) -> None:
    reports.write(small(), tmp_path)
    assert len(list((tmp_path / "figures").iterdir())) == 4
    for foreign in ("notes.txt", "figures/mine.png"):
        (tmp_path / foreign).write_bytes(b"mine")
    reports.write(content(), tmp_path)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.png"]
    assert (tmp_path / "notes.txt").is_file()


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

"""Table and panels of the calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color
from matplotlib.patches import StepPatch

from reports.analysis.groups import decoders, groups
from reports.document import document
from reports.figures.panels import calibration, histogram
from reports.figures.style import styles as styles_of
from reports.sections import Subject
from reports.sections.measurements import calibration as section
from tests.reports.example import DECODERS, MNIST, PATCHES, example
from tests.reports.typed import cells, content, run

ERROR, HALF = "calibration error ↓", "in 50 % interval (%)"


def measured(error: float, coverage: float, bars: tuple[float, ...]) -> dict[str, Any]:
    shares = {f"pit_{i:02d}": bar for i, bar in enumerate(bars, start=1)}
    return {"calibration_error": error, "coverage_50_percent": coverage, **shares}


def runs() -> list[dict[str, Any]]:
    return [
        run("soft", 0, **measured(0.01, 40.0, (0.5, 0.25, 0.25))),
        run("soft", 1, **measured(0.03, 50.0, (0.3, 0.45, 0.25))),
        run("wide", 0, **measured(0.2, 99.0, (0, 1, 0))),
        run("wide", 1, **measured(0.2, 99.0, (0, 1, 0))),
        run("fit", 0),
        run("odd", 0, status="diverged", option_beta=1.0),
    ]


def test_the_lowest_error_is_bold_over_all_measures() -> None:
    subject = content(runs())
    table = section(Subject(subject))
    assert cells(table, "Soft")[ERROR] == "**0.0200 ± 0.0141**"
    assert cells(table, "Wide")[ERROR] == "0.2000 ± 0.0000"
    assert cells(table, "Soft")[HALF] == "45.0 ± 7.1"
    assert table.count("**") == 2, "a coverage is best near its nominal value, not when large"


def test_what_is_missing_says_why() -> None:
    table = section(Subject(content(runs())))
    assert set(cells(table, "Fit").values()) == {"Fit", "not measured"}
    assert cells(table, "Hard")[ERROR] == "not run"
    assert cells(table, "Odd")[ERROR] == "diverged"


def test_intervals_stand_in_the_order_of_their_size() -> None:
    text = section(Subject(example(seeds=1, columns=(MNIST,), images=False)))
    first = next(line for line in text.splitlines() if line.startswith("|"))
    headings = [part.strip() for part in first.split("|")]
    assert headings[2:-1] == [ERROR, *(f"in {c} % interval (%)" for c in (50, 90, 99))]


def test_without_a_measurement_there_is_a_sentence_and_no_figure() -> None:
    found = document(content())
    assert "The calibration was not measured." in found.readme
    assert not any(name.startswith("calibration") for name in found.figures)


def test_the_section_has_a_table_and_a_figure_for_each_group() -> None:
    found = document(example(seeds=1, columns=(MNIST, PATCHES), images=False))
    names = {name for name in found.figures if name.startswith("calibration")}
    assert names == {"calibration-mnist-vae.png", "calibration-patches-vae.png"}
    section = found.readme.split("## Calibration\n")[1].split("\n## ")[0]
    assert found.pages["calibration.md"].count(ERROR) == 2
    assert all(f"(figures/{name})" in section for name in names)


def test_bars_are_means_over_seeds_relative_to_uniform() -> None:
    subject = content(runs())
    soft = groups(subject)[0].entries[0]
    bars = histogram(soft)
    assert bars is not None
    np.testing.assert_allclose(bars, [1.2, 1.05, 0.75])


def drawn(**changes: Any) -> Any:
    subject = example(seeds=1, columns=(MNIST,), images=False, **changes)
    (group,) = groups(subject)
    styles = styles_of(decoders(subject))
    picture = calibration(group, styles)
    assert picture is not None
    return picture, group, styles


def panels(picture: Any) -> list[Any]:
    return [panel for panel in picture.axes if panel.axison]


def test_each_decoder_has_a_panel_in_its_colour_with_the_uniform_line() -> None:
    picture, group, styles = drawn()
    assert len(panels(picture)) == len(DECODERS)
    for panel, entry in zip(panels(picture), group.entries, strict=True):
        assert panel.get_title().replace("\n", " ").startswith(entry.label)
        bars: Any
        (bars,) = (patch for patch in panel.patches if isinstance(patch, StepPatch))
        expected = histogram(entry)
        assert expected is not None
        assert same_color(bars.get_facecolor()[:3], styles[entry.decoder].colour)
        np.testing.assert_allclose(bars.get_data().values, expected)
        (line,) = panel.get_lines()
        assert set(line.get_ydata()) == {1}


def test_a_bar_that_leaves_its_panel_says_how_high_it_is() -> None:
    picture, group, _ = drawn()
    for panel, entry in zip(panels(picture), group.entries, strict=True):
        bars = histogram(entry)
        assert bars is not None
        leaves = bars.max() > panel.get_ylim()[1]
        assert leaves == (f"bars to {bars.max():.3g}" in panel.get_title())
        assert f"error {entry.runs['calibration_error'].iloc[0]:.4f}" in panel.get_title()
    assert "bars to" in panels(picture)[4].get_title()


def test_a_likelihood_of_any_name_is_drawn_and_one_without_a_measurement_is_not() -> None:
    subject = content([*runs(), run("$odd$", **measured(0.1, 50.0, (0.2, 0.3, 0.5)))])
    (group,) = groups(subject)
    picture = calibration(group, styles_of(decoders(subject)))
    assert picture is not None
    titles = [panel.get_title().split("\n")[0] for panel in panels(picture)]
    assert titles == ["Soft", "Wide", r"\$odd\$"]


@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_nothing_is_cut_off_or_overlaps(count: int) -> None:
    subject = example(seeds=1, columns=(MNIST,), images=False)
    keep = [name for name, *_ in DECODERS[:count]]
    results = subject.results[subject.results["likelihood"].isin(keep)]
    subject = type(subject)(**vars(subject) | {"results": results})
    (group,) = groups(subject)
    picture: Any = calibration(group, styles_of(decoders(subject)))
    canvas: Any = FigureCanvasAgg(picture)
    canvas.draw()
    renderer = canvas.get_renderer()
    width, height = picture.bbox.size
    texts = [panel.title for panel in panels(picture)]
    texts += [picture._suptitle, picture._supxlabel, picture._supylabel]
    texts += [t for panel in panels(picture) for t in panel.get_xticklabels() if t.get_text()]
    boxes = [text.get_window_extent(renderer) for text in texts if text.get_visible()]
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i] if other.width and box.width)

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from PIL import Image

from reports.analysis.groups import decoders, groups
from reports.analysis.takeoff import TakeOff, take_off
from reports.content import Content, Row
from reports.document import document
from reports.figures import curves, grids, panels, sweeps
from reports.figures.files import LIMIT, write_png
from reports.figures.style import house_style
from reports.figures.style import styles as styles_of
from tests.reports.example import DECODERS, MNIST, example
from tests.reports.typed import content, run, whole


def lab(colour: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """CIE L*a*b*, where a distance is about what an eye sees."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ linear / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def rows(count: int) -> list[Row]:
    return [Row(f"name{index}", f"Label {index}") for index in range(count)]


def test_sixteen_colours_can_be_told_apart() -> None:
    colours = [style.colour for style in styles_of(rows(16)).values()]
    assert min(np.linalg.norm(lab(a) - lab(b)) for a, b in combinations(colours, 2)) > 20


def test_no_two_of_many_decoders_look_the_same() -> None:
    styles = list(styles_of(rows(48)).values())
    assert len({style.colour for style in styles}) == 48
    for a, b in combinations(styles, 2):
        same = (a.line, a.marker) == (b.line, b.marker)
        assert not same or np.linalg.norm(lab(a.colour) - lab(b.colour)) > 10


def test_the_style_of_a_decoder_does_not_depend_on_who_else_came() -> None:
    fewer = example(seeds=1, images=False)
    more = example(seeds=1, images=False)
    extra = more.results[more.results["likelihood"] == "gaussian"].assign(
        likelihood="aardvark", run=lambda runs: "extra-" + runs["run"]
    )
    more = Content(**vars(more) | {"results": pd.concat([more.results, extra])})
    less = fewer.results[fewer.results["likelihood"] != "bernoulli"]
    fewer = Content(**vars(fewer) | {"results": less})
    before, after = (styles_of(decoders(each)) for each in (fewer, more))
    assert len(after) == len(before) + 1
    assert all(after[decoder] == style for decoder, style in before.items())


def test_every_figure_draws_a_decoder_in_its_colour() -> None:
    subject = example(seeds=1, columns=(MNIST,), images=False)
    (group,) = groups(subject)
    styles = styles_of(decoders(subject))
    labelled = {row.label: style.colour for row, style in styles.items()}
    for drawn in (
        curves.convergence(subject, group, styles),
        sweeps.inflection(subject, group, styles),
        sweeps.rate_distortion(group, styles),
    ):
        assert drawn is not None
        for line in drawn.legends[0].get_lines():
            label = str(line.get_label()).split(" (")[0].split(",")[0]
            if label in labelled:
                assert line.get_color() == labelled[label]


def test_curves_average_the_steps_that_all_finished_seeds_share() -> None:
    frames = [
        pd.DataFrame({"step": [1, 2, 3], "seconds": [1.0, 2.0, 3.0], "bits_per_dim": [4, 2, 9]}),
        pd.DataFrame({"step": [1, 2], "seconds": [3.0, 4.0], "bits_per_dim": [6.0, 4.0]}),
    ]
    histories = {f"soft-None-{seed}": frame for seed, frame in enumerate(frames)}
    subject = content([run("soft", seed) for seed in range(2)], histories=histories)
    (group,) = groups(subject)
    drawn = curves.convergence(subject, group, styles_of(decoders(subject)))
    assert drawn is not None
    (over_steps,) = drawn.axes[0].get_lines()
    np.testing.assert_array_equal(over_steps.get_xydata(), [[1, 5], [2, 3]])
    (over_seconds,) = drawn.axes[1].get_lines()
    np.testing.assert_array_equal(over_seconds.get_xdata(), [2.0, 3.0])


def test_the_learned_variance_is_marked_where_it_lies() -> None:
    subject = example(seeds=3, columns=(MNIST,), images=False)
    (group,) = groups(subject)
    drawn = sweeps.inflection(subject, group, styles_of(decoders(subject)))
    assert drawn is not None
    lines = [np.asarray(line.get_xdata()) for line in drawn.axes[0].get_lines()]
    found = subject.results.groupby("likelihood")["variance"].mean()
    for name in ("shared_sigma", "optimal_sigma"):
        assert any(np.allclose(x, [found[name]] * 2) for x in lines if len(x) == 2)
    assert not any(np.allclose(x, [1.0, 1.0]) for x in lines if len(x) == 2), "a fixed variance"


def test_the_take_off_is_shaded_and_named() -> None:
    subject = example(seeds=3, columns=(MNIST,), images=False)
    (group,) = groups(subject)
    drawn = sweeps.inflection(subject, group, styles_of(decoders(subject)))
    found = take_off(next(entry for entry in group.entries if entry.settings))
    assert drawn is not None
    assert isinstance(found, TakeOff)
    for panel in drawn.axes:
        (region,) = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
        assert region.get_x() == pytest.approx(found.interval.low)
        assert region.get_x() + region.get_width() == pytest.approx(found.interval.high)
        assert panel.collections, "the band over seeds"
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert any(label.startswith("KL(m‖p) takes off: ") for label in labels)


def test_a_sweep_that_never_takes_off_is_not_shaded() -> None:
    runs = [
        run("odd", option_beta=beta, variance=beta, information_nats=1.0, marginal_kl_nats=0.1)
        for beta in (0.1, 1.0)
    ]
    subject = content(runs)
    (group,) = groups(subject)
    drawn = sweeps.inflection(subject, group, styles_of(decoders(subject)))
    assert drawn is not None
    assert not any(panel.patches for panel in drawn.axes)
    assert "no take-off, KL(m‖p) ranges over less than 1 nat" in whole(subject)


def test_the_rate_distortion_plane_joins_a_sweep_and_shows_an_empty_code() -> None:
    runs = [
        run("odd", option_beta=beta, kl_nats=rate, mse=error)
        for beta, rate, error in ((0.1, 20.0, 0.01), (1.0, 5.0, 0.02), (10.0, 0.0, 0.1))
    ]
    runs += [run("fit", kl_nats=10.0, mse=0.015), run("wide", kl_nats=np.nan, mse=0.1)]
    subject = content(runs)
    (group,) = groups(subject)
    drawn = sweeps.rate_distortion(group, styles_of(decoders(subject)))
    assert drawn is not None
    (panel,) = drawn.axes
    lines = [np.asarray(line.get_xydata()).tolist() for line in panel.get_lines()]
    assert [[20.0, 0.01], [5.0, 0.02], [0.0, 0.1]] in lines
    assert [[10.0, 0.015]] in lines
    assert panel.get_xscale() == "symlog"
    left, right = panel.get_xlim()
    assert left < 0
    assert right > 20
    assert len(drawn.legends[0].get_texts()) == 2


def test_grids_show_the_lowest_seed_that_finished_and_repeat_no_originals() -> None:
    runs = [run("soft", 0, status="diverged"), run("soft", 2), run("soft", 1), run("hard", 0)]
    image = np.zeros((2, 3, 4, 4, 1), dtype=np.uint8)
    names = [str(each["run"]) for each in runs]
    subject = content(runs, reconstructions=dict.fromkeys(names, image))
    (group,) = groups(subject)
    shown = grids.shown_run(group.entries[0], subject.reconstructions)
    assert shown == "soft-None-1"
    drawn = grids.reconstruction_grid(subject, group)
    assert drawn is not None
    assert [text.get_text() for text in drawn.axes[0].texts] == ["original", "Soft", "Hard"]


def test_nothing_to_draw_is_none() -> None:
    subject = content([run("soft")])
    (group,) = groups(subject)
    styles = styles_of(decoders(subject))
    assert curves.convergence(subject, group, styles) is None
    assert sweeps.inflection(subject, group, styles) is None
    assert panels.calibration(group, styles) is None
    assert sweeps.rate_distortion(group, styles) is None
    assert grids.sample_grid(subject, group) is None
    assert grids.reconstruction_grid(subject, group) is None


def test_the_callers_settings_are_left_alone() -> None:
    before = dict(mpl.rcParams)
    with house_style():
        assert mpl.rcParams["axes.spines.top"] is False
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("draw", [grids.sample_grid, grids.reconstruction_grid])
def test_labels_stay_inside_the_figure(draw: object) -> None:
    assert callable(draw)
    subject = example(seeds=1, columns=(MNIST,))
    (group,) = groups(subject)
    drawn = draw(subject, group)
    texts = drawn.axes[0].texts
    assert len(texts) >= len(DECODERS)
    canvas: Any = FigureCanvasAgg(drawn)
    renderer = canvas.get_renderer()
    assert all(text.get_window_extent(renderer).x0 >= 0 for text in texts)


def test_a_likelihood_looks_the_same_in_every_report() -> None:
    order = ["a", "b", "c"]
    bounded, free = Row("b", "B"), Row("b", "B, free", options={"bounds": "none"})
    own, a = Row("mine", "Mine"), Row("a", "A")
    first = styles_of([free, own, bounded, a], order)
    second = styles_of([a, bounded], order)
    assert (first[a], first[bounded]) == (second[a], second[bounded])
    assert [first[a], first[bounded]] == list(styles_of([a, Row("b", "")]).values())
    assert len({style.colour for style in first.values()}) == 4
    assert styles_of([own], order)[own] == styles_of([a, own], order)[own]


def test_files_are_small_and_keep_their_colours(tmp_path: Path) -> None:
    """A palette is no excuse for another orange."""
    figure = document(example(seeds=3, columns=(MNIST,))).figures["convergence-mnist-vae.png"]
    plain, small = tmp_path / "plain.png", tmp_path / "small.png"
    figure.savefig(plain)
    write_png(figure, small)
    assert small.stat().st_size < min(LIMIT, 0.5 * plain.stat().st_size)
    images = (Image.open(path).convert("RGB") for path in (plain, small))
    before, after = (np.asarray(image).astype(float) for image in images)
    assert np.abs(before - after).mean() < 0.5
    for line in figure.axes[0].get_lines():
        colour = 255 * np.array(to_rgb(line.get_color()))
        drawn = np.abs(before - colour).max(-1) < 2
        assert not drawn.any() or (np.abs(after - colour).max(-1) < 8).any()

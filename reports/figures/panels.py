"""Small panels beside each other: calibration, one a decoder, and differences, one a metric."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import Effect
from reports.analysis.statistics import estimate
from reports.content import Row
from reports.figures.style import Style, figure, house_style, plain, plain_numbers

SHARE = re.compile(r"pit_\d+")
"""Columns of the results that hold the share of one bin, in order."""
DECODERS_ACROSS, METRICS_ACROSS = 4, 3
"""Panels in a row: one a decoder, one a metric."""
LETTERS = 26
"""That fit above one panel."""
TOP = 4.0
"""Height of the panels, in units of the uniform histogram; a higher bar says how high it is."""
REFERENCE = "#444444"

Panel = tuple[str, Sequence[Effect]]
"""The metric, with its unit and which side is better; the difference from each baseline."""


@house_style()
def calibration(group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw the histogram of each decoder beside the uniform one; None without any.

    Bars are means over the finished runs, relative to the uniform share.
    """
    histograms = {entry: bars for entry in group.entries if (bars := histogram(entry)) is not None}
    if not histograms:
        return None
    metric = group.metric("calibration_error")
    across = min(DECODERS_ACROSS, len(histograms))
    down = math.ceil(len(histograms) / across)
    drawn = figure(0.9 + 1.75 * down, f"Calibration: {group.heading}")
    panels = drawn.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten()
    top = min(TOP, 1.1 * max(2.0, *(bars.max() for bars in histograms.values())))
    for panel, (entry, bars) in zip(panels, histograms.items(), strict=False):
        edges = np.linspace(0, 1, len(bars) + 1)
        colour = styles[entry.decoder].colour
        panel.stairs(bars, edges, fill=True, color=colour, alpha=0.75, zorder=2)
        panel.axhline(1, color=REFERENCE, linestyle="--", linewidth=1.2, zorder=3)
        panel.set(xlim=(0, 1), ylim=(0, top))
        plain_numbers(panel.xaxis, FixedLocator([0, 0.5, 1]))
        error = estimate(entry.runs, metric.key)
        parts = [f"error {error.mean:.{metric.decimals}f}"] if error else []
        parts += [f"bars to {bars.max():.3g}"] if bars.max() > top else []
        lines = textwrap.wrap(plain(entry.label), LETTERS)[:2]
        panel.set_title("\n".join([*lines, ", ".join(parts)]), fontsize=9)
    for panel in panels[len(histograms) :]:
        panel.set_axis_off()
    for panel in panels[max(0, len(histograms) - across) : len(histograms)]:
        panel.tick_params(labelbottom=True)  # also above an empty panel
    drawn.supxlabel("cdf of the test value under the decoder, u", fontsize=10)
    drawn.supylabel("share / uniform share", fontsize=10)
    return drawn


def histogram(entry: Entry) -> npt.NDArray[np.float64] | None:
    """Return the mean share of each bin, relative to the uniform one; None if not measured."""
    names = sorted(name for name in map(str, entry.runs) if SHARE.fullmatch(name))
    shares = [each.mean for name in names if (each := estimate(entry.runs, name))]
    return np.array(shares) * len(shares) if shares else None


@house_style()
def forest(
    title: str, names: Sequence[str], styles: Sequence[Style], panels: Sequence[Panel]
) -> Figure | None:
    """Draw a panel for each metric with a line for each baseline; None if nothing was measured.

    A line is the interval of the difference, its marker the mean, hollow where there is no
    interval or it contains zero.
    """
    drawn = [(label, effects) for label, effects in panels if any(map(_known, effects))]
    if not drawn:
        return None
    down = math.ceil(len(drawn) / METRICS_ACROSS)
    across = math.ceil(len(drawn) / down)
    result = figure(0.5 + down * (0.9 + 0.28 * len(names)), title)
    axes = result.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axis, (label, effects) in zip(axes, drawn, strict=False):
        _draw_effects(axis, effects, styles)
        axis.set_xlabel(plain(label))
    for axis in axes[len(drawn) :]:
        axis.set_axis_off()
    axes[0].set_yticks(range(len(names)), [plain(name) for name in names])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return result


def _draw_effects(axis: Axes, effects: Sequence[Effect], styles: Sequence[Style]) -> None:
    axis.axvline(0, color=REFERENCE, linewidth=1)
    for place, (effect, style) in enumerate(zip(effects, styles, strict=True)):
        mean, interval = effect.mean, effect.interval
        if mean is None or not math.isfinite(mean):
            continue
        apart = interval is not None and interval.excludes(0.0)
        if interval is not None:
            axis.plot([interval.low, interval.high], [place, place], "-", color=style.colour)
        face = style.colour if apart else "white"
        axis.plot([mean], [place], **style.drawn, markersize=7, markerfacecolor=face)
    axis.xaxis.set_major_locator(MaxNLocator(4))


def _known(effect: Effect) -> bool:
    return effect.mean is not None and math.isfinite(effect.mean)

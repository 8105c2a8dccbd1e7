"""Histograms of the probability integral transform: one small panel a decoder."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from reports.analysis.groups import Entry, Group
from reports.analysis.statistics import estimate
from reports.content import Row
from reports.figures.style import Style, figure, house_style, plain, plain_numbers

SHARE = re.compile(r"pit_\d+")
"""Columns of the results that hold the share of one bin, in order."""
ACROSS = 4
"""Panels in a row."""
LETTERS = 26
"""That fit above one panel."""
TOP = 4.0
"""Height of the panels, in units of the uniform histogram; a higher bar says how high it is."""
REFERENCE = "#444444"


@house_style()
def calibration(group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw the histogram of each decoder beside the uniform one; None without any.

    Bars are means over the finished runs, relative to the uniform share.
    """
    histograms = {entry: bars for entry in group.entries if (bars := histogram(entry)) is not None}
    if not histograms:
        return None
    metric = group.metric("calibration_error")
    across = min(ACROSS, len(histograms))
    down = math.ceil(len(histograms) / across)
    drawn = figure(0.9 + 1.75 * down, f"Calibration: {group.title}")
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

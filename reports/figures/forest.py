"""Forest plots: the differences of one decoder from others, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.intervals import Effect
from reports.figures.style import Style, figure, house_style, plain

Panel = tuple[str, Sequence[Effect]]
"""The metric, with its unit and which side is better; the difference from each baseline."""
ACROSS = 3
"""Panels that fit beside each other."""


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
    down = math.ceil(len(drawn) / ACROSS)
    across = math.ceil(len(drawn) / down)
    result = figure(0.5 + down * (0.9 + 0.28 * len(names)), title)
    axes = result.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axis, (label, effects) in zip(axes, drawn, strict=False):
        _draw(axis, effects, styles)
        axis.set_xlabel(plain(label))
    for axis in axes[len(drawn) :]:
        axis.set_axis_off()
    axes[0].set_yticks(range(len(names)), [plain(name) for name in names])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return result


def _draw(axis: Axes, effects: Sequence[Effect], styles: Sequence[Style]) -> None:
    axis.axvline(0, color="#444444", linewidth=1)
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

"""The rate-distortion plane: what a code costs against what it saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from reports.analysis.groups import Entry, Group
from reports.analysis.statistics import Estimate, estimate
from reports.content import Row
from reports.figures.style import Style, figure, house_style, key, legend
from reports.metric import Metric

RATE, DISTORTION = "kl_nats", "mse"
LINEAR = 1.0
"""Nats up to which the axis of rates is linear where a code is (nearly) empty."""

Point = tuple[Estimate, Estimate]
"""Rate and distortion."""


@house_style()
def rate_distortion(group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw distortion (MSE) against rate (KL) of all decoders; None if none measured both.

    A sweep is a line through its values, from the smallest to the largest; the chosen one is large.
    """
    points_of = {entry: points for entry in group.entries if (points := _points(entry))}
    if not points_of:
        return None
    drawn = figure(5.2, f"Rate and distortion: {group.title}")
    panel = drawn.subplots()
    for entry, points in points_of.items():
        _draw(panel, points, styles[entry.decoder])
        if entry.settings and (here := _point(entry)):
            _draw(panel, [here], styles[entry.decoder], size=13)
    panel.set_yscale("log")
    panel.set_ylabel(f"distortion: {group.metric(DISTORTION).name} (x in [0, 1], log scale)")
    rates = [rate for points in points_of.values() for rate, _ in points]
    _scale_rates(panel, rates, group.metric(RATE))
    _plain_numbers(panel)
    legend(drawn, [_key(each, styles[each.decoder]) for each in points_of])
    return drawn


def _key(entry: Entry, style: Style) -> Line2D:
    """Return the sign of an entry in the legend: a line if it is a sweep, else its marker."""
    return key(style if entry.settings else replace(style, line="none"), _label(entry))


def _label(entry: Entry) -> str:
    if not entry.settings:
        return entry.label
    large = "" if entry.chosen is None else f" (large: {entry.chosen:g})"
    return f"{entry.decoder.label}, sweep{large}"


def _scale_rates(panel: Axes, rates: Sequence[Estimate], metric: Metric) -> None:
    """Make the axis logarithmic; an empty code, whose rate is 0, needs a linear start."""
    lowest, highest = (pick(rate.mean for rate in rates) for pick in (min, max))
    if lowest >= LINEAR / 10:
        panel.set_xscale("log")
        panel.set_xlabel(f"rate: {metric.name} ({metric.unit}, log scale)")
        return
    panel.set_xscale("symlog", linthresh=LINEAR)
    panel.set_xlim(-0.15 * LINEAR, 1.5 * max(highest, LINEAR))
    panel.set_xlabel(f"rate: {metric.name} ({metric.unit}, log scale, linear below {LINEAR:g})")


def _plain_numbers(panel: Axes) -> None:
    """Write 0.02 rather than a power of ten; one or two decades need numbers in between."""
    for axis in (panel.xaxis, panel.yaxis):
        if axis.get_scale() == "log":
            low, high = axis.get_view_interval()
            between = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 6, 8)
            axis.set_major_locator(LogLocator(subs=between))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


def _points(entry: Entry) -> list[Point]:
    """Return the values of a sweep, ascending, or the one place of an entry."""
    if not entry.settings:
        return [here] if (here := _point(entry)) else []
    swept = (Entry(entry.decoder, setting.runs) for setting in entry.settings)
    return [here for each in swept if (here := _point(each))]


def _point(entry: Entry) -> Point | None:
    rate, distortion = (estimate(entry.runs, name) for name in (RATE, DISTORTION))
    # A logarithmic axis has no place for zero, which no decoder reaches on real data.
    known = rate and distortion and np.isfinite(rate.mean) and 0 < distortion.mean < np.inf
    return (rate, distortion) if known and rate and distortion else None


def _draw(panel: Axes, points: Sequence[Point], style: Style, size: float = 8) -> None:
    panel.errorbar(
        [rate.mean for rate, _ in points],
        [distortion.mean for _, distortion in points],
        xerr=[rate.spread or 0.0 for rate, _ in points],
        yerr=[distortion.spread or 0.0 for _, distortion in points],
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=0.6,
        elinewidth=1.0,
        capsize=2,
    )

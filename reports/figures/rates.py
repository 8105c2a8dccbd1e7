"""The rate-distortion plane: what a code costs against what it saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from reports.analysis.groups import Entry, Group
from reports.analysis.statistics import Estimate, estimate
from reports.content import Row
from reports.figures.style import Style, bars, figure, house_style, key, legend, plain_numbers
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
    handles = []
    for entry, points in points_of.items():
        style, rates, distortions = styles[entry.decoder], *zip(*points, strict=True)
        bars(panel, rates, distortions, style, markersize=8, capsize=2)
        if not entry.settings:
            handles.append(key(replace(style, line="none"), entry.label))
            continue
        if here := _point(entry.runs):
            bars(panel, here[:1], here[1:], style, markersize=13, capsize=2)
        large = "" if entry.chosen is None else f" (large: {entry.chosen:g})"
        handles.append(key(style, f"{entry.decoder.label}, sweep{large}"))
    panel.set_yscale("log")
    panel.set_ylabel(f"distortion: {group.metric(DISTORTION).name} (x in [0, 1], log scale)")
    reached = [rate.mean for points in points_of.values() for rate, _ in points]
    _scale_rates(panel, reached, group.metric(RATE))
    for axis in (panel.xaxis, panel.yaxis):
        low, high = axis.get_view_interval()
        # One or two decades need numbers in between.
        between = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 6, 8)
        plain_numbers(axis, LogLocator(subs=between) if axis.get_scale() == "log" else None)
    legend(drawn, handles)
    return drawn


def _scale_rates(panel: Axes, rates: Sequence[float], metric: Metric) -> None:
    """Make the axis logarithmic; an empty code, whose rate is 0, needs a linear start."""
    if min(rates) >= LINEAR / 10:
        panel.set_xscale("log")
        panel.set_xlabel(f"rate: {metric.name} ({metric.unit}, log scale)")
        return
    panel.set_xscale("symlog", linthresh=LINEAR)
    panel.set_xlim(-0.15 * LINEAR, 1.5 * max(*rates, LINEAR))
    panel.set_xlabel(f"rate: {metric.name} ({metric.unit}, log scale, linear below {LINEAR:g})")


def _points(entry: Entry) -> list[Point]:
    """Return the values of a sweep, ascending, or the one place of an entry."""
    places = [setting.runs for setting in entry.settings] or [entry.runs]
    return [here for runs in places if (here := _point(runs))]


def _point(runs: pd.DataFrame) -> Point | None:
    rate, distortion = (estimate(runs, name) for name in (RATE, DISTORTION))
    # A logarithmic axis has no place for zero, which no decoder reaches on real data.
    known = rate and distortion and np.isfinite(rate.mean) and 0 < distortion.mean < np.inf
    return (rate, distortion) if known and rate and distortion else None

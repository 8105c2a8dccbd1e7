"""What a sweep trades: information against variance, and rate against distortion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator

from reports.analysis.groups import Entry, Group, learned
from reports.analysis.statistics import Estimate, estimate, values
from reports.analysis.takeoff import CAP, TakeOff, take_off, variance_of
from reports.content import Content, Row
from reports.figures.style import Style, bars, figure, house_style, key, legend, plain_numbers
from reports.metric import Metric
from reports.printing.cells import short_interval

PANELS = (
    ("information_nats", r"information $I_e(x;z)$"),
    ("marginal_kl_nats", r"marginal $KL(m\,\|\,p)$"),
)
"""Keys of metrics, and their names as matplotlib sets formulas."""
CAP_SHOWN = 0.7
"""From this share of ln N on, the cap is drawn."""

SHADE = "#777777"

RATE, DISTORTION = "kl_nats", "mse"
LINEAR = 1.0
"""Nats up to which the axis of rates is linear where a code is (nearly) empty."""


@house_style()
def inflection(content: Content, group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw I_e(x;z) and KL(m||p) against the variance; None without a sweep that measured them.

    The sweep is a line in a band of one standard deviation over seeds. Each learned variance is a
    vertical line, with its own point on it. Where KL(m||p) takes off a region is shaded.
    """
    swept = [entry for entry in group.entries if any(_sweep(entry, name) for name, _ in PANELS)]
    if not swept:
        return None
    single = learned(content, group)
    drawn = figure(4.3, f"Information against variance: {group.heading}")
    for panel, (measured, name) in zip(drawn.subplots(1, 2), PANELS, strict=True):
        for entry in swept:
            style, points = styles[entry.decoder], _sweep(entry, measured)
            places, means, spreads = np.array(points).reshape(-1, 3).T
            look = {"markersize": 7, "markeredgecolor": "white", "zorder": 3}
            panel.plot(places, means, **style.drawn, **look)
            low, high = means - spreads, means + spreads
            panel.fill_between(places, low, high, color=style.colour, alpha=0.2, linewidth=0)
        for place, entry in enumerate(single):
            style, at = styles[entry.decoder], estimate(entry.runs, "variance")
            here = estimate(entry.runs, measured)
            if at:
                panel.axvline(at.mean, color=style.colour, linestyle=style.line, linewidth=1.2)
            if at and here:  # nearly coinciding, each is drawn smaller than the one below it
                size = max(9, 15 - 4 * place)
                bars(panel, [at], [here], style, markersize=size, capsize=3, zorder=3)
        unit = group.metric(measured).unit
        panel.set(xscale="log", xlabel=_axis(swept), ylabel=f"{name} ({unit})")
    shaded = [_shade(drawn.axes, rise) for e in swept if isinstance(rise := take_off(e), TakeOff)]
    capped = _cap(drawn.axes[0], group)
    for panel in drawn.axes:
        panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    names: list[Artist] = [key(styles[e.decoder], f"{e.decoder.label}, sweep") for e in swept]
    names += [key(styles[e.decoder], f"{e.decoder.label}, learned σ²") for e in single]
    legend(drawn, [*names, *shaded, *capped])
    return drawn


def _sweep(entry: Entry, key: str) -> list[tuple[float, float, float]]:
    """Return the variance of each value of the sweep, and mean and spread of a metric there."""
    return [
        (place, mean.mean, mean.spread or 0.0)
        for setting in entry.settings
        if (mean := estimate(setting.runs, key)) and (place := variance_of(setting)) > 0
    ]


def _shade(panels: Sequence[Axes], rise: TakeOff) -> Artist:
    for panel in panels:
        panel.axvspan(rise.interval.low, rise.interval.high, color=SHADE, alpha=0.18, zorder=0)
        panel.axvline(rise.variance, color=SHADE, linestyle=(0, (1, 2)), linewidth=1.2)
    label = f"KL(m‖p) takes off: {short_interval(rise.variance, rise.interval)}"
    return Patch(facecolor=SHADE, alpha=0.3, label=label)


def _axis(swept: Sequence[Entry]) -> str:
    settings = [setting for entry in swept for setting in entry.settings]
    same = all((values(each.runs, "variance") == each.value).all() for each in settings)
    option = swept[0].decoder.sweep
    return f"{option} of the sweep = variance σ²" if same else "variance σ²"


def _cap(panel: Axes, group: Group) -> list[Line2D]:
    """Draw ln N, which no estimate of I_e can exceed, if some estimate is near."""
    cap, information = values(group.runs, CAP), values(group.runs, PANELS[0][0])
    if not cap.size or not information.size or information.max() < CAP_SHOWN * cap.max():
        return []
    line = panel.axhline(cap.max(), color="#444444", linestyle=":", linewidth=1.4)
    line.set_label("cap of the estimate, ln N")
    return [line]


@house_style()
def rate_distortion(group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw distortion (MSE) against rate (KL) of all decoders; None if none measured both.

    A sweep is a line through its values, from the smallest to the largest; the chosen one is large.
    """
    points_of = {entry: points for entry in group.entries if (points := _points(entry))}
    if not points_of:
        return None
    drawn = figure(5.2, f"Rate and distortion: {group.heading}")
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
        panel.set(xscale="log", xlabel=f"rate: {metric.name} ({metric.unit}, log scale)")
        return
    panel.set_xscale("symlog", linthresh=LINEAR)
    panel.set_xlim(-0.15 * LINEAR, 1.5 * max(*rates, LINEAR))
    panel.set_xlabel(f"rate: {metric.name} ({metric.unit}, log scale, linear below {LINEAR:g})")


def _points(entry: Entry) -> list[tuple[Estimate, Estimate]]:
    places = [setting.runs for setting in entry.settings] or [entry.runs]
    return [here for runs in places if (here := _point(runs))]


def _point(runs: pd.DataFrame) -> tuple[Estimate, Estimate] | None:
    rate, distortion = (estimate(runs, name) for name in (RATE, DISTORTION))
    # A logarithmic axis has no place for zero, which no decoder reaches on real data.
    known = rate and distortion and np.isfinite(rate.mean) and 0 < distortion.mean < np.inf
    return (rate, distortion) if known and rate and distortion else None

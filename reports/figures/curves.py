"""Validation NLL during training, against steps and against seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator

from reports.analysis.groups import Entry, Group, learned
from reports.analysis.speed import BITS, NLL, points
from reports.content import Content, Row, Status
from reports.figures.style import Style, figure, house_style, key, legend, plain_numbers

TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
SPIKE = 2.0
"""A value that lies above all medians and final ones by so many times their range is a spike."""
EARLY = 0.25
"""The part of a training that may lie above the axis, to keep the rest legible."""


class Curve(NamedTuple):
    """One measurement of one decoder during training: step, seconds, value; at least one row."""

    points: pd.DataFrame
    finished: bool


@house_style()
def convergence(content: Content, group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw bits/dim of all decoders, native NLL of the densities, and again of those near sigma*.

    The last are the best of each sweep and the learned variances, which lie too close to each other
    to be told apart among the rest. A line is the mean over the seeds that finished; a run that did
    not is a thin line that ends in a cross. None without a measurement.
    """
    densities = [entry for entry in group.entries if entry.measure == "density"]
    calibrated = [*(e for e in densities if e.settings), *learned(content, group)]
    bits, nll = group.metric(BITS).label, group.metric(NLL).label
    dense, near = _curves(content, densities, NLL), _curves(content, calibrated, NLL)
    rows = [
        (BITS, f"{bits}\nall decoders", _curves(content, group.entries, BITS)),
        (NLL, f"{nll}\ndensities", dense),
        (NLL, f"{nll}\nlearned or swept σ²", near if 1 < len(near) < len(dense) else {}),
    ]
    rows = [row for row in rows if row[2]]
    if not rows:
        return None
    drawn = figure(1.4 + 2.5 * len(rows), f"Convergence on validation: {group.heading}")
    axes = drawn.subplots(len(rows), 2, sharey="row", sharex="col", squeeze=False)
    for (measured, label, curves), (left, right) in zip(rows, axes, strict=True):
        for panel, over in ((left, "step"), (right, "seconds")):
            for entry, lines in curves.items():
                for line in lines:
                    _draw(panel, line, over, styles[entry.decoder])
        (_scale_bits if measured == BITS else _leave_early_values_out)(left, curves)
        left.set_ylabel(label)
        # Decoders differ tenfold in cost and more; what was measured before training has no place.
        if any(line.get_xdata().max() > 0 for line in right.get_lines()):
            right.set_xscale("log")
            plain_numbers(right.xaxis, LogLocator(subs=(1, 3)))
    axes[-1][0].set_xlabel("training step")
    axes[-1][1].set_xlabel("training time (s, log scale)")
    drawn.align_ylabels(axes[:, 0])
    shown = [entry for entry in group.entries if any(entry in row[2] for row in rows)]
    legend(drawn, [key(styles[entry.decoder], entry.label) for entry in shown])
    return drawn


def _curves(content: Content, entries: Sequence[Entry], key: str) -> dict[Entry, list[Curve]]:
    """Return a curve of the finished runs of an entry, averaged, then one of each other run."""
    curves: dict[Entry, list[Curve]] = {}
    for entry in entries:
        measured = [points(content.histories.get(str(run)), key) for run in entry.runs["run"]]
        pairs = [pair for pair in zip(measured, entry.runs["status"], strict=True) if len(pair[0])]
        ended = [curve for curve, status in pairs if status == Status.FINISHED]
        others = [Curve(curve, finished=False) for curve, s in pairs if s != Status.FINISHED]
        every = pd.concat(ended) if ended else pd.DataFrame({"step": []})
        shared = every[every.groupby("step")["step"].transform("size") == len(ended)]
        if len(shared):
            others.insert(0, Curve(shared.groupby("step", as_index=False).mean(), finished=True))
        if others:
            curves[entry] = others
    return curves


def _draw(panel: Axes, curve: Curve, over: str, style: Style) -> None:
    x, y = curve.points[over], curve.points["value"]
    look = style.drawn if curve.finished else style.drawn | {"marker": "", "linewidth": 0.9}
    panel.plot(x, y, **{"linewidth": 1.6} | look, markevery=max(1, len(x) // 5))
    if not curve.finished:
        panel.plot(x.iloc[-1:], y.iloc[-1:], "x", color=style.colour, markersize=9, mew=2)


def _scale_bits(panel: Axes, curves: Mapping[Entry, Sequence[Curve]]) -> None:
    """Make the axis logarithmic where the decoders lie far apart."""
    late = _leave_early_values_out(panel, curves)
    if 0 < 3 * late.min() < late.max():
        panel.set_yscale("log")
        plain_numbers(panel.yaxis, FixedLocator(TICKS))


def _leave_early_values_out(
    panel: Axes, curves: Mapping[Entry, Sequence[Curve]]
) -> pd.Series[float]:
    """Let early values and spikes leave the axis at its top if they would flatten all the others.

    Returns the values that are neither, which the axis shows in any case.
    """
    lines = [each.points for lines in curves.values() for each in lines]
    parts = [each.loc[each["step"] >= EARLY * each["step"].max(), "value"] for each in lines]
    late: pd.Series[float] = pd.concat(parts)
    typical = [value for part in parts for value in (part.median(), part.iloc[-1])]
    late = late[late <= max(typical) + SPIKE * (max(typical) - late.min())]
    top = max(each["value"].max() for each in lines)
    margin = 0.05 * (late.max() - late.min()) or 1.0
    if top > late.max() + 4 * margin:
        panel.set_ylim(late.min() - margin, late.max() + margin)
    return late

"""Information against variance: the inflection plot of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.comparison import Entry, Group, learned
from reports.content import Content, Row
from reports.figures.style import Style, figure, house_style, key, legend
from reports.statistics import Estimate, estimate, values

PANELS = (
    ("information_nats", r"information $I_e(x;z)$ (nats)"),
    ("marginal_kl_nats", r"marginal $KL(m\,\|\,p)$ (nats)"),
)
CAP = "information_cap_nats"
CAP_SHOWN = 0.7
"""From this share of ln N on, the cap is drawn."""

Points = list[tuple[float, Estimate]]
"""Position on the axis of variances, and what was measured there."""


@house_style()
def inflection(content: Content, group: Group, styles: Mapping[Row, Style]) -> Figure | None:
    """Draw I_e(x;z) and KL(m||p) against the variance; None without a sweep that measured them.

    The sweep is a line. Each learned variance is a vertical line, with its own point on it.
    """
    swept = [entry for entry in group.entries if any(_sweep(entry, name) for name, _ in PANELS)]
    if not swept:
        return None
    found = learned(content, group)
    drawn = figure(4.3, f"Information against variance: {group.title}")
    for panel, (column, label) in zip(drawn.subplots(1, 2), PANELS, strict=True):
        for entry in swept:
            _draw(panel, _sweep(entry, column), styles[entry.decoder])
        for place, entry in enumerate(found):
            style, at = styles[entry.decoder], estimate(entry.runs, "variance")
            here = estimate(entry.runs, column)
            if at:
                panel.axvline(at.mean, color=style.colour, linestyle=style.line, linewidth=1.2)
            if at and here:
                _draw(panel, [(at.mean, here)], style, size=max(6, 13 - 4 * place))
        panel.set_xscale("log")
        panel.set_xlabel(_axis(swept))
        panel.set_ylabel(label)
    capped = _cap(drawn.axes[0], group)
    for panel in drawn.axes:
        panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    names = [key(styles[e.decoder], f"{e.decoder.label}, sweep") for e in swept]
    names += [key(styles[e.decoder], f"{e.decoder.label}, learned σ²") for e in found]
    legend(drawn, names + capped)
    return drawn


def _sweep(entry: Entry, column: str) -> Points:
    """Return what the finished runs of each value measured, placed at its variance."""
    points = []
    for setting in entry.settings:
        at, found = estimate(setting.runs, "variance"), estimate(setting.runs, column)
        position = at.mean if at else setting.value
        if found and position > 0:
            points.append((position, found))
    return points


def _draw(panel: Axes, points: Points, style: Style, size: float = 7) -> None:
    """Draw points, joined if there are several.

    Learned variances nearly coincide, so that each is drawn smaller than the one below it.
    """
    panel.errorbar(
        [position for position, _ in points],
        [found.mean for _, found in points],
        yerr=[found.spread or 0.0 for _, found in points],
        color=style.colour,
        linestyle=style.line,
        marker=style.marker,
        markersize=size,
        markeredgecolor="white",
        capsize=3,
        zorder=3,
    )


def _axis(swept: Sequence[Entry]) -> str:
    settings = [setting for entry in swept for setting in entry.settings]
    same = all((values(each.runs, "variance") == each.value).all() for each in settings)
    option = swept[0].decoder.sweep
    return f"{option} of the sweep = variance σ²" if same else "variance σ²"


def _cap(panel: Axes, group: Group) -> list[Line2D]:
    """Draw ln N, which no estimate of I_e can exceed, if some estimate is near."""
    cap, found = values(group.runs, CAP), values(group.runs, PANELS[0][0])
    if not cap.size or not found.size or found.max() < CAP_SHOWN * cap.max():
        return []
    line = panel.axhline(cap.max(), color="#444444", linestyle=":", linewidth=1.4)
    line.set_label("cap of the estimate, ln N")
    return [line]

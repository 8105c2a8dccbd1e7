"""How the figures look: one colour, line and marker for each decoder, sizes fit for Markdown."""

from __future__ import annotations

import colorsys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, Locator, NullLocator

from reports.analysis.statistics import Estimate
from reports.content import Row

WIDTH = 9.0
"""Inches. At 100 points an inch this is the width at which Markdown viewers show a figure."""
LETTERS = 124
"""That fit into a line of a legend; a key takes the room of about seven."""
TITLE = 80
"""Letters of a title that fit into one line."""
RESOLUTION = 200
"""Dots an inch of the file, twice that of the page, for dense screens."""

SETTINGS: dict[Any, Any] = {
    "axes.titlesize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "pdf.fonttype": 42,  # TrueType: venues refuse Type 3
    "svg.hashsalt": "figure",  # or names in it are random
}
house_style = partial(mpl_style.context, SETTINGS, after_reset=True)
"""Context, or decorator, that draws so whatever the caller's settings, which it then restores."""

# Okabe and Ito's colours (without their yellow, which is lost on white), then colours of
# Tol's "muted" and others, ordered so that neighbours differ in hue and in lightness.
FIRST = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#882255", "#000000", "#CC79A7")
OTHERS = ("#999933", "#332288", "#FF2D2D", "#7F7F7F", "#7CCD3C", "#8C564B", "#A020F0", "#00CED1")
PALETTE = FIRST + OTHERS
LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")
GOLDEN = 0.618033988749895


@dataclass(frozen=True)
class Style:
    """How one decoder is drawn."""

    colour: str
    line: Any
    """As matplotlib takes it: a name, or an offset and the lengths of dashes and gaps."""
    marker: str

    @property
    def drawn(self) -> dict[str, Any]:
        """The arguments of matplotlib that draw it."""
        return {"color": self.colour, "linestyle": self.line, "marker": self.marker}


def styles(decoders: Sequence[Row], order: Sequence[str] = ()) -> dict[Row, Style]:
    """Return the style of each decoder.

    Names in `order` have the place that they have there, so that a decoder looks the same in every
    report; if it has several rows, the one without options does. All others follow.

    The cycles of colours, lines and markers have different lengths, so that decoders with similar
    colours differ in the others. Colours beyond the palette are spread over the hues.
    """
    known = {name: place for place, name in enumerate(order)}
    places: dict[Row, int] = {}
    for decoder in sorted(decoders, key=lambda row: bool(row.options)):
        if decoder.name in known:
            places[decoder] = known.pop(decoder.name)
    others = [decoder for decoder in decoders if decoder not in places]
    places |= {decoder: place for place, decoder in enumerate(others, start=len(order))}
    return {
        decoder: Style(_colour(at), LINES[at % len(LINES)], MARKERS[at % len(MARKERS)])
        for decoder in decoders
        for at in [places[decoder]]
    }


def _colour(index: int) -> str:
    if index < len(PALETTE):
        return PALETTE[index]
    extra = index - len(PALETTE)
    lightness = (0.35, 0.6)[extra % 2]
    return to_hex(colorsys.hls_to_rgb(extra * GOLDEN % 1, lightness, 0.55)).upper()


def figure(height: float, title: str, above: float | None = None) -> Figure:
    """Return an empty figure of full width, `height` inches high, without global state.

    `above` are the inches above the title; None leaves its place to matplotlib.
    """
    drawn = Figure(figsize=(WIDTH, height), layout="constrained", dpi=RESOLUTION)
    lines = textwrap.wrap(plain(title), TITLE)
    place = {} if above is None else {"y": 1 - above / height}
    drawn.suptitle("\n".join(lines), fontsize=11, fontweight="bold", **place)
    return drawn


def plain(label: str) -> str:
    """Return a label that matplotlib prints as it is, without reading formulas into it."""
    return label.replace("$", r"\$")


def key(style: Style, label: str) -> Line2D:
    """Return the line that stands for a decoder in a legend."""
    return Line2D([], [], **style.drawn, label=plain(label))


def plain_numbers(axis: Axis, locator: Locator | None = None) -> None:
    """Write 0.02 rather than a power of ten, at the places of `locator` if it is stated."""
    if locator:
        axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def bars(
    panel: Axes, x: Sequence[Estimate], y: Sequence[Estimate], style: Style, **look: Any
) -> None:
    """Draw means with bars of one standard deviation both ways."""
    panel.errorbar(
        [each.mean for each in x],
        [each.mean for each in y],
        xerr=[each.spread or 0.0 for each in x],
        yerr=[each.spread or 0.0 for each in y],
        **style.drawn | {"markeredgecolor": "white", "markeredgewidth": 0.6, "elinewidth": 1.0},
        **look,
    )


def legend(drawn: Figure, handles: Sequence[Artist]) -> None:
    """Put a legend below the panels, where it covers no data."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    drawn.legend(
        handles=handles,
        loc="outside lower center",
        ncols=max(1, min(4, LETTERS // (longest + 7))),
        frameon=False,
        handlelength=3.2,
    )

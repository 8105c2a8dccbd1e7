"""Grids of images: one row a decoder."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.analysis.groups import Entry, Group
from reports.analysis.statistics import finished
from reports.content import Content, Images
from reports.figures.style import TITLE, WIDTH, figure, house_style, plain

SHOWN = 12
"""Images in a row: the first ones, not selected."""
GAP = 2
"""Pixels between images."""
LABELS = 1.75
"""Inches that the labels take; LETTERS fit into one line of them."""
LETTERS = 24
HEAD, MARGIN = 0.4, 0.05
"""Inches above, where the title is, and at the other edges."""
LINE, ABOVE = 0.19, 0.1
"""Inches that each further line of the title takes, and above the first."""
NUMBERS = 0.2
"""Inches that the numbers of frames take."""
FEWEST = 8
"""Fewer images than this are not drawn larger."""


@house_style()
def sample_grid(content: Content, group: Group) -> Figure | None:
    """Draw generated images, one row a decoder; None without any.

    Of video, each row is a prediction of the frames in the first row.
    """
    count = len(group.shown_frames) or SHOWN
    shown = [(entry.label, shown_run(entry, content.samples)) for entry in group.entries]
    rows = [(label, content.samples[run][:count]) for label, run in shown if run]
    if rows and group.video:
        truths = (shown_run(entry, content.reconstructions) for entry in group.entries)
        truth = [content.reconstructions[run][0] for run in truths if run][:1]
        rows = [*(("ground truth", images) for images in truth), *rows]
    return _grid(f"Samples: {group.heading}", rows, group.shown_frames) if rows else None


@house_style()
def reconstruction_grid(content: Content, group: Group) -> Figure | None:
    """Draw reconstructions below their originals, one row a decoder; None without any.

    The originals are repeated only where a decoder was given others than the one above it.
    """
    rows: list[tuple[str, Images]] = []
    above: Images | None = None
    for entry in group.entries:
        if run := shown_run(entry, content.reconstructions):
            originals, reconstructed = content.reconstructions[run][:, :SHOWN]
            if above is None or not np.array_equal(originals, above):
                rows.append(("original", originals))
            above = originals
            rows.append((entry.label, reconstructed))
    return _grid(f"Reconstructions: {group.heading}", rows, group.shown_frames) if rows else None


def shown_run(entry: Entry, images: Mapping[str, Images]) -> str | None:
    """Return the run of the lowest seed that finished and has images; None if there is none."""
    ordered = finished(entry.runs).sort_values("seed")["run"].astype(str)
    return next((run for run in ordered if run in images and images[run].size), None)


def _grid(title: str, rows: Sequence[tuple[str, Images]], frames: Sequence[str] = ()) -> Figure:
    count = max(len(images) for _, images in rows)
    height, width = rows[0][1].shape[1:3]
    size = (len(rows) * (height + GAP) - GAP, count * (width + GAP) - GAP, 3)
    canvas = np.full(size, 255, dtype=np.uint8)
    for r, (_, images) in enumerate(rows):
        for c, image in enumerate(images):
            top, left = r * (height + GAP), c * (width + GAP)
            canvas[top : top + height, left : left + width] = image
    scale = (WIDTH - LABELS - MARGIN) / max(count, FEWEST) / (width + GAP)  # inches a pixel
    tall, wide = (side * scale for side in canvas.shape[:2])
    more = len(textwrap.wrap(plain(title), TITLE)) - 1
    whole = tall + HEAD + more * LINE + MARGIN + (NUMBERS if frames else 0)
    drawn = figure(whole, title, ABOVE)
    drawn.set_layout_engine("none")
    axes = drawn.add_axes((LABELS / WIDTH, MARGIN / whole, wide / WIDTH, tall / whole))
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    for r, (label, _) in enumerate(rows):
        lines = "\n".join(textwrap.wrap(plain(label), LETTERS)[:3])
        axes.text(-6, r * (height + GAP) + height / 2, lines, ha="right", va="center", fontsize=9)
    for c, name in enumerate(frames):
        middle = c * (width + GAP) + width / 2
        axes.text(middle, -GAP, f"frame {name}", ha="center", va="bottom", fontsize=8)
    return drawn

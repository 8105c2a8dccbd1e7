"""Figures as files, small enough to be kept in a repository."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from PIL import Image

LIMIT: Final = 150_000
"""Bytes that a figure should not exceed."""
SIZES: Final = ((256, 1.0), (128, 1.0), (256, 0.5), (128, 0.5), (64, 0.5))
"""Colours of the palette, and a part of the figure's resolution; the first below the limit is
taken. Lines need few colours and photographs few dots."""


VECTORS: Final = ("pdf", "svg")
"""Formats of figures for papers."""


def write_vector(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the file's name; the same figure gives the same bytes."""
    undated = {"pdf": "CreationDate", "svg": "Date"}[path.suffix[1:]]
    figure.savefig(path, metadata={undated: None})


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG with a palette, a third of the size of one without."""
    for colours, part in SIZES:
        drawn, content = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png", dpi=part * figure.dpi)
        image = Image.open(drawn).convert("RGB")
        image.quantize(colours, dither=Image.Dither.NONE).save(content, "png", optimize=True)
        if content.tell() <= LIMIT:
            break
    path.write_bytes(content.getvalue())

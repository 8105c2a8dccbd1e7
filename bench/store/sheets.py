"""Images of equal size on one PNG, which says itself how it is divided."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

Images = npt.NDArray[np.uint8]

COLUMNS = 8
"""Images in one row of a sheet."""


def as_png(images: Images) -> bytes:
    """Return uint8 images (n, H, W, C), n a multiple of `COLUMNS`, as one PNG without borders."""
    _, height, width, channels = images.shape
    sheet = images.reshape(-1, COLUMNS, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(-1, COLUMNS * width, channels)
    tile = PngInfo()
    tile.add_text("tile", f"{height}x{width}")
    buffer = io.BytesIO()
    Image.fromarray(sheet if channels == 3 else sheet[..., 0]).save(buffer, "PNG", pnginfo=tile)
    return buffer.getvalue()


def read(path: Path) -> Images:
    """Return the images (n, H, W, C) of a PNG of `as_png`."""
    with Image.open(path) as sheet:
        height, width = map(int, sheet.info["tile"].split("x"))
        tiles = np.asarray(sheet).reshape(-1, height, COLUMNS, width, len(sheet.getbands()))
    return tiles.swapaxes(1, 2).reshape(-1, height, width, tiles.shape[-1])

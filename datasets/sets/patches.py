"""Patches of the two photographs that scikit-learn ships: a pagoda over a lake, and a dahlia.

Both photographs (427x640) are cut into vertical bands, repeated every 320 columns so that
each part of the split shows subject and background alike:

    columns 0..207 train, 208..271 test, 272..319 validation, 320..527 train, ...

Patches lie on a grid of `STRIDE` pixels inside one band each. Those of one part overlap; those
of different parts share no pixel.
"""

from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from datasets.core.checksums import shuffled
from datasets.core.dataset import SPLITS, Bytes, Content
from datasets.core.registry import register
from datasets.formats.shipped import ScikitLearnLoader

SIZE = 32
STRIDE = 5
PERIOD = 320
HEIGHT, WIDTH = 427, 640
PHOTOGRAPHS = 2
BANDS = {"train": (0, 208), "test": (208, 272), "validation": (272, 320)}


def corners(part: str) -> list[tuple[int, int, int]]:
    """Return (photograph, top row, left column) of each patch of a part, in its order there."""
    first, end = BANDS[part]
    grid = [
        (photograph, top, left)
        for photograph in range(PHOTOGRAPHS)
        for band in range(0, WIDTH, PERIOD)
        for top in range(0, HEIGHT - SIZE + 1, STRIDE)
        for left in range(band + first, band + end - SIZE + 1, STRIDE)
    ]
    return [grid[index] for index in shuffled(len(grid), f"patches {part}")]


@register("patches")
class Patches(ScikitLearnLoader):
    """Natural colour images that need no download.

    No checksum is recorded: decoders of JPEG may differ in the last bit.
    """

    shape = (3, SIZE, SIZE)
    counts = (11_520, 1_280, 2_240)
    description = (
        "32x32 colour patches, overlapping on a grid of 5 pixels, of the two photographs shipped "
        "with scikit-learn; training, validation and test patches share no pixel."
    )
    shipped = ("images/china.jpg", "images/flower.jpg")

    def read(self, root: Path) -> Content:
        """See `Loader.read`."""
        photographs = np.stack([_decode(file) for file in self.files(root)])
        windows = sliding_window_view(photographs, (SIZE, SIZE), axis=(1, 2))
        indices = (tuple(np.array(corners(part)).T) for part in SPLITS)
        train, validation, test = (np.ascontiguousarray(windows[index]) for index in indices)
        return Content(train, validation, test)


def _decode(file: Path) -> Bytes:
    with Image.open(file) as photograph:
        return np.asarray(photograph.convert("RGB"))

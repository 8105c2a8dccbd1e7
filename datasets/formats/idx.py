"""The idx format of MNIST, and the loader of the data sets that are published in it.

Format: two zero bytes, a type (8 = uint8), the number of axes, each length as a big-endian
32-bit integer, then the values (LeCun, Cortes and Burges, "The MNIST database", 1998).
"""

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from datasets.core.checksums import read_verified
from datasets.core.dataset import Bytes, Content, DataError
from datasets.core.registry import Loader, complete
from datasets.transport.sources import copy

IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
NAMES = tuple(f"{part}-{kind}" for part in ("train", "t10k") for kind in (IMAGES, LABELS))
UINT8 = 8


def parse(content: Bytes) -> Bytes:
    """View the bytes of an idx file, uint8 (N,), as the array that they hold (no copy).

    A file of another type, or not as long as its header says, raises a DataError.
    """
    header = content[:4].tolist()
    if len(header) < 4 or header[:3] != [0, 0, UINT8]:
        raise DataError(f"not an idx file of 8-bit values: it starts with {bytes(header)!r}")
    start = 4 + 4 * header[3]
    shape = [int.from_bytes(content[at : at + 4].tobytes(), "big") for at in range(4, start, 4)]
    if len(content) != start + np.prod(shape, dtype=np.int64):
        raise DataError(f"idx file of {len(content)} bytes cannot hold the shape {shape} it claims")
    return content[start:].reshape(shape)


class IdxLoader(Loader):
    """Four idx files, plain or compressed, in torchvision's layout."""

    shape = (1, 28, 28)
    counts = (55_000, 5_000, 10_000)
    bytes = 54_950_048
    advice = f"put {', '.join(NAMES)} (plain or .gz) into {{folder}}"
    # Of the decompressed content of `NAMES`: it circulates compressed in several ways.
    md5: tuple[str, str, str, str]

    def files(self, root: Path) -> list[Path]:
        """See `Loader.files`."""
        folder = root / self.folder
        files = []
        for name in NAMES:
            files += complete(folder / name) or complete(folder / f"{name}.gz")
        return files if len(files) == len(NAMES) else []

    def prepare(self, root: Path) -> None:
        """Decompress the files: plain ones are read in a tenth of the time."""
        for name in NAMES:
            packed = root / self.folder / f"{name}.gz"
            if packed.is_file():
                with gzip.open(packed) as source:
                    copy(source, packed.with_suffix(""), self.bytes)
                packed.unlink()

    def read(self, root: Path) -> Content:
        """See `Loader.read`; validation is the last part of the official training part."""
        images, labels, test_images, test_labels = (
            parse(read_verified(path, "md5", md5, self.bytes))
            for path, md5 in zip(self.files(root), self.md5, strict=True)
        )
        train = self.counts[0]
        parts = {"train": labels[:train], "validation": labels[train:], "test": test_labels}
        images, test_images = images[:, None], test_images[:, None]
        return Content(images[:train], images[train:], test_images, parts)


def members(source: str, target: str) -> Mapping[str, str]:
    """Return `Source.members` for the four files, of two patterns; {} stands for one of `NAMES`."""
    return {source.format(name): target.format(name) for name in NAMES}

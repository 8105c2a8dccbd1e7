"""SVHN (Netzer et al. 2011): house numbers of street photographs, cropped to one digit, 32x32.

The files are MATLAB's: X uint8 (32, 32, 3, N), and y (N, 1) with 10 for the digit 0.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.core.checksums import read_verified
from datasets.core.dataset import Bytes, DataError
from datasets.core.registry import complete, register
from datasets.formats.converted import Batch, ConvertedLoader, resized
from datasets.transport.sources import Download

NAMES = ("train_32x32.mat", "test_32x32.mat")
FOLDER = "SVHN"
SIZE = 28
BATCH = 1000


@register("svhn")
class Svhn(ConvertedLoader):
    """The official cropped digits, resized as in the paper's protocol.

    Pillow resizes 8-bit images in fixed-point arithmetic, the same on every machine.
    """

    shape = (3, SIZE, SIZE)
    counts = (68_257, 5_000, 26_032)
    description = (
        "SVHN, cropped digits: house numbers, colour, resized from 32x32 to 28x28 by Pillow's "
        "bilinear filter (antialiased); "
        "validation is the last 5,000 of the 73,257 official training images."
    )
    folder = FOLDER
    variant = "28x28-bilinear"
    bytes = 246_316_178
    advice = f"put the official {' and '.join(NAMES)} into {{folder}}"
    # As torchvision has it.
    md5 = ("e26dedcc434d2e4c54c9b2d4a06d8373", "eb5a983be6a315427106f1b164d9cef3")
    sources = (
        Download(
            mirrors=("http://ufldl.stanford.edu/housenumbers/",),
            members={name: f"{FOLDER}/{name}" for name in NAMES},
            bytes=246_316_178,
        ),
    )

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`: torchvision puts them into root itself."""
        folder = root / self.folder
        return complete(*map(folder.joinpath, NAMES)) or complete(*map(root.joinpath, NAMES))

    def verify(self, root: Path) -> None:
        """See `Loader.verify`."""
        for file, md5 in zip(self.originals(root), self.md5, strict=True):
            read_verified(file, "md5", md5)

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        for file, md5 in zip(self.originals(root), self.md5, strict=True):
            images, labels = _parse(file, read_verified(file, "md5", md5))
            for start in range(0, len(images), BATCH):
                part = slice(start, start + BATCH)
                small = [resized(Image.fromarray(image), SIZE) for image in images[part]]
                yield Batch(np.stack(small), labels[part])


def _parse(file: Path, content: Bytes) -> tuple[Bytes, Bytes]:
    """Read images (N, 32, 32, 3) and digits (N,)."""
    from scipy.io.matlab import loadmat  # noqa: PLC0415 - needed once in the life of a data folder

    try:
        arrays = loadmat(io.BytesIO(content.data))  # type: ignore[no-untyped-call]
        images, labels = arrays["X"].transpose(3, 0, 1, 2), arrays["y"].ravel() % 10
    except Exception as error:  # loadmat raises many kinds on a file that it does not understand
        raise DataError(f"{file} is not a file of cropped digits ({error})") from error
    return images, labels

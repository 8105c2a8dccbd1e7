"""CelebA (Liu, Luo, Wang and Tang 2015): 202,599 faces, aligned, 178x218 colour.

The published crops differ: 148x148 (Larsen et al. 2016; Dinh et al. 2017) and 140x140 are usual,
and the paper that is benchmarked states none. Here it is the central 148x148, then 32x32.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.base import Bytes, DataError
from datasets.converted import Batch, ConvertedLoader
from datasets.registry import register
from datasets.storage import read_verified

IMAGES, PARTITION = "img_align_celeba", "list_eval_partition.txt"
WIDTH, HEIGHT = 178, 218
CROP, SIZE = 148, 32
LEFT, TOP = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
BATCH = 1000


@register("celeba")
class Celeba(ConvertedLoader):
    """The official aligned pictures and the official split, in torchvision's layout.

    No checksum is recorded: decoders of JPEG may differ in the last bit, so what was read
    speaks for itself. Pillow resizes 8-bit images in fixed-point arithmetic, the same everywhere.

    Attributes:
        md5: of the official split file, as torchvision has it.

    """

    shape = (3, SIZE, SIZE)
    counts = (162_770, 19_867, 19_962)
    description = (
        "CelebA, aligned faces, colour: the central 148x148 of 178x218, resized to 32x32 by "
        "Pillow's bilinear filter (antialiased); the official split."
    )
    folder = "celeba"
    variant = "148x148-to-32x32-bilinear"
    bytes = 202_599 * 3 * SIZE * SIZE
    advice = (
        f"put the official {PARTITION} and the folder {IMAGES} "
        f"(what img_align_celeba.zip holds) into {{folder}}"
    )
    local = "local files, their split verified by checksum"
    md5 = "d32c9cbf5e040fd4025c592c306e6668"

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`; that every picture is there shows on conversion."""
        folder = root / self.folder
        partition, images = folder / PARTITION, folder / IMAGES
        if not (partition.is_file() and images.is_dir()):
            return []
        found = sorted(images.glob("*.jpg"))
        return [partition, *found] if found else []

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        folder = root / self.folder
        partition = folder / PARTITION
        parts = _partition(partition, read_verified(partition, "md5", self.md5))
        for names, count in zip(parts, self.counts, strict=True):
            if len(names) != count:
                raise DataError(f"{partition} gives a part {len(names)} pictures, not {count}")
        names = [name for part in parts for name in part]
        for start in range(0, len(names), BATCH):
            some = names[start : start + BATCH]
            yield Batch(np.stack([_picture(folder / IMAGES / name) for name in some]))


def _partition(file: Path, content: Bytes) -> tuple[list[str], list[str], list[str]]:
    """Read the official split: a name and 0, 1 or 2 (training, validation, test) in each line."""
    parts: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    try:
        for line in content.tobytes().decode().splitlines():
            name, part = line.split()
            parts[part].append(name)
    except (ValueError, KeyError) as error:
        raise DataError(f"{file} is no split of pictures (at {error})") from error
    return parts["0"], parts["1"], parts["2"]


def _picture(file: Path) -> Bytes:
    """Read, crop and resize one picture: (3, SIZE, SIZE)."""
    try:
        with Image.open(file) as picture:
            if picture.size != (WIDTH, HEIGHT):
                raise DataError(f"{file} is {picture.size}, aligned ones are {(WIDTH, HEIGHT)}")
            face = picture.convert("RGB").crop((LEFT, TOP, LEFT + CROP, TOP + CROP))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{file} cannot be read ({reason})") from error
    small = face.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(small).transpose(2, 0, 1)

"""CelebA (Liu, Luo, Wang and Tang 2015): 202,599 faces, aligned, 178x218 colour.

The published crops differ: 148x148 (Larsen et al. 2016; Dinh et al. 2017) and 140x140 are usual,
and the paper that is benchmarked states none. Here the central 148x148 is resized to 32x32.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.core.checksums import read_verified, verify_file
from datasets.core.dataset import Bytes, DataError
from datasets.core.registry import register
from datasets.formats.converted import Batch, ConvertedLoader, resized
from datasets.transport.sources import GoogleDrive

FOLDER = "celeba"
IMAGES, PARTITION = "img_align_celeba", "list_eval_partition.txt"
ARCHIVE = f"{IMAGES}.zip"
WIDTH, HEIGHT = 178, 218
CROP, SIZE = 148, 32
LEFT, TOP = (WIDTH - CROP) // 2, (HEIGHT - CROP) // 2
BATCH = 1000
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
    KeyError,  # no such member of the archive
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
)


def official() -> dict[str, tuple[str, str]]:
    """Name of each official file -> its id on Google Drive and its MD5, as torchvision has them."""
    from torchvision.datasets import CelebA  # noqa: PLC0415 - imports torch

    return {name: (id, md5) for id, md5, name in CelebA.file_list}


@register("celeba")
class Celeba(ConvertedLoader):
    """The official aligned pictures and the official split, in torchvision's layout.

    The pictures are read from their folder or, where that is missing, from the official archive.

    No checksum is recorded: decoders of JPEG may differ in the last bit. Pillow resizes 8-bit
    images in fixed-point arithmetic, the same everywhere.
    """

    shape = (3, SIZE, SIZE)
    counts = (162_770, 19_867, 19_962)
    description = (
        "CelebA, aligned faces, colour: the central 148x148 of 178x218, resized to 32x32 by "
        "Pillow's bilinear filter (antialiased); the official split."
    )
    folder = FOLDER
    variant = "148x148-to-32x32-bilinear"
    bytes = 202_599 * 3 * SIZE * SIZE
    advice = (
        f"put the official {PARTITION} and {ARCHIVE}, or the folder {IMAGES} "
        "that it holds, into {folder}"
    )
    local = "local files, their split verified by checksum"
    sources = (
        GoogleDrive(
            ids=lambda: {name: id for name, (id, _) in official().items()},
            members={name: f"{FOLDER}/{name}" for name in (PARTITION, ARCHIVE)},
            bytes=1_446_000_000,
        ),
    )

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`; only the conversion notices a missing picture."""
        folder = root / self.folder
        partition, archive = folder / PARTITION, folder / ARCHIVE
        if not partition.is_file():
            return []
        pictures = sorted((folder / IMAGES).glob("*.jpg"))
        if not pictures and archive.is_file():
            pictures = [archive]
        return [partition, *pictures] if pictures else []

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        folder = root / self.folder
        partition = folder / PARTITION
        parts = _partition(partition, read_verified(partition, "md5", official()[PARTITION][1]))
        for names, count in zip(parts, self.counts, strict=True):
            if len(names) != count:
                raise DataError(f"{partition} gives a part {len(names)} pictures, not {count}")
        names = [name for part in parts for name in part]
        with _pictures(folder, archived=self.originals(root)[1:] == [folder / ARCHIVE]) as picture:
            for start in range(0, len(names), BATCH):
                yield Batch(np.stack([picture(name) for name in names[start : start + BATCH]]))


def _partition(file: Path, content: Bytes) -> tuple[list[str], list[str], list[str]]:
    """Read the official split: a name and 0, 1 or 2 (training, validation, test) in each line."""
    parts: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    try:
        for line in content.tobytes().decode().splitlines():
            name, part = line.split()
            parts[part].append(name)
    except (ValueError, KeyError) as error:
        raise DataError(f"{file} is not a split of pictures (at {error})") from error
    return parts["0"], parts["1"], parts["2"]


@contextmanager
def _pictures(folder: Path, archived: bool) -> Iterator[Callable[[str], Bytes]]:
    """Lend a function that reads the picture of a name: (3, SIZE, SIZE)."""
    images, archive = folder / IMAGES, folder / ARCHIVE
    if not archived:
        yield lambda name: _picture(images, name, (images / name).read_bytes)
        return
    verify_file(archive, "md5", official()[ARCHIVE][1])
    try:
        packed = zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive} cannot be read ({error})") from error
    with packed:
        yield lambda name: _picture(archive, name, lambda: packed.read(f"{IMAGES}/{name}"))


def _picture(holder: Path, name: str, read: Callable[[], bytes]) -> Bytes:
    """Read, crop and resize one picture."""
    try:
        with Image.open(io.BytesIO(read())) as picture:
            if picture.size != (WIDTH, HEIGHT):
                raise ValueError(f"it is {picture.size}, aligned ones are {(WIDTH, HEIGHT)}")
            face = picture.convert("RGB").crop((LEFT, TOP, LEFT + CROP, TOP + CROP))
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        # The message names the whole, which is to be replaced: no source has a single picture.
        raise DataError(f"{holder} is damaged ({name}: {reason})") from error
    return resized(face, SIZE)

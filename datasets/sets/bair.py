"""BAIR robot pushing (Ebert et al. 2017): 43,520 videos of a robot's arm, 30 frames of 64x64."""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from datasets.core.dataset import Bytes, DataError
from datasets.core.registry import complete, register
from datasets.formats.converted import Batch, ConvertedLoader
from datasets.formats.tfrecord import byte_features, records
from datasets.transport.sources import Download

FRAMES, SIDE = 30, 64
FEATURE = "{}/image_aux1/encoded"  # raw pixels, whatever its name says
FOLDER, ARCHIVE = "softmotion30_44k", "bair_robot_pushing_dataset_v0.tar"

RecordFile = tuple[str, Callable[[], IO[bytes] | None]]
"""A file of records: its name in messages, and a function that opens it."""


@register("bair")
class Bair(ConvertedLoader):
    """The official TFRecords, in the order of the files' names, unpacked or in their archive.

    The sequences do not fit into memory: they are read one by one and memory-mapped afterwards.
    There is no official checksum; each record carries its own.
    """

    shape = (FRAMES, 3, SIDE, SIDE)
    counts = (43_008, 256, 256)
    description = (
        "BAIR robot pushing: video of 30 frames, 64x64 colour, as published (camera image_aux1); "
        "validation is the last 256 of the 43,264 official training sequences."
    )
    folder = FOLDER
    variant = "aux1"
    bytes = 43_520 * FRAMES * 3 * SIDE * SIDE
    advice = (
        f"put the official {ARCHIVE} (32 GB), or the train/*.tfrecords and test/*.tfrecords "
        "that it holds, into {folder}"
    )
    local = "local files, every record verified by its CRC"
    sources = (
        Download(
            mirrors=("http://rail.eecs.berkeley.edu/datasets/",),
            members={ARCHIVE: f"{FOLDER}/{ARCHIVE}"},
            bytes=32_280_000_000,
        ),
    )

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`."""
        folder = root / self.folder
        train, test = (sorted(folder.glob(f"{part}/*.tfrecords")) for part in ("train", "test"))
        return [*train, *test] if train and test else complete(folder / ARCHIVE)

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        train, validation, test = self.counts
        with _parts(root / self.folder, self.originals(root)) as parts:
            for part, expected in (("train", train + validation), ("test", test)):
                count = 0
                for name, opened in parts[part]:
                    for sequence in _sequences(name, opened):
                        yield Batch(sequence[None])
                        count += 1
                if count != expected:
                    where = root / self.folder / part
                    raise DataError(f"{where} holds {count} sequences, expected {expected}")


@contextmanager
def _parts(folder: Path, originals: list[Path]) -> Iterator[dict[str, list[RecordFile]]]:
    parts: dict[str, list[RecordFile]] = {"train": [], "test": []}
    if originals[0].name != ARCHIVE:
        for file in originals:
            parts[file.parent.name].append((str(file), partial(_open_file, file)))
        yield parts
        return
    try:
        # Not unpacked: that would take another 32 GB.
        with tarfile.open(originals[0], "r:") as archive:
            for member in sorted(archive.getmembers(), key=lambda member: member.name):
                path = PurePosixPath(member.name)
                if member.isreg() and path.suffix == ".tfrecords" and path.parent.name in parts:
                    name = f"{originals[0]}/{member.name}"
                    parts[path.parent.name].append((name, partial(archive.extractfile, member)))
            yield parts
    except tarfile.TarError as error:
        raise DataError(f"{originals[0]} cannot be read ({error})") from error


def _open_file(file: Path) -> IO[bytes]:
    return file.open("rb")


def _sequences(name: str, opened: Callable[[], IO[bytes] | None]) -> Iterator[Bytes]:
    for number, record in enumerate(records(name, opened)):
        try:
            yield _sequence(record)
        except ValueError as error:
            raise DataError(f"{name} holds no such video (record {number}: {error})") from error


def _sequence(record: bytes) -> Bytes:
    """Read one sequence: (FRAMES, 3, SIDE, SIDE)."""
    features = byte_features(record)
    frames = []
    for number in range(FRAMES):
        name = FEATURE.format(number)
        if name not in features:
            raise ValueError(f"it lacks {name}")
        frame = np.frombuffer(features[name], np.uint8)
        if frame.size != SIDE * SIDE * 3:
            raise ValueError(f"{name} is {frame.size} bytes, not {SIDE * SIDE * 3}")
        frames.append(frame.reshape(SIDE, SIDE, 3).transpose(2, 0, 1))
    return np.stack(frames)

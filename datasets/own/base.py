"""What folders and files of users have in common: a name, a stamp, sizes; converted once.

The arrays are kept in the data folder under a stamp: names, sizes and times of change of the files,
and the options. So what is unchanged is not read again, and what has changed is.
"""

import hashlib
import json
import re
from abc import abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datasets.core.dataset import SPLITS, Bytes, DataError
from datasets.core.registry import find, names
from datasets.core.storage import data_folder
from datasets.formats.converted import RECORD, ConvertedLoader

VERSION = 1  # of the conversion: raise it with any change of the arrays
LEAST, LEAST_OF_PART = 20, 2  # images
FRACTIONS = {"validation": 0.1, "test": 0.2}  # of what comes in one part
BATCH = 256
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)

Numbers = NDArray[Any]
Looked = tuple[tuple[int, ...], tuple[int, int, int], str]
"""Shape, counts and description, as a `Loader` has them."""


class Size(NamedTuple):
    """How pictures are brought to one size."""

    height: int
    width: int
    crop: str

    def fit(self, picture: Image.Image) -> Bytes:
        """Return a picture of the size, (height, width) or (height, width, 3)."""
        size, bilinear = (self.width, self.height), Image.Resampling.BILINEAR
        if self.crop == "centre":
            return np.asarray(ImageOps.fit(picture, size, bilinear))
        return np.asarray(picture.resize(size, bilinear))

    def __str__(self) -> str:
        cut = "the largest central part of that shape, " if self.crop == "centre" else ""
        return f"{cut}resized to {self.height}x{self.width} by Pillow's bilinear filter"


class Own(ConvertedLoader):
    """What is common to folders and files; a DataError tells what is wrong with one."""

    folder = ""
    bytes = 0
    advice = "give the command again"

    def __init__(self, path: Path, size: Size | None) -> None:
        self.path, self.size = path, size
        self.local = str(path)
        self.name = self._free_name()
        stamp = hashlib.sha256(f"{VERSION} {size}".encode())
        for file in self.stamped():
            stat = file.stat()
            place = file.relative_to(path.parent).as_posix()
            stamp.update(f"{place} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        self.variant = stamp.hexdigest()[:16]
        self.shape, self.counts, self.description = self._kept() or self.look()

    @abstractmethod
    def stamped(self) -> list[Path]:
        """List the files."""

    @abstractmethod
    def look(self) -> Looked:
        """Return shape, counts and description (see `Loader`) of what is not converted yet."""

    def originals(self, root: Path) -> list[Path]:
        """See `ConvertedLoader.originals`."""
        return [file for file in self.stamped() if file.is_file()]

    def origin(self, root: Path) -> str:
        """See `Loader.origin`."""
        return self.local

    def _free_name(self) -> str:
        """A name from that of the folder, safe in paths and in Markdown; no other data set's."""
        name = re.sub(r"\W+", "_", self.path.stem).strip("_")[:40] or "data"
        loader = find(name) if name in names() else self
        if not isinstance(loader, Own):
            return f"my_{name}"
        if loader.path != self.path:
            raise DataError(
                f"{self.path} would be called {name!r}, as {loader.path} is: rename one of them"
            )
        return name

    def _kept(self) -> Looked | None:
        """What `look` returned when the data were converted; None if they are not."""
        try:
            text = (self._folder(data_folder()) / RECORD).read_text(encoding="utf-8")
            shape, (train, validation, test), description = json.loads(text)["looked"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return tuple(shape), (train, validation, test), description

    def _write(self, root: Path, folder: Path) -> dict[str, object]:
        looked = (self.shape, self.counts, self.description)
        return super()._write(root, folder) | {"looked": looked}


def counts(total: int) -> tuple[int, int, int]:
    """Sizes of the three parts of what comes in one."""
    validation, test = (int(total * FRACTIONS[part]) for part in SPLITS[1:])
    return total - validation - test, validation, test


def reason(error: BaseException) -> str:
    """Why something cannot be read, in one line."""
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return "it is damaged, or of another format" if "cannot identify" in text else text


def channels_first(images: Bytes) -> Bytes:
    """Turn (N, H, W) or (N, H, W, C) into (N, C, H, W)."""
    return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)

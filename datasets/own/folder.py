"""A folder of PNG and JPEG files at any depth, all brought to one size."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from datasets.core.dataset import SPLITS, DataError
from datasets.formats.converted import Batch
from datasets.own.base import (
    BATCH,
    LEAST,
    LEAST_OF_PART,
    UNREADABLE,
    Looked,
    Own,
    Size,
    channels_first,
    counts,
    reason,
)

SUFFIXES = (".png", ".jpg", ".jpeg")
GREY, ALPHA = ("1", "L", "LA"), ("LA", "RGBA", "PA")


class Folder(Own):
    """PNG and JPEG files at any depth, all brought to one size."""

    size: Size

    def __init__(self, path: Path, size: Size) -> None:
        files = _pictures(path)
        given = {each.name for each in path.iterdir() if each.is_dir()} & set(SPLITS)
        self.parts = _given_parts(path, files, given) if given else _parts_by_hash(path, files)
        self.roots = {part: path / part if given else path for part in SPLITS}
        super().__init__(path, size)

    def stamped(self) -> list[Path]:
        """See `Own.stamped`."""
        return [file for part in SPLITS for file in self.parts[part]]

    def look(self) -> Looked:
        """See `Own.look`: the head of every file is read."""
        heads = [_head(file) for file in self.stamped()]
        modes = [mode for mode, _ in heads]
        grey = sum(mode in GREY for mode in modes)
        colour = grey < len(modes)
        sides = sorted({size[::-1] for _, size in heads}, key=math.prod)
        found = " to ".join(f"{high}x{wide}" for high, wide in dict.fromkeys([sides[0], sides[-1]]))
        words = [f"{len(heads)} PNG and JPEG files, {found} pixels: {self.size}"]
        if colour and grey:
            words.append(f"{grey} are grey and are read as colour")
        if any(mode in ALPHA for mode in modes):
            words.append("transparency is left out")
        given = self.roots["train"] != self.path
        words.append("split by its folders" if given else "split by a hash of the file names")
        number = len(self.classes)
        words.append(f"{number} class folders" if number else "no class folders, so no labels")
        train, validation, test = (len(self.parts[part]) for part in SPLITS)
        shape = (3 if colour else 1, self.size.height, self.size.width)
        return shape, (train, validation, test), f"{self.name}: {'; '.join(words)}."

    @property
    def classes(self) -> list[str]:
        """Names of the class folders; none if a picture is in none, or its class is not trained."""
        named = {part: {self._class(part, file) for file in self.parts[part]} for part in SPLITS}
        every = set().union(*named.values())
        known = named["train"] if self.roots["train"] != self.path else every
        return sorted(every) if "" not in every and every <= known and len(every) > 1 else []

    def _class(self, part: str, file: Path) -> str:
        first, *inner = file.relative_to(self.roots[part]).parts
        return first if inner else ""

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        number = {name: index for index, name in enumerate(self.classes)}
        mode = "RGB" if self.shape[0] == 3 else "L"
        for part in SPLITS:
            files = self.parts[part]
            for start in range(0, len(files), BATCH):
                some = files[start : start + BATCH]
                pictures = np.stack([self.size.fit(_picture(file, mode)) for file in some])
                labels = np.array([number.get(self._class(part, file), 0) for file in some])
                yield Batch(channels_first(pictures), labels if number else None)


def _pictures(folder: Path) -> list[Path]:
    """List the pictures of a folder at any depth; what is hidden is left out."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]
    found = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not found:
        others = sorted({file.suffix or file.name for file in files})
        what = f"only {', '.join(others[:5])}" if others else "and no other file"
        raise DataError(f"{folder} holds no PNG or JPEG at any depth, {what}")
    return found


def _given_parts(folder: Path, files: list[Path], given: set[str]) -> dict[str, list[Path]]:
    """The pictures of the folders train, validation and test."""
    if missing := [part for part in SPLITS if part not in given]:
        raise DataError(
            f"{folder} has {sorted(given)[0]}/ and no {missing[0]}/: train/, validation/ and test/ "
            "are given all three, or none of them"
        )
    parts = {part: [file for file in files if folder / part in file.parents] for part in SPLITS}
    if rest := set(files).difference(*parts.values()):
        raise DataError(f"{min(rest)} is in none of train/, validation/ and test/ of {folder}")
    for part, own in parts.items():
        if len(own) < LEAST_OF_PART:
            raise DataError(
                f"{folder / part} has {len(own)} PNG or JPEG: at least {LEAST_OF_PART} are needed"
            )
    return parts


def _parts_by_hash(folder: Path, files: list[Path]) -> dict[str, list[Path]]:
    """The pictures in the order of a hash of their names below the folder, cut into parts."""
    if len(files) < LEAST:
        raise DataError(f"{folder} has {len(files)} PNG or JPEG: at least {LEAST} are needed")

    def place(file: Path) -> str:
        return hashlib.sha256(file.relative_to(folder).as_posix().encode()).hexdigest()

    order, start, parts = sorted(files, key=place), 0, {}
    for part, count in zip(SPLITS, counts(len(files)), strict=True):
        parts[part] = order[start : start + count]
        start += count
    return parts


def _head(file: Path) -> tuple[str, tuple[int, int]]:
    """Mode and size of a picture."""
    try:
        with Image.open(file) as picture:
            mode, size = picture.mode, picture.size
    except UNREADABLE as error:
        raise DataError(f"{file} is no picture that can be read ({reason(error)})") from error
    if mode.startswith(("I", "F")):
        raise DataError(f"{file} has more than 256 levels (mode {mode}): 8-bit pictures are needed")
    return mode, size


def _picture(file: Path, mode: str) -> Image.Image:
    """Read a picture as it is meant to be seen."""
    try:
        with Image.open(file) as picture:
            return ImageOps.exif_transpose(picture).convert(mode)
    except UNREADABLE as error:
        raise DataError(f"{file} is no picture that can be read ({reason(error)})") from error

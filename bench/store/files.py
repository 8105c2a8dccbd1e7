"""Files that are there whole or not at all: written under a temporary name, then moved."""

from __future__ import annotations

import json
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.errors import UsageError
from bench.evaluation import Images, Values
from bench.progress import say

COLUMNS = 8
"""Images in one row of a sheet."""


@contextmanager
def moved(path: Path) -> Iterator[Path]:
    """The temporary path under which a file is to be written; the folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder, path.name)
        os.replace(Path(folder, path.name), path)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; the old one stays until this one is whole."""
    with moved(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON data. It has no NaN: a number that does not exist is null."""
    text = json.dumps(_without_nan(content), indent=2, allow_nan=False)
    write_text(path, f"{text}\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read JSON data; None if there is no such file.

    Raises:
        UsageError: the file is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise UsageError(
            f"{path.name} in {str(path.parent)!r} is damaged ({error}); delete it to start over"
        ) from error
    return content


def write_tensors(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values."""
    with moved(path) as temporary:
        torch.save(dict(state), temporary)


def read_tensors(path: Path, device: torch.device) -> dict[str, Any] | None:
    """Read what `write_tensors` wrote; None if it is not there, or damaged.

    A damaged file is kept aside. Other errors are raised: too little memory is no fault of a file.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except Exception:
        if _is_whole(path):
            raise
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        say(f"{path} is damaged: it is kept as {aside.name} and made again")
        return None
    return state


def write_images(path: Path, images: Images) -> None:
    """Write uint8 images (n, H, W, C), n a multiple of `COLUMNS`, as one PNG without borders.

    It says itself how it is divided.
    """
    _, height, width, channels = images.shape
    sheet = images.reshape(-1, COLUMNS, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(-1, COLUMNS * width, channels)
    tile = PngInfo()
    tile.add_text("tile", f"{height}x{width}")
    image = Image.fromarray(sheet if channels == 3 else sheet[..., 0])
    with moved(path) as temporary:
        image.save(temporary, pnginfo=tile)


def read_images(path: Path) -> Images | None:
    """Read the images (n, H, W, C) that `write_images` wrote; None if there are none."""
    if not path.is_file():
        return None
    with Image.open(path) as sheet:
        height, width = map(int, sheet.info["tile"].split("x"))
        tiles = np.asarray(sheet).reshape(-1, height, COLUMNS, width, len(sheet.getbands()))
    return tiles.swapaxes(1, 2).reshape(-1, height, width, tiles.shape[-1])


def write_arrays(path: Path, arrays: Mapping[str, Values]) -> None:
    """Write named arrays, compressed."""
    with moved(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # a name may be allow_pickle


def read_arrays(path: Path) -> dict[str, Values]:
    """Read what `write_arrays` wrote; nothing if it is not there, or damaged."""
    if not path.is_file() or not _is_whole(path):
        return {}
    with np.load(path) as arrays:
        return dict(arrays)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_whole(path: Path) -> bool:
    """Whether every part of a file of tensors, which is a zip archive, has its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except zipfile.BadZipFile:
        return False

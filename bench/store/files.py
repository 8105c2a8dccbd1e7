"""Files that are there whole or not at all: written under a temporary name, then moved.

They reach the disk before anything that relies on them is written, so a power cut is no exception.
"""

from __future__ import annotations

import io
import json
import math
import os
import secrets
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.errors import DiskError, UsageError
from bench.evaluation import Images, Values
from bench.progress import say

COLUMNS = 8
"""Images in one row of a sheet."""
PARTIAL = ".partial"
"""Ends the names of files that are being written."""


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file; the folders above it are made, and the old file stays until this one is whole.

    Raises:
        DiskError: it cannot be written; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DiskError.of(path, len(content), error) from error
    _sync(path.parent)


def remove_partial(folder: Path) -> None:
    """Remove what writers left in a folder, and in those within, when they were killed."""
    for path in folder.rglob(f".*{PARTIAL}"):
        path.unlink(missing_ok=True)


def copy(path: Path, to: Path) -> None:
    """Copy a file."""
    write_bytes(to, path.read_bytes())


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
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "it holds no object")
    return content


def damaged(path: Path, why: object) -> UsageError:
    """The error of a file that is there and cannot be read."""
    where = f"{path.name} in {str(path.parent)!r}"
    return UsageError(f"{where} is damaged ({why}); delete it to go on without it")


def write_tensors(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values."""
    # In memory first: the writer of PyTorch hides why a disk refused.
    content = io.BytesIO()
    torch.save(dict(state), content)
    write_bytes(path, content.getbuffer())


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
    content = io.BytesIO()
    image.save(content, "png", pnginfo=tile)
    write_bytes(path, content.getbuffer())


def read_images(path: Path) -> Images | None:
    """Read the images (n, H, W, C) that `write_images` wrote; None if there are none.

    Raises:
        UsageError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with Image.open(path) as sheet:
            height, width = map(int, sheet.info["tile"].split("x"))
            tiles = np.asarray(sheet).reshape(-1, height, COLUMNS, width, len(sheet.getbands()))
        return tiles.swapaxes(1, 2).reshape(-1, height, width, tiles.shape[-1])
    except Exception as error:  # Pillow raises what its decoders raise
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def write_arrays(path: Path, arrays: Mapping[str, Values]) -> None:
    """Write named arrays, compressed."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # a name may be allow_pickle
    write_bytes(path, content.getbuffer())


def read_arrays(path: Path) -> dict[str, Values]:
    """Read what `write_arrays` wrote; nothing if it is not there, or damaged."""
    if not path.is_file() or not _is_whole(path):
        return {}
    with np.load(path) as arrays, suppress(ValueError):  # no array, or one of objects
        return dict(arrays)
    return {}


def _sync(folder: Path) -> None:
    """Have the disk take note of the names in a folder, where the file system can."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


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

"""Files that are there whole or not at all: written under a temporary name, then moved."""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.errors import UsageError
from bench.progress import say


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON data. It has no NaN: a number that does not exist is null."""
    text = json.dumps(_without_nan(content), indent=2, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


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
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_bytes(path, buffer.getvalue())


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


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write named arrays, compressed."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote; nothing if it is not there, or damaged."""
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return {}


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

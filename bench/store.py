"""The store: every run, on disk. Only this file knows the names inside a results folder.

    RESULTS/plan.json                       what the report is about: the last suite that was run
    RESULTS/runs/<name>-<hash>/             one run
    RESULTS/cache/                          statistics of real images, by checksum
    RESULTS/report/                         the report

Every file is written under a temporary name and then moved into place: it is there whole, or not.
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.errors import UsageError
from bench.progress import say
from bench.spec import RunSpec

Images = NDArray[np.uint8]

GRID_COLUMNS = 8


class Store:
    """A results folder.

    Args:
        root: the folder; created by `open`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: Path) -> Store:
        """Create the folder if need be and make sure that it can be written.

        Raises:
            UsageError: it cannot be created or written.
        """
        try:
            (root / "runs").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=root):
                pass
        except OSError as error:
            raise UsageError(
                f"results folder {str(root)!r} cannot be written: {error.strerror}"
            ) from error
        return cls(root)

    @classmethod
    def existing(cls, root: Path) -> Store:
        """A folder that already holds results.

        Raises:
            UsageError: there is none.
        """
        if not (root / "plan.json").is_file():
            raise UsageError(
                f"no results in {str(root)!r}: `python -m bench run --suite paper` makes some"
            )
        return cls(root)

    @property
    def report_folder(self) -> Path:
        """Where the report is written by default."""
        return self.root / "report"

    # --- the plan ---

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Keep what the report is about."""
        _write_json(self.root / "plan.json", plan)

    def read_plan(self) -> dict[str, Any] | None:
        """What `write_plan` kept, or None."""
        return _read_json(self.root / "plan.json")

    # --- one run ---

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def begin(self, spec: RunSpec, environment: dict[str, Any]) -> None:
        """Make the run's folder and say what will be in it and where it is made."""
        folder = self._folder(spec.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "spec.json", spec.content())
        _write_json(folder / "environment.json", environment)

    def metrics(self, run_id: str) -> dict[str, Any] | None:
        """The run's metrics; None if it has not ended, or if they cannot be read."""
        try:
            return _read_json(self._folder(run_id) / "metrics.json")
        except UsageError:
            return None

    def is_done(self, run_id: str) -> bool:
        """Whether the run never has to be computed again: finished, or diverged."""
        metrics = self.metrics(run_id)
        return metrics is not None and metrics["status"] in ("finished", "diverged")

    def is_begun(self, run_id: str) -> bool:
        """Whether an unfinished run left a checkpoint to go on from."""
        return not self.is_done(run_id) and (self._folder(run_id) / "checkpoint.pt").is_file()

    def write_metrics(self, run_id: str, metrics: dict[str, Any]) -> None:
        """End the run. Its presence means that history and images are there as well."""
        if metrics["status"] != "failed":
            (self._folder(run_id) / "error.txt").unlink(missing_ok=True)
        _write_json(self._folder(run_id) / "metrics.json", metrics)

    def write_history(self, run_id: str, history: pd.DataFrame) -> None:
        """The measurements made during training, one row each."""
        self._folder(run_id).mkdir(parents=True, exist_ok=True)
        text = history.to_csv(index=False)
        _write_bytes(self._folder(run_id) / "history.csv", text.encode())

    def history(self, run_id: str) -> pd.DataFrame | None:
        """The history of a run; None if it has none."""
        path = self._folder(run_id) / "history.csv"
        return pd.read_csv(path) if path.is_file() else None

    def write_error(self, run_id: str, text: str) -> None:
        """The traceback of a failed run, for whoever mends it."""
        _write_bytes(self._folder(run_id) / "error.txt", text.encode())

    def environment(self, run_id: str) -> dict[str, Any]:
        """Machine and versions that made a run."""
        return _read_json(self._folder(run_id) / "environment.json") or {}

    def spec(self, run_id: str) -> RunSpec:
        """The run's specification.

        Raises:
            UsageError: it is missing, damaged, or of another version.
        """
        content = _read_json(self._folder(run_id) / "spec.json")
        try:
            return RunSpec.from_content(content or {})
        except ValueError as error:
            raise UsageError(
                f"run {run_id!r} in {str(self.root)!r} has no usable specification: delete its "
                "folder and run the suite again"
            ) from error

    def write_checkpoint(self, run_id: str, state: dict[str, Any]) -> None:
        """Tensors and plain values from which the run goes on."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        _write_bytes(self._folder(run_id) / "checkpoint.pt", buffer.getvalue())

    def checkpoint(self, run_id: str, device: torch.device) -> dict[str, Any] | None:
        """What `write_checkpoint` kept; None if there is none, or if it is damaged."""
        return _read_tensors(self._folder(run_id) / "checkpoint.pt", device)

    # --- images ---

    def write_images(self, run_id: str, name: str, images: Images) -> None:
        """Write uint8 images (n, H, W, C) as one PNG, `GRID_COLUMNS` a row, no border.

        `n` is a multiple of `GRID_COLUMNS`.
        """
        _, height, width, channels = images.shape
        sheet = images.reshape(-1, GRID_COLUMNS, height, width, channels).swapaxes(1, 2)
        sheet = sheet.reshape(-1, GRID_COLUMNS * width, channels)
        # The picture says itself how it is divided.
        tile = PngInfo()
        tile.add_text("tile", f"{height}x{width}")
        buffer = io.BytesIO()
        Image.fromarray(sheet if channels == 3 else sheet[..., 0]).save(buffer, "PNG", pnginfo=tile)
        _write_bytes(self._folder(run_id) / f"{name}.png", buffer.getvalue())

    def images(self, run_id: str, name: str) -> Images | None:
        """Read back the images (n, H, W, C) of `write_images`; None if there are none."""
        path = self._folder(run_id) / f"{name}.png"
        if not path.is_file():
            return None
        with Image.open(path) as sheet:
            height, width = map(int, sheet.info["tile"].split("x"))
            tiles = np.asarray(sheet).reshape(
                -1, height, GRID_COLUMNS, width, len(sheet.getbands())
            )
        return tiles.swapaxes(1, 2).reshape(-1, height, width, tiles.shape[-1])

    # --- statistics of real images ---

    def cached(self, key: str) -> dict[str, Any] | None:
        """Tensors kept under a key that names everything they depend on; None if there are none."""
        return _read_tensors(self.root / "cache" / f"{key}.pt", torch.device("cpu"))

    def cache(self, key: str, state: dict[str, Any]) -> None:
        """Keep tensors under a key."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        _write_bytes(self.root / "cache" / f"{key}.pt", buffer.getvalue())


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_tensors(path: Path, device: torch.device) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except Exception:
        # Too little memory, say, is no fault of the file.
        if _is_whole(path):
            raise
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        say(f"{path} is damaged: it is kept as {aside.name} and made again")
        return None
    return state


def _is_whole(path: Path) -> bool:
    """Whether every part of a file of tensors, which is a zip archive, has its checksum."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except zipfile.BadZipFile:
        return False


def _write_json(path: Path, content: dict[str, Any]) -> None:
    # JSON has no NaN: a number that does not exist is null.
    clean = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in content.items()
    }
    _write_bytes(path, (json.dumps(clean, indent=2, allow_nan=False) + "\n").encode())


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UsageError(
            f"{path.name} in {str(path.parent)!r} is damaged ({error}); delete it to start over"
        ) from error
    return content

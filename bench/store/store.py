"""The store: every run, on disk. Only this file knows the names inside a results folder.

RESULTS/format.json                     the layout of this folder
RESULTS/plan.json                       what the report is about: the last suite that was run
RESULTS/runs/<name>-<hash>/             one run: spec.json, environment.json, history.csv,
                                        weights.pt, run.json (how training ended)
RESULTS/runs/.../measurements/          one file a measurement, by its key; beside it one of its
                                        values for each test image, if it has any
RESULTS/runs/.../samples.png, ...       images for a person to look at
RESULTS/cache/                          statistics of real images, by checksum
RESULTS/report/                         the report
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from bench.errors import UsageError
from bench.evaluation import Measurement, Outcome, Result
from bench.store import sheets
from bench.store.files import (
    read_arrays,
    read_json,
    read_tensors,
    write_arrays,
    write_bytes,
    write_json,
    write_tensors,
)
from bench.suite.spec import RunSpec
from reports import Status

FORMAT = 2
"""Of the layout above. Raise it where an older folder would be misread."""


class Store:
    """A results folder.

    Args:
        root: the folder; `open` creates it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: Path) -> Store:
        """Create the folder if need be and make sure that it can be written.

        Raises:
            UsageError: it cannot be created or written, or is of another format.
        """
        store = cls.readable(root)
        try:
            (root / "runs").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=root):
                pass
        except OSError as error:
            raise UsageError(
                f"results folder {str(root)!r} cannot be written: {error.strerror}"
            ) from error
        if read_json(root / "format.json") is None:
            write_json(root / "format.json", {"format": FORMAT})
        return store

    @classmethod
    def existing(cls, root: Path) -> Store:
        """A folder that already holds results.

        Raises:
            UsageError: there is none, or it is of another format.
        """
        store = cls.readable(root)
        if not (root / "plan.json").is_file():
            raise UsageError(
                f"no results in {str(root)!r}: `python -m bench run --suite paper` makes some"
            )
        return store

    @classmethod
    def readable(cls, root: Path) -> Store:
        """A folder that may hold results or not exist yet; nothing is written.

        Raises:
            UsageError: it is of another format.
        """
        content = read_json(root / "format.json")
        used = (root / "plan.json").exists() or any((root / "runs").glob("*/spec.json"))
        known = content.get("format") if content else None
        if known != FORMAT and (content or used):
            raise UsageError(
                f"results folder {str(root)!r} is of format {known or 1}, and this version reads "
                f"format {FORMAT}: choose another folder with --results, or delete this one"
            )
        return cls(root)

    @property
    def report_folder(self) -> Path:
        """Where the report is written by default."""
        return self.root / "report"

    # --- the plan ---

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what the report is about."""
        write_json(self.root / "plan.json", plan)

    def read_plan(self) -> dict[str, Any] | None:
        """What `write_plan` kept, or None."""
        return read_json(self.root / "plan.json")

    # --- one run ---

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def begin(self, spec: RunSpec, environment: Mapping[str, Any]) -> None:
        """Make the run's folder and say what will be in it and where it is made."""
        folder = self._folder(spec.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "spec.json", spec.content())
        write_json(folder / "environment.json", environment)

    def spec(self, run_id: str) -> RunSpec:
        """The run's specification.

        Raises:
            UsageError: it is missing, damaged, or of another version.
        """
        content = read_json(self._folder(run_id) / "spec.json")
        try:
            return RunSpec.from_content(content or {})
        except ValueError as error:
            raise UsageError(
                f"run {run_id!r} in {str(self.root)!r} has no usable specification: delete its "
                "folder and run the suite again"
            ) from error

    def environment(self, run_id: str) -> dict[str, Any]:
        """Machine and versions that trained a run."""
        return read_json(self._folder(run_id) / "environment.json") or {}

    def record(self, run_id: str) -> dict[str, Any] | None:
        """How the training ended; None if it has not, or if that cannot be read."""
        try:
            return read_json(self._folder(run_id) / "run.json")
        except UsageError:
            return None

    def write_record(self, run_id: str, record: Mapping[str, Any]) -> None:
        """End the training. Weights and history are written before, the checkpoint is dropped."""
        folder = self._folder(run_id)
        if record["status"] != Status.FAILED:
            (folder / "error.txt").unlink(missing_ok=True)
        write_json(folder / "run.json", record)
        if record["status"] in (Status.FINISHED, Status.DIVERGED):
            (folder / "checkpoint.pt").unlink(missing_ok=True)

    def write_error(self, run_id: str, text: str) -> None:
        """The traceback of a failed run, for whoever mends it."""
        write_bytes(self._folder(run_id) / "error.txt", text.encode())

    def is_trained(self, run_id: str) -> bool:
        """Whether the run never has to be trained again: it finished, or diverged."""
        record = self.record(run_id)
        return record is not None and record["status"] in (Status.FINISHED, Status.DIVERGED)

    def is_begun(self, run_id: str) -> bool:
        """Whether an unfinished run left a checkpoint to go on from."""
        checkpoint = self._folder(run_id) / "checkpoint.pt"
        return not self.is_trained(run_id) and checkpoint.is_file()

    def write_history(self, run_id: str, history: pd.DataFrame) -> None:
        """The convergence curve, one row a point."""
        text = history.to_csv(index=False)
        write_bytes(self._folder(run_id) / "history.csv", text.encode())

    def history(self, run_id: str) -> pd.DataFrame | None:
        """The convergence curve of a run; None if it has none."""
        path = self._folder(run_id) / "history.csv"
        return pd.read_csv(path) if path.is_file() else None

    def write_checkpoint(self, run_id: str, state: Mapping[str, Any]) -> None:
        """Keep what training goes on from."""
        write_tensors(self._folder(run_id) / "checkpoint.pt", state)

    def checkpoint(self, run_id: str, device: torch.device) -> dict[str, Any] | None:
        """What `write_checkpoint` kept; None if there is none, or if it is damaged."""
        return read_tensors(self._folder(run_id) / "checkpoint.pt", device)

    def write_weights(self, run_id: str, state: Mapping[str, Any]) -> None:
        """Keep the weights of a trained model."""
        write_tensors(self._folder(run_id) / "weights.pt", state)

    def weights(self, run_id: str, device: torch.device) -> dict[str, Any] | None:
        """What `write_weights` kept; None if there is none, or if it is damaged."""
        return read_tensors(self._folder(run_id) / "weights.pt", device)

    # --- measurements ---

    def missing(self, run_id: str, measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
        """Those of the measurements that were never tried on a run, or failed."""
        return tuple(
            measurement
            for measurement in measurements
            if (self.measurement(run_id, measurement.key) or {}).get("outcome", Outcome.FAILED)
            == Outcome.FAILED
        )

    def measurement(self, run_id: str, key: str) -> dict[str, Any] | None:
        """What `write_measurement` kept under a key; None if nothing, or if it cannot be read."""
        try:
            return read_json(self._folder(run_id) / "measurements" / f"{key}.json")
        except UsageError:
            return None

    def write_measurement(
        self,
        run_id: str,
        measurement: Measurement,
        result: Result,
        environment: Mapping[str, Any],
    ) -> None:
        """Keep the result of a measurement, its images and its values for each first."""
        folder = self._folder(run_id)
        for name, images in result.images.items():
            write_bytes(folder / f"{name}.png", sheets.as_png(images))
        if result.per_image:
            write_arrays(folder / "measurements" / f"{measurement.key}.npz", result.per_image)
        content = {
            **measurement.content(),
            "outcome": result.outcome,
            "reason": result.reason,
            "seconds": result.seconds,
            "columns": result.columns,
            "environment": environment,
        }
        write_json(folder / "measurements" / f"{measurement.key}.json", content)

    def per_image(self, run_id: str, key: str) -> dict[str, npt.NDArray[np.float32]]:
        """The values for each test image of a measurement; none if it has none."""
        return read_arrays(self._folder(run_id) / "measurements" / f"{key}.npz")

    def images(self, run_id: str, name: str) -> sheets.Images | None:
        """The images (n, H, W, C) of a measurement by their name; None if there are none."""
        path = self._folder(run_id) / f"{name}.png"
        return sheets.read(path) if path.is_file() else None

    # --- statistics of real images ---

    def cached(self, key: str) -> dict[str, Any] | None:
        """Tensors kept under a key that names everything they depend on; None if there are none."""
        return read_tensors(self.root / "cache" / f"{key}.pt", torch.device("cpu"))

    def cache(self, key: str, state: Mapping[str, Any]) -> None:
        """Keep tensors under a key."""
        write_tensors(self.root / "cache" / f"{key}.pt", state)

"""The store: every run, on disk. Only this room knows the names inside a results folder.

docs/architecture.md shows its layout under "Results folder".
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch

from bench.errors import UsageError
from bench.evaluation import Images, Measurement, Outcome, Result, Values
from bench.store import files, lease
from bench.suite.spec import RunSpec
from bench.suite.stored import problem_of
from reports import Status

Kind = Literal["checkpoint", "weights"]
FORMAT = 3
"""Of the layout. Raise it where an older folder would be misread."""

HISTORY = {"step", "seconds", "nll_nats", "bits_per_dim"}
"""Columns of every history."""
RESULT = {"outcome", "reason", "seconds", "columns", "environment"}
"""What there is of every measurement that was tried."""


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
        store = cls.writable(root)
        with _writing(root):
            (root / "runs").mkdir(parents=True, exist_ok=True)
        if files.read_json(root / "format.json") is None:
            files.write_json(root / "format.json", {"format": FORMAT})
        return store

    @classmethod
    def writable(cls, root: Path) -> Store:
        """A folder that may hold results, and that can be written or created; nothing is left.

        Raises:
            UsageError: it cannot be written or created, or cannot be read: see `readable`.
        """
        store = cls.readable(root)
        with _writing(root):
            nearest = next(each for each in (root, *root.absolute().parents) if each.exists())
            tempfile.TemporaryFile(dir=nearest).close()
            if (root / "runs").exists():
                tempfile.TemporaryFile(dir=root / "runs").close()
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
            UsageError: it is of another format, or its plan is damaged.
        """
        content = files.read_json(root / "format.json")
        used = (root / "plan.json").exists() or any((root / "runs").glob("*/spec.json"))
        known = content.get("format") if content else None
        if known != FORMAT and (content or used):
            raise UsageError(
                f"results folder {str(root)!r} is of format {known or 1!r}, and this version reads "
                f"format {FORMAT}: choose another folder with --results, or delete this one"
            )
        store = cls(root)
        store.read_plan()
        return store

    @property
    def report_folder(self) -> Path:
        """Where the report is written by default."""
        return self.root / "report"

    # --- the plan ---

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what the report is about."""
        files.write_json(self.root / "plan.json", plan)

    def read_plan(self) -> dict[str, Any] | None:
        """What `write_plan` kept, or None.

        Raises:
            UsageError: it is damaged.
        """
        path = self.root / "plan.json"
        content = files.read_json(path)
        if content is not None and (problem := problem_of(content)):
            raise files.damaged(path, problem)
        return content

    # --- one run ---

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def begin(self, spec: RunSpec, environment: Mapping[str, Any]) -> None:
        """Make the run's folder and say what will be in it and where it is made."""
        self.take_up(spec.run_id)
        files.write_json(self._folder(spec.run_id) / "spec.json", spec.model_dump(mode="json"))
        self.write_environment(spec.run_id, environment)

    def take_up(self, run_id: str) -> None:
        """Remove what whoever worked on a run before left half-written when killed."""
        files.remove_partial(self._folder(run_id))

    def write_environment(self, run_id: str, environment: Mapping[str, Any]) -> None:
        """Keep the machine and the versions that train a run."""
        files.write_json(self._folder(run_id) / "environment.json", environment)

    def spec(self, run_id: str) -> RunSpec:
        """The run's specification.

        Raises:
            UsageError: it is missing, damaged, or of another version.
        """
        content = files.read_json(self._folder(run_id) / "spec.json")
        try:
            return RunSpec.model_validate_json(json.dumps(content))
        except ValueError as error:
            raise UsageError(
                f"run {run_id!r} in {str(self.root)!r} has no usable specification: delete its "
                "folder and run the suite again"
            ) from error

    def environment(self, run_id: str) -> dict[str, Any]:
        """Machine and versions that trained a run."""
        return files.read_json(self._folder(run_id) / "environment.json") or {}

    def record(self, run_id: str) -> dict[str, Any] | None:
        """How the training ended; None if it has not, or if that cannot be read."""
        record = _if_whole(self._folder(run_id) / "run.json")
        return record if record.get("status") in list(Status) else None

    def write_record(self, run_id: str, record: Mapping[str, Any]) -> None:
        """End the training. Weights and history are written before, the checkpoint is dropped."""
        folder = self._folder(run_id)
        files.write_json(folder / "run.json", record)
        if record["status"] in (Status.FINISHED, Status.DIVERGED):
            (folder / "checkpoint.pt").unlink(missing_ok=True)

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
        files.write_text(self._folder(run_id) / "history.csv", history.to_csv(index=False))

    def history(self, run_id: str) -> pd.DataFrame | None:
        """The convergence curve of a run; None if it has none."""
        path = self._folder(run_id) / "history.csv"
        if not path.is_file():
            return None
        try:
            history = pd.read_csv(path)
        except ValueError as error:
            raise files.damaged(path, error) from error
        if lacking := HISTORY - set(history.select_dtypes("number")):
            raise files.damaged(path, f"it has no numbers of {', '.join(sorted(lacking))}")
        return history

    def write_state(self, run_id: str, kind: Kind, state: Mapping[str, Any]) -> None:
        """Keep what training goes on from, or the weights of a trained model."""
        files.write_tensors(self._folder(run_id) / f"{kind}.pt", state)

    def state(self, run_id: str, kind: Kind, device: torch.device) -> dict[str, Any] | None:
        """What `write_state` kept; None if there is none, or if it is damaged."""
        return files.read_tensors(self._folder(run_id) / f"{kind}.pt", device)

    def beside(self, run_id: str) -> Path:
        """The folder in which other programs find what was written for them of a run."""
        return self._folder(run_id)

    # --- who does a run ---

    def leases(self) -> lease.Leases:
        """The leases of this process, of runs that others may want to do too."""
        return lease.Leases(self._folder)

    def turns(self, run_id: str) -> int:
        """How often a run has been trained or measured, by any process, whatever became of it."""
        return lease.latest(self._folder(run_id)).turns

    # --- measurements ---

    def missing(
        self, run_id: str, measurements: Iterable[Measurement], *, failed: bool
    ) -> tuple[Measurement, ...]:
        """Those of the measurements that were never tried on a run; with `failed` those too."""
        return tuple(
            measurement
            for measurement in measurements
            if (result := self.measurement(run_id, measurement.key)) is None
            or (failed and result["outcome"] == Outcome.FAILED)
        )

    def measurement(self, run_id: str, key: str) -> dict[str, Any] | None:
        """What `write_measurement` kept under a key; None if nothing, or if it cannot be read."""
        result = _if_whole(self._folder(run_id) / "measurements" / f"{key}.json")
        return result if result.keys() >= RESULT else None

    def write_measurement(
        self, run_id: str, measurement: Measurement, result: Result, environment: Mapping[str, Any]
    ) -> None:
        """Keep the result of a measurement; its images and its values of each come first."""
        folder = self._folder(run_id)
        for name, images in result.images.items():
            files.write_images(folder / f"{name}.png", images)
        if result.per_image:
            path = folder / "measurements" / f"{measurement.key}.npz"
            files.write_arrays(path, result.per_image)
        content = {
            **measurement.content(),
            "outcome": result.outcome,
            "reason": result.reason,
            "seconds": result.seconds,
            "columns": result.columns,
            "traceback": result.traceback,
            "environment": environment,
        }
        files.write_json(folder / "measurements" / f"{measurement.key}.json", content)

    def per_image(self, run_id: str, key: str) -> dict[str, Values]:
        """The values of a measurement for each test image; none if it has none."""
        return files.read_arrays(self._folder(run_id) / "measurements" / f"{key}.npz")

    def images(self, run_id: str, name: str) -> Images | None:
        """The images (n, H, W, C) of a measurement by their name; None if there are none."""
        return files.read_images(self._folder(run_id) / f"{name}.png")

    # --- statistics of real images ---

    def _cache_file(self, key: str) -> Path:
        return self.root / "cache" / f"{key}.pt"

    def cached(self, key: str) -> dict[str, Any] | None:
        """Tensors kept under a key that names everything they depend on; None if there are none."""
        return files.read_tensors(self._cache_file(key), torch.device("cpu"))

    def cache(self, key: str, state: Mapping[str, Any]) -> None:
        """Keep tensors under a key."""
        files.write_tensors(self._cache_file(key), state)


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"results folder {str(root)!r} cannot be written: {error.strerror}"
        ) from error


def _if_whole(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing if it is not there, or damaged."""
    try:
        return files.read_json(path) or {}
    except UsageError:
        return {}

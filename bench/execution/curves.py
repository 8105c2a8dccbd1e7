"""Curves of runs for TensorBoard, an optional extra, in files beside those of each run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.errors import DiskError
from bench.progress import say
from bench.store import Store
from bench.suite import RunSpec

EVENTS = "events.out.tfevents.*"
"""What TensorBoard calls its files."""

Log = Callable[[Sequence[Mapping[Any, Any]]], None]
"""Is given all rows of a history so far, and writes what is new."""


@contextmanager
def written(folder: Path | None) -> Iterator[Log]:
    """Give a log of the curve of one run; what the folder holds of an earlier one is removed.

    TensorBoard's relative time is seconds of training.

    Args:
        folder: of the run; None: nothing is written.

    Raises:
        DiskError: the disk refuses.
    """
    try:
        board = import_module("torch.utils.tensorboard") if folder else None
    except ImportError:  # on another machine than the one where the command was given
        say("TensorBoard is not installed here: curves are not written")
        board = None
    if folder is None or board is None:
        yield lambda rows: None
        return
    with _writing(folder):
        for path in folder.glob(EVENTS):
            path.unlink()
        writer = board.SummaryWriter(str(folder))
    began, done = time.time(), 0

    def log(rows: Sequence[Mapping[Any, Any]]) -> None:
        nonlocal done
        with _writing(folder):
            for row in rows[done:]:
                for key in row.keys() - {"step", "seconds"}:
                    at = {"global_step": int(row["step"]), "walltime": began + row["seconds"]}
                    writer.add_scalar(f"validation/{key}", row[key], **at)
            writer.flush()
        done = len(rows)

    try:
        yield log
    finally:
        with _writing(folder):
            writer.close()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError.of(folder, 0, error) from error


def complete(runs: Iterable[RunSpec], store: Store) -> None:
    """Write the curves of runs that were trained without a log."""
    for run_id in (run.run_id for run in runs):
        folder, history = store.beside(run_id), store.history(run_id)
        if history is not None and not any(folder.glob(EVENTS)):
            with written(folder) as log:
                log(history.to_dict("records"))

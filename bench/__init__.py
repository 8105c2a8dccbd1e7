"""The harness of Likelihood Bench: suite -> runs -> training -> evaluation -> store -> report.

import bench

results = bench.load("results")    # or the folder of a report, or a results.csv
results.runs, results.history, results.per_image    # tables of pandas
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import reports

CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder from which the project is run."""


def load(place: str | os.PathLike[str] = "results") -> reports.Frames:
    """Return what a results folder, the folder of a report or a results.csv holds.

    Raises:
        bench.errors.UsageError: there are no results there.
        reports.ReportError: the results.csv cannot be read.
    """
    # All rooms stand on this package, so it can import one only when it is asked.
    publishing = import_module("bench.publishing")
    loaded: reports.Frames = publishing.load(Path(place))
    return loaded

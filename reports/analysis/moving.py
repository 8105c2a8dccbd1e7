"""Whether a variance was still on its way when training ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry
from reports.analysis.speed import points
from reports.analysis.statistics import finished
from reports.content import Content

LAST = 0.1
"""The end of training, as a share of its steps."""
SETTLED = 0.05
"""A change of ln σ² over the end of training up to which a variance counts as settled.

A single ln σ with a perfect decoder changes by 0.09 and more where Adam is still taking it there,
and by 0.01 where it has arrived; the optimal variance, which lags behind nothing, by 0.04 in the
short trainings of the budget quick (docs/validity.md)."""


def travel(history: pd.DataFrame | None) -> float:
    """Return by how much ln σ² changed over the last tenth of the steps.

    Between two points of the history it is taken to be a straight line. 0 where no variance was
    recorded, or one that is a constant of the decoder.
    """
    curve = points(history, "variance")
    curve = curve[curve["value"] > 0]
    if len(curve) < 2:
        return 0.0
    steps, logs = curve["step"].to_numpy(dtype=np.float64), np.log(curve["value"])
    before = np.interp((1 - LAST) * steps[-1], steps, logs)
    return float(abs(logs.iloc[-1] - before))


def moving(content: Content, entry: Entry) -> float:
    """Return the share of the finished runs of an entry whose variance still moves at the end."""
    runs = map(str, finished(entry.runs)["run"])
    moved = [travel(content.histories.get(run)) > SETTLED for run in runs]
    return float(np.mean(moved)) if moved else 0.0

"""Whether a variance had arrived when training ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry
from reports.analysis.intervals import Values
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
REACHED = 0.1
"""How far ln σ² may end above the logarithm of the mean squared error: 0.004 bits/dim are lost by
that. A variance comes from above, and a rate that falls to zero stops it wherever it is. Below the
error of validation images it is at that of training images, its optimum, where a network fits
these better."""
AWAY = (
    f"ln σ² changed by more than {SETTLED:g} over the last tenth of training, or ended more than "
    f"{REACHED:g} above that of the mean squared error, its optimum"
)


def travel(history: pd.DataFrame | None) -> float:
    """Return by how much ln σ² changed over the last tenth of the steps.

    Between two points of the history it is taken to be a straight line. 0 where no variance was
    recorded, or one that is a constant of the decoder.
    """
    steps, logs = _logs(history, "variance")
    if len(logs) < 2:
        return 0.0
    before = np.interp((1 - LAST) * steps[-1], steps, logs)
    return float(abs(logs[-1] - before))


def lag(history: pd.DataFrame | None) -> float:
    """Return how far ln σ² ended above the logarithm of the mean squared error, its optimum.

    Negative where it ended below; 0 where no variance was recorded, or one that is a constant of
    the decoder.
    """
    (_, variances), (_, errors) = _logs(history, "variance"), _logs(history, "mse")
    if not len(errors) or not len(variances) or np.ptp(variances) == 0:
        return 0.0
    return float(variances[-1] - errors[-1])


def _logs(history: pd.DataFrame | None, key: str) -> tuple[Values, Values]:
    """Steps and logarithms of the points where a value is positive."""
    curve = points(history, key)
    curve = curve[curve["value"] > 0]
    return curve["step"].to_numpy(dtype=np.float64), np.log(curve["value"].to_numpy())


def moving(content: Content, entry: Entry) -> float:
    """Return the share of the finished runs of an entry whose variance did not arrive."""
    histories = [content.histories.get(str(run)) for run in finished(entry.runs)["run"]]
    away = [travel(each) > SETTLED or lag(each) > REACHED for each in histories]
    return float(np.mean(away)) if away else 0.0

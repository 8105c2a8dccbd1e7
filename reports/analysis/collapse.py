"""Runs that ended as planned and learned nothing: their decoder ignores the code.

A finished run is *collapsed* if its KL is below `LEAST_KL` nats an image, or its error on test
images is at least `SHARE` of the mean training image's. Its numbers are those of a constant: they
are shown, and decide nothing. What was not measured says nothing.

Where its own formula explains it, that is said. A fixed variance far above the error prices every
code too high (Lucas et al. 2019, arXiv:1911.02469; Rybkin et al. 2021, arXiv:2006.13202). More than
one output a value can raise the likelihood by what they say beside the mean, which needs no code
(Chen et al. 2017, "Variational Lossy Autoencoder", arXiv:1611.02731) and lowers no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from reports.content import Status

LEAST_KL = 0.1
SHARE = 0.95
DEAR = 10.0
"""A variance of more than so many times the error prices a code too high."""
COLLAPSED = "collapsed"
"""Column of the results: why a run is collapsed, "" for one that is not."""

COLLAPSE_KEYS = ("kl_nats", "mse", "mean_image_mse", "variance", "principal_variance")
_OUTPUTS = "outputs_per_value"
"""Metrics that tell whether a run is collapsed."""


def with_collapse(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results with the column `COLLAPSED`."""
    if results.empty:
        return results.assign(**{COLLAPSED: ""})
    held = results.reindex(columns=[*COLLAPSE_KEYS, _OUTPUTS]).apply(pd.to_numeric, errors="coerce")
    finished = results["status"] == Status.FINISHED
    runs = zip(held.to_dict("records"), finished, strict=True)
    reasons = [why_collapsed(run) if ended else "" for run, ended in runs]
    return results.assign(**{COLLAPSED: reasons})


def why_collapsed(run: Mapping[str, Any]) -> str:
    """Return why a run that finished is collapsed, "" if it is not; by metric, NaN not measured."""
    kl, mse, of_mean, variance, principal = (run.get(key, np.nan) for key in COLLAPSE_KEYS)
    parts = []
    if kl < LEAST_KL:
        parts.append(f"the KL is {kl:.2g} nats")
    if mse >= SHARE * of_mean:
        parts.append(f"the MSE is {mse:.3g}, that of the mean image {of_mean:.3g}")
    if parts and (outputs := run.get(_OUTPUTS, 0)) > 1:
        parts.append(
            f"it has {outputs:.0f} outputs a value, and what they say beside the mean can raise "
            "the likelihood without a code and without a lower error"
        )
    if parts and variance > principal:
        parts.append(
            f"its σ² of {variance:.3g} exceeds the variance of the data along any direction, "
            f"{principal:.3g} at most, so no code is worth its price"
        )
    elif parts and variance > DEAR * mse:
        parts.append(
            f"its σ² of {variance:.3g} is {variance / mse:.0f} times its MSE of {mse:.3g}, so "
            "every code is priced as many times too high"
        )
    return "; ".join(parts)

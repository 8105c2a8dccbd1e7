"""pytorch-fid's own Frechet distance, on any scipy."""

import contextlib
import inspect
import warnings
from typing import Any
from unittest import mock

import numpy as np
from pytorch_fid import fid_score
from scipy import linalg

from bench.metrics.frechet import Statistics


def pytorch_fid_distance(a: Statistics, b: Statistics) -> float:
    """Return what `pytorch_fid.fid_score.calculate_frechet_distance` returns."""
    calculate: Any = fid_score.calculate_frechet_distance
    arrays = (a.mean.numpy(), a.covariance.numpy(), b.mean.numpy(), b.covariance.numpy())
    with _sqrtm_with_disp(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # `disp`, scipy 1.16 and 1.17
        warnings.simplefilter("ignore", linalg.LinAlgWarning)  # a singular product is meant
        return float(calculate(*arrays))


def _sqrtm_with_disp() -> contextlib.AbstractContextManager[object]:
    # pytorch-fid 0.3.0 calls sqrtm(product, disp=False) for (root, estimate of the error) and
    # drops the estimate. Scipy 1.18 removed `disp`: there, and only there, the call is given back
    # its two results. The root itself is scipy's in either case.
    sqrtm: Any = linalg.sqrtm
    if "disp" in inspect.signature(sqrtm).parameters:
        return contextlib.nullcontext()

    def with_disp(matrix: Any, disp: bool = True) -> Any:
        return sqrtm(matrix) if disp else (sqrtm(matrix), np.nan)

    return mock.patch.object(linalg, "sqrtm", with_disp)

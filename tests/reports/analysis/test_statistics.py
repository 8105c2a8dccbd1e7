from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.analysis.statistics import Estimate, complete, estimate


def runs(values: list[float], statuses: list[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"x": values, "status": statuses or ["finished"] * len(values)})


def test_the_spread_is_the_sample_standard_deviation() -> None:
    found = estimate(runs([1.0, 2.0, 6.0]), "x")
    assert found is not None
    assert found.mean == pytest.approx(3.0)
    assert found.spread == pytest.approx(np.sqrt((4 + 1 + 9) / 2))


def test_one_run_has_no_spread() -> None:
    assert estimate(runs([4.0]), "x") == Estimate(4.0, None, 1)


def test_equal_values_have_exactly_no_spread() -> None:
    assert estimate(runs([0.1] * 3), "x") == Estimate(0.1, 0.0, 3)


def test_infinite_values_have_no_spread() -> None:
    assert estimate(runs([1.0, np.inf]), "x") == Estimate(np.inf, None, 2)


@pytest.mark.parametrize("column", ["x", "absent"])
def test_nothing_measured_is_none(column: str) -> None:
    assert estimate(runs([np.nan, np.nan]), column) is None


def test_only_finished_runs_count() -> None:
    some = runs([1.0, 100.0], ["finished", "diverged"])
    assert estimate(some, "x") == Estimate(1.0, None, 1)
    assert not complete(some, "x")
    assert complete(runs([1.0, 2.0]), "x")
    assert not complete(runs([1.0, np.nan]), "x")

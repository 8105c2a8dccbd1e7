"""The command that makes what a comparison lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.publishing.compare import command_for
from reports import Row


def plan(asked: dict[str, object]) -> dict[str, object]:
    return {"suite": "mine", "budget": "quick", "asked": asked}


@pytest.mark.parametrize(
    ("asked", "row", "results", "expected"),
    [
        (
            {"suite": "my suite.toml", "data_sets": ["digits"]},
            Row("laplace", "Laplace"),
            "results",
            "--suite 'my suite.toml' --budget quick --datasets digits --likelihoods laplace",
        ),
        (
            {"suite": "paper", "data_sets": []},
            Row("Truncated", "Truncated", given="my_decoder.py:Truncated"),
            "else where",
            "--suite paper --budget quick --likelihoods Truncated my_decoder.py:Truncated",
        ),
        (
            {},
            Row("laplace", "Laplace"),
            "results",
            "--suite mine --budget quick --likelihoods laplace",
        ),
    ],
)
def test_the_command_repeats_suite_and_data_sets_of_the_stored_ones(
    asked: dict[str, object], row: Row, results: str, expected: str
) -> None:
    where = "" if results == "results" else f" --results '{results}'"
    found = command_for(plan(asked), Path(results))(row, 3)
    assert found == f"python -m bench run {expected} --seeds 3{where}"

"""Suite files as nobody would write them: a plan, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import datasets
import likelihoods
from bench import suite
from bench.errors import UsageError
from bench.suite import Choices
from tests.bench.conftest import TINY

LINES = TINY.replace('["thumbnail"]', "[]").splitlines()
KEYS = sorted({line.partition(" =")[0] for line in LINES if " = " in line})

scalars = st.one_of(
    st.sampled_from(["true", "nan", "-inf", "1e999", "2020-01-01", "07:30:00", "0", "-1", '""']),
    st.integers(-(10**20), 10**20).map(str),
    st.integers(1, 40).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["digits", "gaussian", "x.py:Mine", "vae", "hvae", "svg", "none", "../x"]).map(
        lambda text: f'"{text}"'
    ),
    st.text(max_size=5).map(lambda text: f"'{text}'"),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.tuples(st.sampled_from(KEYS), inner).map(lambda each: f"{{ {each[0]} = {each[1]} }}"),
    ),
    max_leaves=4,
)
lines = st.one_of(
    st.sampled_from(LINES),
    st.tuples(st.sampled_from(KEYS), values).map(" = ".join),
    st.sampled_from(['extends = "paper"', "[[add_rows]]", "[columns.budgets.tiny]", "[[columns]]"]),
    st.text(max_size=8),
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """The tiny suite with a few lines changed, left out or added."""
    found = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(found) - 1))
        key, equals, _ = found[place].partition(" = ")
        change = draw(st.sampled_from(["value", "line", "more", "none"]))
        new = {
            "value": [f"{key} = {draw(values)}"] if equals else [],
            "line": [draw(lines)],
            "more": [found[place], draw(lines)],
            "none": [],
        }
        found[place : place + 1] = new[change]
    content = "\n".join(found).encode("utf-8", "surrogatepass")
    cut = draw(st.one_of(st.none(), st.integers(0, len(content))))
    return content[:cut]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "fuzzed.toml"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=files())
def test_any_file_is_a_plan_or_a_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        loaded = suite.load(str(path))
        plan = suite.make(loaded, Choices(budget="tiny", data_sets=["digits"]), fetch=False)
        assert plan.runs
    except (UsageError, likelihoods.LikelihoodError, datasets.DataError):
        pass  # told in a line

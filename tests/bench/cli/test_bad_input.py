"""Bad input of every kind: one clear line, an exit status, and everything stays as it was."""

from __future__ import annotations

import pytest

from bench.cli import main
from tests.bench.cli.bad_input import data, folders, options, own_files, suites
from tests.bench.cli.bad_input.case import RESULTS, Case, Place
from tests.bench.cli.conftest import content

CASES = [case for kind in (suites, options, own_files, folders, data) for case in kind.cases()]


def test_there_are_many_and_no_two_alike() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 150


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input_is_one_line(
    case: Case, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    case.prepare(place)
    before = content(place.root)
    status = main(case.words)
    place.patch.undo()
    captured = capsys.readouterr()
    said = captured.err.splitlines()
    assert "Traceback" not in captured.err
    assert status == case.status, captured
    if status == 2:
        assert captured.out == ""
        assert [line for line in said if line.startswith("error: ")] == said[-1:]
        assert case.says in said[-1]
        assert said[-1].isprintable()
        assert content(place.root) == before
    else:  # a run failed, of which the results tell
        assert any(case.says in line for line in said)
        assert content(place.root, but=RESULTS) == before

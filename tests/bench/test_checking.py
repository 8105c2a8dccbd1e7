"""`bench check` as a user meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import likelihoods
from bench import checking
from bench.cli import main
from likelihoods import check
from likelihoods.check.core import Measurement, Note, Skipped
from tests.likelihoods import broken

Named = Callable[[str, type[likelihoods.Likelihood]], None]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Gives a class a name on the command line, and takes it away again."""

    def name(text: str, cls: type[likelihoods.Likelihood]) -> None:
        given = checking.Given(text)
        monkeypatch.setattr(checking.Given, "create", lambda self, shape: cls(shape))
        monkeypatch.setattr(checking, "resolve", lambda found: {text: given}[found])

    return name


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note in place of timings."""
    monkeypatch.setattr(check, "COSTS", {"price": lambda factory: Note(2.5, "times the other's")})


def test_a_conforming_likelihood_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "gaussian"]) == 0
    captured = capsys.readouterr()
    *lines, last = captured.out.splitlines()
    assert captured.err == ""
    assert [re.match(r"(?:pass|skip|note)  ([^:]+): ", line).group(1) for line in lines] == [  # type: ignore[union-attr]
        *check.PROPERTIES,
        "price",
    ]
    assert lines[-1] == "note  price: 2.5 times the other's"
    skipped = 0 if torch.cuda.is_available() else 1
    passed = len(check.PROPERTIES) - skipped
    assert last == f"{passed} passed, 0 failed, {skipped} skipped, 1 noted"


def test_a_defect_is_a_line_and_a_status(named: Named, capsys: pytest.CaptureFixture[str]) -> None:
    named("mine", broken.WrongMean)
    assert main(["check", "mine"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (failed,) = (line for line in lines if line.startswith("FAIL"))
    assert failed.startswith("FAIL  samples agree with mean: ")
    assert ", 1 failed, " in lines[-1]


def test_what_cannot_be_made_fails_with_its_place(
    named: Named, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unmakeable(broken.Sound):
        def __init__(self, shape: likelihoods.Shape) -> None:
            super().__init__(shape)
            self.table = Path("absent").read_text()

    named("mine", Unmakeable)
    assert main(["check", "mine"]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("FAIL  shapes: FileNotFoundError: ")
    assert re.search(r"test_checking\.py:\d+, in __init__\)$", first)
    assert last.startswith("0 passed, 1 failed, ")


def test_each_line_is_out_before_the_next_property(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def second(factory: check.Factory) -> Skipped:
        seen.append(capsys.readouterr().out)
        return Skipped("not here")

    first = Measurement(0.5, 1, "of something")
    monkeypatch.setattr(check, "PROPERTIES", {"one": lambda factory: first, "two": second})
    assert main(["check", "gaussian"]) == 0
    assert seen == ["pass  one: 0.5 (limit 1) of something\n"]
    assert capsys.readouterr().out == (
        "skip  two: not here\nnote  price: 2.5 times the other's\n"
        "1 passed, 0 failed, 1 skipped, 1 noted\n"
    )


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "gausian"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "did you mean 'gaussian'?" in captured.err
    assert main(["check"]) == 2
    assert "required: NAME|FILE.py:Class" in capsys.readouterr().err


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    assert main(["check", "gaussian"]) == 0
    assert torch.get_num_threads() == before

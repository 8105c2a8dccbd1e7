"""`bench check` as a user meets it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from bench.cli import main
from likelihoods import check
from likelihoods.check.core import Measurement, Note, Skipped


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note in place of timings."""
    monkeypatch.setattr(check, "COSTS", {"price": lambda factory: Note(2.5, "times the other's")})


def test_a_conforming_likelihood_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "gaussian"]) == 0
    captured = capsys.readouterr()
    *found, last = captured.out.splitlines()
    assert captured.err == ""
    assert [re.match(r"(?:pass|skip|note)  ([^:]+): ", line).group(1) for line in found] == [  # type: ignore[union-attr]
        *check.PROPERTIES,
        "price",
    ]
    assert found[-1] == "note  price: 2.5 times the other's"
    skipped = 2 if torch.cuda.is_available() else 3  # nothing to calibrate, no objective of its own
    passed = len(check.PROPERTIES) - skipped
    assert last == f"{passed} passed, 0 failed, {skipped} skipped, 1 noted"


MINE = """
import torch
from likelihoods import Likelihood
from torch import distributions as D


class Mine(Likelihood):
    outputs_per_value = 2

    def __init__(self, shape, *, wrong="nothing"):
        super().__init__(shape)
        self.wrong = wrong
        if wrong == "made":
            open("absent")

    def forward(self, outputs, target=None):
        location, log_scale = self.split(outputs)
        location, scale = location.sigmoid(), log_scale.clamp(-4, 1).exp()
        if self.wrong == "raised":
            location = location @ torch.zeros(7, 7)
        if self.wrong == "gradient":
            scale = scale.detach()
        return D.Independent(D.Laplace(location, scale), 3)
"""


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_file_as_an_author_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(MINE)
    assert main(["check", "mine.py:Mine"]) == 0
    assert ", 0 failed, " in lines(capsys)[-1]


def test_a_defect_is_a_line_and_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(MINE)
    assert main(["check", "mine.py:Mine(wrong='gradient')"]) == 1
    *found, last = lines(capsys)
    (failed,) = (line for line in found if line.startswith("FAIL"))
    assert failed.startswith("FAIL  gradients: ")
    assert ", 1 failed, " in last


@pytest.mark.parametrize(
    ("wrong", "error", "place"),
    [
        ("made", "FileNotFoundError: ", 'open("absent")'),
        ("raised", "RuntimeError: ", "location @"),
    ],
)
def test_what_raises_fails_with_its_place(
    wrong: str, error: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(MINE)
    assert main(["check", f"mine.py:Mine(wrong={wrong!r})"]) == 1
    first, *_, last = lines(capsys)
    (number,) = (i for i, line in enumerate(MINE.splitlines(), 1) if place in line)
    method = "__init__" if wrong == "made" else "forward"
    assert first.startswith(f"FAIL  shapes: {error}")
    assert first.endswith(f"(mine.py:{number}, in {method})")
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


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    assert main(["check", "gaussian"]) == 0
    assert torch.get_num_threads() == before

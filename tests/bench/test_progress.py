"""What is said while runs are carried out, where there is no terminal."""

from __future__ import annotations

import re
import time

import pytest

from bench.progress import Progress


def test_without_a_terminal_a_line_comes_when_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Progress, "PERIOD", 0.05)
    progress = Progress()
    progress.expect({"first": 10.0, "second": 30.0})
    progress.advance("first", 0.5)
    progress._started, progress._spoke = progress._started - 40, progress._spoke - 40
    time.sleep(0.5)
    progress.close()
    time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 11
    for line in lines:
        assert re.fullmatch(r"\[0/2\] 12% after 4\d s; about \d+ (s|min) left", line)
    time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_run_that_ends_is_sign_of_life_enough(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.expect({"first": 10.0, "second": 30.0})
    progress.end("first", "it is done")
    progress.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\[1/2\] it is done; about \d+ s left", line)

"""A folder in which commands are given, and results that were made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from tests.bench.cli.bad_input.case import RESULTS, SUITE, Place
from tests.bench.conftest import TINY


def content(root: Path, but: str = "none") -> dict[str, bytes | None]:
    """Every file and folder below one, byte for byte; `but` is left out."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if not {"__pycache__", but}.intersection(path.relative_to(root).parts)
    }


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two runs."""
    root = tmp_path_factory.mktemp("made")
    (root / SUITE).write_text(TINY.replace('["thumbnail"]', "[]"))
    words = ["run", "--suite", str(root / SUITE), "--results", str(root / RESULTS), "--jobs", "1"]
    assert main([*words, "--likelihoods", "gaussian", "optimal*"]) == 0
    return root / RESULTS


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    root = tmp_path / "here"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    there = Place(root, made, monkeypatch)
    there.suite()
    return there

"""What a case of bad input is, and the folder in which it happens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.store.store import FORMAT
from tests.bench.conftest import TINY

SUITE, RESULTS, OWN = "tiny.toml", "results", "mine.py"
RUN = ("run", "--suite", SUITE, "--budget", "tiny", "--jobs", "1", "--results", RESULTS)

LIKELIHOOD = """
import torch
from torch import distributions as D
from likelihoods import Likelihood


class Mine(Likelihood):
    outputs_per_value = 1

    def forward(self, outputs, target=None):
        (location,) = self.split(outputs)
        return D.Independent(D.Normal(location, 1.0), 3)
"""
"""A good one, of which cases spoil a part."""


@dataclass(frozen=True)
class Place:
    """The folder in which a command is given: all that a case may change is below it."""

    root: Path
    made: Path
    """Results of the tiny suite, to be copied."""
    patch: pytest.MonkeyPatch

    def write(self, path: str, content: str | bytes) -> Path:
        to = self.root / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content.encode() if isinstance(content, str) else content)
        return to

    def suite(self, old: str = "", new: str = "") -> None:
        """The tiny suite with one of its parts replaced."""
        text = TINY.replace('["thumbnail"]', "[]")
        assert old in text
        self.write(SUITE, text.replace(old, new, 1))

    def results(self, to: str = RESULTS) -> Path:
        return shutil.copytree(self.made, self.root / to)

    def empty_results(self) -> None:
        """Results without a run."""
        self.write(f"{RESULTS}/format.json", json.dumps({"format": FORMAT}))

    def damaged(self, pattern: str, content: str | bytes | None) -> None:
        """Results in which the first file of this kind holds something else, or is missing."""
        path = sorted(self.results().glob(pattern))[0]
        path.unlink()
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def changed(self, pattern: str, **content: Any) -> None:
        """Results in which the first JSON file of this kind has other entries; None: no such."""
        path = sorted(self.results().glob(pattern))[0]
        now = {**json.loads(path.read_text()), **content}
        path.write_text(json.dumps({key: each for key, each in now.items() if each is not None}))


Prepare = Callable[[Place], object]


def nothing(place: Place) -> None:
    """The suite, and no results."""


@dataclass(frozen=True)
class Case:
    """One bad input, and what is said of it."""

    name: str
    words: Sequence[str]
    says: str
    prepare: Prepare = field(default=nothing)
    status: int = 2

"""A likelihood of a user's file, in a process that does not have the file."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import likelihoods
from bench import CHECKOUT
from bench.execution import user_files
from likelihoods.outside import files

MINE = """
import own_parts.scales
from likelihoods import Likelihood
from torch import distributions as D


class Mine(Likelihood):
    measure = "density"
    outputs_per_value = 1

    def forward(self, outputs, target=None):
        return D.Independent(D.Laplace(outputs.sigmoid(), own_parts.scales.SCALE), 3)
"""
THERE = """
import pickle, sys
import likelihoods
from bench.execution import user_files

user_files.unpack(pickle.loads(open(sys.argv[1], "rb").read()))
print(likelihoods.fingerprint("Mine"), likelihoods.create("Mine", shape=(1, 2, 2)).measure)
print(likelihoods.references())
"""


def test_the_fingerprint_is_that_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    (here / "own_parts").mkdir(parents=True)
    (here / "own_parts" / "__init__.py").touch()
    (here / "own_parts" / "scales.py").write_text("SCALE = 0.1\n")
    (here / "mine.py").write_text(MINE)
    (here / "unrelated.py").write_text("")
    monkeypatch.setattr(files, "_references", {})
    monkeypatch.syspath_prepend(str(here))
    likelihoods.resolve(f"{here / 'mine.py'}:Mine")
    expected = likelihoods.fingerprint("Mine")
    (here / "mine.py").write_text("changed after it was read")
    packed = user_files.pack()
    assert [set(each.contents) for each in packed] == [
        {"mine.py", "own_parts/__init__.py", "own_parts/scales.py"}
    ]
    luggage = tmp_path / "luggage"
    luggage.write_bytes(pickle.dumps(packed))
    for path in sorted(here.rglob("*.py")):
        path.unlink()
    done = subprocess.run(
        [sys.executable, "-c", THERE, str(luggage)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"{expected} density", f"['{here / 'mine.py'}:Mine']"]

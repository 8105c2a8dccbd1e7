"""A likelihood and a model of users' files, in a process that does not have the files."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import likelihoods
from bench import CHECKOUT, models
from bench.cli.new import TEMPLATES
from bench.execution import user_files
from bench.models import base, outside
from likelihoods.outside import files

NET = (TEMPLATES / "model.py").read_text(encoding="utf-8").replace("Template", "Net")
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

from bench import models

user_files.unpack(pickle.loads(open(sys.argv[1], "rb").read()))
print(models.version("Net"), models.references())
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
    monkeypatch.setattr(outside, "_references", {})
    monkeypatch.setattr(base, "_MODELS", dict(base._MODELS))
    (here / "net.py").write_text("import own_parts.scales\n" + NET)
    models.resolve(f"{here / 'net.py'}:Net")
    version = models.version("Net")
    likelihoods.resolve(f"{here / 'mine.py'}:Mine")
    expected = likelihoods.fingerprint("Mine")
    (here / "mine.py").write_text("changed after it was read")
    packed = user_files.pack()
    assert [set(each.contents) for each in packed] == [
        {name, "own_parts/__init__.py", "own_parts/scales.py"} for name in ("mine.py", "net.py")
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
    assert done.stdout.splitlines() == [
        f"{version} {{'Net': '{here / 'net.py'}:Net'}}",
        f"{expected} density",
        f"['{here / 'mine.py'}:Mine']",
    ]

"""Results and names of others: nothing is executed, and nothing breaks out of its place."""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.cli import main
from bench.store import Store
from tests.bench.cli.bad_input.case import RESULTS, RUN, SUITE, Place
from tests.bench.conftest import TINY


class Bomb:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


def as_archive(path: Path) -> bytes:
    """A whole file of `torch.save` whose pickle is a bomb."""
    torch.save({"a": torch.ones(2)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, pickle.dumps(Bomb()) if name.endswith("data.pkl") else part)
    return path.read_bytes()


def test_the_bomb_is_one(place: Place) -> None:
    pickle.loads(pickle.dumps(Bomb()))
    assert Path("exploded").is_dir()


@pytest.mark.parametrize("kind", ["weights", "checkpoint"])
def test_a_pickle_among_the_results_is_not_executed(
    kind: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(place.results())
    folder = sorted((store.root / "runs").iterdir())[0]
    path = folder / f"{kind}.pt"
    if kind == "checkpoint":  # it is read while the run has not ended
        (folder / "run.json").unlink()
    else:  # they are read to measure
        next(folder.glob("measurements/elbo-*.json")).unlink()
    only = ["--likelihoods", "gaussian" if "gaussian" in folder.name else "optimal*"]

    path.write_bytes(as_archive(place.root / "forged.pt"))
    assert main([*RUN, *only, "--retry-failed"]) == 1
    assert "Weights only load failed" in capsys.readouterr().err
    path.write_bytes(pickle.dumps({"step": Bomb()}))
    assert main([*RUN, *only, "--retry-failed"]) == 0
    assert f"{kind}.pt is damaged: it is kept as {kind}.pt.damaged" in capsys.readouterr().err
    assert not Path("exploded").exists()


def test_of_a_state_that_does_not_fit_the_run_says_so(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(place.results())
    folder = next((store.root / "runs").glob("*gaussian*"))
    (folder / "run.json").unlink()
    store.write_state(folder.name, "checkpoint", {"step": 3})
    assert main([*RUN, "--likelihoods", "gaussian"]) == 1
    assert "checkpoint.pt is not of this run (KeyError: 'model'): delete it" in (
        capsys.readouterr().err
    )


def test_foreign_files_are_left_alone(place: Place) -> None:
    results = place.results()
    foreign = [
        place.write(f"{RESULTS}/{name}", "mine") for name in ("a.txt", "runs/.b", "report/c")
    ]
    foreign.append(place.write(f"{RESULTS}/runs/half/spec.json", "{"))
    foreign.append(place.write(f"{RESULTS}/runs/empty/d.txt", ""))
    before = {path: path.read_bytes() for path in foreign}
    table = (results / "report" / "results.csv").read_bytes()
    assert main(["report"]) == 0
    assert main(["merge", RESULTS, "--results", "new"]) == 0
    assert {path: path.read_bytes() for path in foreign} == before
    assert (results / "report" / "results.csv").read_bytes() == table
    assert not (place.root / "new" / "runs" / "half").exists()


def test_arrays_of_objects_are_not_read(place: Place) -> None:
    store = Store(place.results())
    (path, *_) = sorted(store.root.glob("runs/*/measurements/elbo-*.npz"))
    with zipfile.ZipFile(path, "w") as archive:
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        head = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
        archive.writestr("bits_per_dim.npy", head + pickle.dumps(Bomb()))
    assert store.per_image(path.parent.parent.name, path.stem) == {}
    assert main(["report"]) == 0
    assert not Path("exploded").exists()


NASTY = "`</summary><script>alert(1)</script>|](javascript:x) ![a](b) $\\frac{$ ../../x\x1b[2J"


def test_names_do_not_break_out(place: Place) -> None:
    """Of Markdown and its tables, of HTML, of formulas in figures, of paths."""
    word = json.dumps(NASTY)
    text = TINY.replace('["thumbnail"]', "[]")
    for old in ('"Tiny"', '"Digits"', '"Optimal"', '"for tests"'):
        text = text.replace(old, word)
    text = text.replace(
        "[[columns]]", f"[[columns]]\nheading = {word}\nnot_run = {word}\n[[columns]]", 1
    )
    place.write(SUITE, text.replace('stands_for = "svhn"', f"stands_for = {word}"))
    results = "a `<script>alert(2)` b"
    words = ["run", "--suite", SUITE, "--results", results, "--jobs", "1"]
    assert main([*words, "--likelihoods", "gaussian", "optimal*"]) == 0
    assert main(["compare", NASTY, "--results", results]) == 0
    report = place.root / results / "report"
    assert {path.name for path in place.root.iterdir()} == {SUITE, results}
    for readme in (report / "README.md", *report.glob("compare-*/README.md")):
        text = readme.read_text("utf-8")
        assert not re.search(r"(?<!\\)\]\(javascript", text)
        assert all(
            line.startswith("- command: `` ") for line in text.splitlines() if "<script" in line
        )

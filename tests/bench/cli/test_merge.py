"""`bench merge` as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from bench.publishing import unite
from bench.store import Store
from tests.bench.conftest import TINY


def run(suite: Path, results: Path, *more: str) -> None:
    words = ["run", "--suite", str(suite), "--results", str(results), "--jobs", "1", *more]
    assert main(words) == 0


def merge(into: Path, *folders: Path) -> int:
    return main(["merge", *map(str, folders), "--results", str(into)])


def table(results: Path) -> pd.DataFrame:
    found = pd.read_csv(results / "report" / "results.csv")
    return found[[name for name in found if "_seconds" not in str(name)]]


def tree(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines' parts of a comparison; the sweep is in both."""
    root = tmp_path_factory.mktemp("parts")
    suite = root / "tiny.toml"
    suite.write_text(TINY)
    run(suite, root / "one", "--likelihoods", "gaussian", "beta_vae")
    run(suite, root / "other", "--likelihoods", "optimal*", "beta_vae")
    return root


@pytest.fixture
def parts(made: Path, tmp_path: Path) -> tuple[Path, Path]:
    one, other = (shutil.copytree(made / name, tmp_path / name) for name in ("one", "other"))
    return one, other


def test_parts_of_a_comparison_become_one(
    parts: tuple[Path, Path], tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = parts
    whole, merged, into = tmp_path / "whole", tmp_path / "new" / "merged", tmp_path / "into"
    run(tiny, whole)
    before = tree(one), tree(other)
    capsys.readouterr()
    assert merge(merged, one, other, one) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{merged / 'report' / 'README.md'}\n"
    assert captured.err.splitlines() == [
        f"{one}: of 3 runs 3 taken (finished)",
        f"{other}: of 3 runs 1 taken (finished), 2 there before",
    ]
    assert (tree(one), tree(other)) == before
    pd.testing.assert_frame_equal(table(merged), table(whole), check_exact=True)
    assert "python -m bench merge" in (merged / "report" / "runs.md").read_text()

    shutil.copytree(one, into)
    assert merge(into, other, into) == 0
    pd.testing.assert_frame_equal(table(into), table(whole), check_exact=True)
    capsys.readouterr()
    assert main(["run", "--suite", str(tiny), "--results", str(merged), "--dry-run"]) == 0
    assert "4 runs: 4 done before" in capsys.readouterr().err


def test_what_cannot_be_one_is_refused(
    parts: tuple[Path, Path], tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = parts
    into, strange, empty = tmp_path / "into", tmp_path / "strange", tmp_path / "empty"

    def refused(folder: Path) -> str:
        """The same whether the results are new or there."""
        told = []
        for target, first in ((into, one), (one, other)):
            before = tree(target)
            capsys.readouterr()
            assert merge(target, first, folder) == 2
            captured = capsys.readouterr()
            assert captured.out == ""
            told.append(captured.err)
            assert tree(target) == before
        assert not into.exists()
        assert all(each.startswith("error: ") and each.count("\n") == 1 for each in told)
        return told[0]

    def changed(name: str, **content: object) -> Path:
        shutil.rmtree(strange, ignore_errors=True)
        shutil.copytree(one, strange)
        for path in strange.glob(name):
            path.write_text(json.dumps(json.loads(path.read_text()) | content))
        return strange

    empty.mkdir()
    assert f"no results in '{empty}'" in refused(empty)
    assert "is of format 99" in refused(changed("format.json", format=99))
    assert "hold the budget 'huge' and 'tiny'" in refused(changed("plan.json", budget="huge"))
    assert "hold the suite 'other' and 'tiny'" in refused(changed("plan.json", suite="other"))
    told = refused(changed("runs/*beta=10*/measurements/elbo-*.json", columns={"mse": 0.0}))
    assert "-beta=10.0-seed=0-" in told
    assert str(one) in told
    assert str(strange) in told
    assert "the measurement elbo-" in told

    text = tiny.read_text()
    tiny.write_text(text.replace("steps = 6", "steps = 7"))
    shutil.rmtree(strange)
    run(tiny, strange, "--likelihoods", "gaussian")
    assert "column 'Digits' has another training, history or options in each" in refused(strange)
    tiny.write_text(text.replace("importance_samples = 2", "importance_samples = 3"))
    shutil.rmtree(strange)
    run(tiny, strange, "--likelihoods", "gaussian")
    assert "iwae is measured with other parameters in each" in refused(strange)


def test_what_each_command_brought_is_kept(parts: tuple[Path, Path]) -> None:
    """The command that adds to the merged runs repeats it."""

    def asked(folder: Path, names: list[str], own: list[str]) -> Store:
        plan = json.loads((folder / "plan.json").read_text())
        plan["asked"] = {"suite": "tiny.toml", "data_sets": names, "own": own}
        (folder / "plan.json").write_text(json.dumps(plan))
        return Store(folder)

    one, other = parts
    cats, dogs = ["--data", "cats"], ["--data", "dogs"]
    for mine, theirs, names, own in (
        (([], []), ([], []), [], []),
        ((["digits"], []), ([], []), [], []),
        ((["digits"], []), (["mnist"], []), ["digits", "mnist"], []),
        (([], cats), ([], [*dogs, "--model", "n.py:N"]), [], [*cats, *dogs, "--model", "n.py:N"]),
        (([], cats), (["digits"], cats), ["digits"], cats),
        # One that names nothing means all, which beside other data has to be said.
        (([], cats), ([], []), ["digits"], cats),
        (([], []), ([], [*cats, "--data-size", "64"]), ["digits"], [*cats, "--data-size", "64"]),
        (([], ["--model", "a.py:A"]), ([], ["--model", "b.py:B"]), [], ["--model", "a.py:A"]),
    ):
        united = unite([asked(one, *mine), asked(other, *theirs)])["asked"]
        assert united == {"suite": "tiny.toml", "data_sets": names, "own": own}


def test_two_runs_in_one_place_are_refused(
    parts: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after an edit of the decoder's file on one of the machines."""
    one, other = parts
    (run_id,) = (path.name for path in one.glob("runs/*gaussian*"))
    spec = Store(one).spec(run_id).model_copy(update={"likelihood_source": "edited"})
    content = json.loads((other / "plan.json").read_text().replace(run_id, "no such run"))
    for runs in content["by_column"].values():
        runs.append(spec.run_id)
    (other / "plan.json").write_text(json.dumps(content))
    store = Store(other)
    store.begin(spec, {})
    store.write_record(spec.run_id, {"status": "finished"})
    assert merge(tmp_path / "into", one, other) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert f"runs {run_id} in '{one}' and {spec.run_id} in '{other}' are of the same" in told
    assert not (tmp_path / "into").exists()

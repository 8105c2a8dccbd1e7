"""A likelihood of one's own, from the template to a row of the report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import likelihoods
from bench import CHECKOUT
from bench.cli import main
from likelihoods import check, resolve
from likelihoods.core import registry
from tests.bench.conftest import no_features


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def run(tiny: Path, *more: str, jobs: int = 1) -> int:
    return main(["run", "--suite", str(tiny), "--jobs", str(jobs), *more])


def table() -> pd.DataFrame:
    return pd.read_csv("results/report/results.csv").set_index("run")


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


def test_the_template_satisfies_every_property(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "my_decoder"]) == 0
    said = capsys.readouterr().out
    assert "python -m bench check my_decoder.py:MyDecoder" in said
    assert "--likelihoods my_decoder.py:MyDecoder" in said
    assert 35 <= len(Path("my_decoder.py").read_text().splitlines()) <= 60
    given = resolve("my_decoder.py:MyDecoder")
    failed = [str(each) for each in check.run(given.create) if each.passed is False]
    assert not failed


def test_its_content_is_part_of_the_identity(tiny: Path) -> None:
    """In processes of its own; an edit recomputes its runs and no other."""
    no_features(tiny)
    main(["new", "mine"])
    given = ("--likelihood", "mine.py:Mine", "--likelihood", "mine.py:Mine(smallest=-3.0)")
    assert run(tiny, "--likelihoods", "gaussian", *given, jobs=2) == 0
    first = table()
    assert list(first["status"]) == ["finished"] * 3
    assert set(first["likelihood"]) == {"gaussian", "Mine"}
    report = Path("results/report/README.md").read_text()
    assert "| Mine " in report
    assert "| Mine(smallest=-3.0) " in report

    source = Path("mine.py").read_text()
    Path("mine.py").write_text(source.replace("location.sigmoid()", "location.tanh()"))
    assert run(tiny, "--likelihoods", "gaussian", *given) == 0
    second = table()
    kept = first.index.intersection(second.index)
    assert [name for name in kept if "gaussian" in name] == list(kept)
    assert len(second) == 3, "the report shows the present file, not the one before"
    values = [each[each.likelihood == "Mine"]["bits_per_dim"].tolist() for each in (first, second)]
    assert values[0] != values[1]

    Path("mine.py").write_text(source)
    moved = Path("elsewhere/mine.py")
    moved.parent.mkdir()
    Path("mine.py").rename(moved)
    registry._entries.pop("Mine")
    assert run(tiny, "--likelihood", f"{moved}:Mine", "--dry-run") == 0
    pd.testing.assert_frame_equal(table(), second)
    plan = json.loads(Path("results/plan.json").read_text())
    assert [row["given"] for row in plan["rows"]][1:] == list(given[1::2])


def test_a_row_of_a_suite_may_name_a_file(tiny: Path) -> None:
    """Relative to the suite, wherever the command is given."""
    main(["new", "mine"])
    folder = tiny.parent / "suites"
    folder.mkdir()
    Path("mine.py").rename(folder / "mine.py")
    suite = folder / "own.toml"
    text = tiny.read_text().replace('likelihood = "gaussian"', 'likelihood = "mine.py:Mine"')
    suite.write_text(text)
    assert run(suite, "--likelihoods", "Mine") == 0
    assert list(table()["likelihood"]) == ["Mine"]


def test_it_can_be_run_alone_and_compared_by_its_file(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["new", "mine"])
    assert run(tiny, "--likelihoods", "Mine", "--likelihood", "mine.py:Mine") == 0
    assert list(table()["likelihood"]) == ["Mine"]
    assert run(tiny, "--likelihoods", "gaussian") == 0
    assert sorted(table()["likelihood"]) == ["Mine", "gaussian"]
    capsys.readouterr()
    assert main(["compare", "mine.py:Mine"]) == 0
    *_, readme = capsys.readouterr().out.splitlines()
    assert readme == "results/report/compare-Mine/README.md"
    assert "# Mine against gaussian" in Path(readme).read_text()


def test_one_whose_numbers_do_not_compare_says_so(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["new", "mine"])
    path = Path("mine.py")
    path.write_text(
        path.read_text()
        + "\n    def log_mass(self, outputs, x):\n        return super().log_mass(outputs, x) + 1\n"
    )
    assert run(tiny, "--likelihoods", "gaussian", "--likelihood", "mine.py:Mine") == 0
    told = "its numbers do not compare: `bench check` fails mass sums to one"
    assert f"Mine: {told}" in capsys.readouterr().err
    assert "numbers do not compare" in Path("results/report/README.md").read_text()


def test_a_report_after_an_edit_says_so(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["new", "mine"])
    assert run(tiny, "--likelihoods", "Mine", "--likelihood", "mine.py:Mine") == 0
    assert "has changed since" not in capsys.readouterr().err
    path = Path("mine.py")
    path.write_text(path.read_text() + "# edited\n")
    for command in (["report"], ["compare", "Mine"]):
        main(command)
        assert "mine.py:Mine has changed since: shown is what was run" in capsys.readouterr().err
    path.unlink()
    assert main(["report"]) == 0
    assert "has changed since" not in capsys.readouterr().err


def test_a_failure_names_the_check_and_leaves_with_its_name(tiny: Path) -> None:
    main(["new", "mine"])
    path = Path("mine.py")
    path.write_text(path.read_text().replace("location.sigmoid()", "locaton.sigmoid()"))
    assert run(tiny, "--likelihoods", "gaussian", "--likelihood", "mine.py:Mine") == 1
    failed = table().set_index("likelihood").loc["Mine", "error"]
    assert failed == (
        "NameError: name 'locaton' is not defined; "
        "`python -m bench check mine.py:Mine` may say where"
    )
    assert run(tiny, "--likelihoods", "gaussian") == 0
    assert list(table()["likelihood"]) == ["gaussian"]


def test_nothing_of_a_run_is_validated_by_torch(tiny: Path) -> None:
    """It would wait for the GPU at every distribution that an author makes."""
    main(["new", "mine"])
    path = Path("mine.py")
    check = "        assert not D.Distribution._validate_args\n"
    lines = path.read_text().splitlines(keepends=True)
    lines.insert(next(i for i, line in enumerate(lines) if "self.split(outputs)" in line), check)
    path.write_text("".join(lines))
    assert run(tiny, "--likelihoods", "Mine", "--likelihood", "mine.py:Mine") == 0
    assert list(table()["status"]) == ["finished"]


def test_comparing_what_was_not_run_names_the_command(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tiny, "--likelihoods", "gaussian", "--seeds", "2")
    assert main(["compare", "gaussian", "--against", "student_t"]) == 2
    (line,) = errors(capsys)
    assert line == (
        f"error: student_t was not run here: `python -m bench run --suite {tiny} --budget tiny "
        "--likelihoods student_t --seeds 2` does it"
    )


def test_what_the_suite_has_is_not_run_twice(tiny: Path) -> None:
    assert run(tiny, "--likelihoods", "gaussian", "--likelihood", "gaussian") == 0
    assert len(table()) == 1
    assert run(tiny, "--likelihoods", "gaussian", "--likelihood", "optimal_sigma") == 0
    assert "| Optimal " in Path("results/report/README.md").read_text(), "the label of the suite"


def test_a_file_that_changes_during_a_run_fails_its_own_runs(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["new", "mine"])
    from bench.execution import schedule

    edited = iter([False, True])
    fingerprint = likelihoods.fingerprint

    def now(name: str) -> str:
        return fingerprint(name) + ("edited" if name == "Mine" else "")

    prepare = schedule._prepare

    def then(*arguments: object) -> None:
        prepare(*arguments)  # type: ignore[arg-type]
        if next(edited, True) is False:
            monkeypatch.setattr(likelihoods, "fingerprint", now)

    monkeypatch.setattr(schedule, "_prepare", then)
    assert run(tiny, "--likelihoods", "gaussian", "--likelihood", "mine.py:Mine") == 1
    found = table().set_index("likelihood")
    assert found.loc["gaussian", "status"] == "finished"
    assert found.loc["Mine", "status"] == "failed"
    assert "the file of Mine has changed meanwhile" in str(found.loc["Mine", "error"])


def test_the_list_shows_built_in_and_given_alike(capsys: pytest.CaptureFixture[str]) -> None:
    main(["new", "mine"])
    capsys.readouterr()
    assert main(["list", "likelihoods", "mine.py:Mine"]) == 0
    heading, _, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[:4] == ["name", "outputs", "measure", "description"]
    assert {row.split()[0] for row in rows} == {*likelihoods.names()}
    assert main(["list", "likelihoods", "mine.py:Mine", "shared_sigma", "--json"]) == 0
    shared, mine = json.loads(capsys.readouterr().out)
    assert shared["parameters"] == 1
    assert shared["measure"] == "density"
    assert (mine["name"], mine["family"], mine["outputs"]) == ("Mine", "mine", "2")
    assert mine["options"] == "smallest=-6.0"
    assert main(["list", "datasets", "mine.py:Mine"]) == 2


def test_a_broken_file_among_the_families_is_named(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("bench", "likelihoods", "datasets", "reports"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, checkout / name, ignore=ignored)
    (checkout / "likelihoods" / "families" / "dropped.py").write_text(
        "x = 1\nimport no_such_package\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "bench", "list", "likelihoods"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: likelihoods/families/dropped.py cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_package'\n"
    )

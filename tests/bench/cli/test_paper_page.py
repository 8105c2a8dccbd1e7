"""docs/for-your-paper.md: every command and block of code on it, on results of a tiny suite."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import pytest

import bench
from bench import CHECKOUT
from bench.cli import main
from bench.errors import UsageError
from reports import ReportError
from tests.bench.conftest import TINY

PAGE = (CHECKOUT / "docs" / "for-your-paper.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PACKAGES = {"parquet": "pyarrow", "tensorboard": "tensorboard"}
"""Extra -> the package that it brings."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a checkout's, with results and committed ones."""
    root = tmp_path_factory.mktemp("paper") / "checkout"
    shutil.copytree(CHECKOUT / "docs" / "results" / "quick", root / "docs" / "results" / "quick")
    (root / "mine.toml").write_text(TINY.replace('["thumbnail"]', "[]"))
    words = ["run", str(root / "mine.toml"), "--results", str(root / "results"), "--jobs", "1"]
    assert main(words) == 0
    return root


def test_the_page(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its order; where the package of an extra is missing, the command says so."""
    mpl.use("agg")
    monkeypatch.chdir(made)
    known: dict[str, object] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(text, known)
        for line in text.splitlines() if language == "bash" else ():
            capsys.readouterr()
            lacking = [e for e, package in PACKAGES.items() if e in line and not find_spec(package)]
            assert main(shlex.split(line)[3:]) == (2 if lacking else 0), capsys.readouterr().err
            assert all(f"pip install '.[{e}]'" in capsys.readouterr().err for e in lacking)
        if language == "latex":
            (made / "../paper/paper.tex").write_text(text)
            for name in re.findall(r"\{(report/.*?)\}", text):
                assert list((made / "../paper").glob(f"{name}*")), name
            _compile(made / "../paper")
    assert (made / "../paper/curves.pdf").is_file()


def _compile(folder: Path) -> None:
    if shutil.which("pdflatex"):
        words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]


def test_what_is_loaded_is_what_the_report_shows(made: Path) -> None:
    results = bench.load(made / "results")
    runs, read = results.runs, bench.load(made / "results" / "report").runs
    assert runs.equals(read)
    assert runs.equals(bench.load(made / "results" / "report" / "results.csv").runs)
    assert set(runs["heading"]) == {"Digits"} or "in place of" in runs["heading"].iloc[0]
    assert set(runs["stands_for"]) == {"svhn"}
    assert sorted(runs["chosen"]) == [False, True, True, True]
    assert set(results.history["run"]) == set(runs["run"])
    means = results.per_image.groupby("run")["nll_nats"].mean()
    assert means[runs["run"]].tolist() == pytest.approx(runs["nll_nats"].tolist(), rel=1e-5)


def test_where_nothing_can_be_loaded_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results in"):
        bench.load(tmp_path)
    (tmp_path / "results.csv").write_text("a\n1\n")
    with pytest.raises(ReportError, match="has no column 'run'"):
        bench.load(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--format", "xls"], "unknown format of tables 'xls' (allowed: latex, parquet)"),
        (["--format", "a:b"], "unknown format of tables 'a:b'"),
        (["--figures", "pdf,pgn"], "unknown format of figures 'pgn' (allowed: pdf, svg)"),
    ],
)
def test_a_format_that_there_is_not(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *given]) == 2
    assert message in capsys.readouterr().err.replace("; did you mean 'pdf'?", "")

"""The command line as people type it: what they are used to from other programs, and slips."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import datasets
import likelihoods
from bench import CHECKOUT, models, suite
from bench.cli import main
from bench.cli.arguments import names

FILE = "{tiny} --results {results} --budget tiny --jobs 1"
DRY = f"{FILE} --dry-run"

HABITS = [
    # words, exit status, what is said on stdout or, of an error, in its one line
    ("", 0, "usage: python -m bench"),
    ("-h", 0, "usage: python -m bench"),
    ("--help", 0, "compare"),
    ("--version", 0, "likelihood-bench "),
    ("run --help", 0, "-l PATTERN|FILE.py:Class"),
    ("rum", 2, "unknown command 'rum'; did you mean 'run'?"),
    ("RUN paper", 2, "unknown command 'RUN'; did you mean 'run'?"),
    ("run", 2, "name a suite: `run NAME` or `run FILE.toml` (allowed: "),
    (f"run {DRY}", 0, "train"),
    (f"run --dry-run {FILE}", 0, "train"),
    (f"run --suite {DRY}", 0, "train"),
    (f"run -s {DRY} -d digits -l gaussian", 0, "gaussian"),
    (f"run {DRY} --likelihoods=gaussian,optimal*", 0, "optimal_sigma"),
    (f"run {DRY} -l gaussian -l optimal*", 0, "optimal_sigma"),
    (f"run {DRY} -l laplace", 0, "laplace"),
    (f"run {DRY} -l gaussian --likelihood laplace", 0, "laplace"),
    ("run paper -s mnist", 2, "one suite at a time: "),
    ("run paper mnist", 2, "takes nothing more, not 'mnist'"),
    ("run PAPER", 2, "unknown suite 'PAPER'; did you mean 'paper'?"),
    ("run paper -d MNIST,digits", 2, "unknown data set 'MNIST'; did you mean 'mnist'?"),
    ("run paper -l Gausian", 2, "unknown likelihood 'Gausian'; did you mean 'gaussian'?"),
    ("run {tiny} --budget TINY", 2, "unknown budget 'TINY'; did you mean 'tiny'?"),
    ("run paper --device CUDA", 2, "unknown device 'CUDA'; did you mean 'cuda'?"),
    ("run paper --dryrun", 2, "unknown option '--dryrun'; did you mean '--dry-run'?"),
    ("run {tiny} --executor RAY", 2, "unknown executor 'RAY'; did you mean 'ray'?"),
    ("list", 2, "kind"),
    ("list suite", 2, "unknown kind 'suite'; did you mean 'suites'?"),
    ("list likelihoods optimal*", 0, "optimal_per_image_sigma"),
    ("list likelihoods optimal*,gausian", 2, "did you mean 'gaussian'?"),
    ("list suites --json", 0, '"name": "paper"'),
    ("list --json models V*", 0, '"name": "vae"'),
    ("list datasets mn*", 0, "mnist"),
    ("check GAUSSIAN", 2, "unknown likelihood 'GAUSSIAN'; did you mean 'gaussian'?"),
    ("data fetch Mnist", 2, "unknown data set 'Mnist'; did you mean 'mnist'?"),
    ("data stat", 2, "unknown action 'stat'; did you mean 'status'?"),
    ("compare gaussian laplace --results {results}", 2, "no results in"),
]


@pytest.mark.parametrize(("typed", "status", "said"), HABITS, ids=[each[0] for each in HABITS])
def test_habits(
    typed: str,
    status: int,
    said: str,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.format(tiny=tiny, results=tmp_path / "results") for word in typed.split()]
    assert main(words) == status
    captured = capsys.readouterr()
    if status:
        assert captured.out == ""
        assert said in captured.err.splitlines()[-1]
    else:
        assert said in captured.out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_narrowing_and_adding(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pattern narrows; what is of a file, or has options, is added to what is kept."""
    own = tmp_path / "own.py"
    assert main(["new", str(own)]) == 0
    capsys.readouterr()

    def planned(*words: str) -> list[str]:
        assert main(["run", str(tiny), "--jobs", "1", "--dry-run", *words]) == 0
        rows = capsys.readouterr().out.splitlines()[2:]
        return sorted({row.split()[2].partition("(")[0] for row in rows})

    every = ["beta_vae", "gaussian", "optimal_sigma"]
    assert planned("-l", f"{own}:Own") == ["Own", *every]
    assert planned("-l", "gaussian", f"{own}:Own") == ["Own", "gaussian"]
    assert planned("-l", "student_t") == ["student_t"]
    assert planned("-l", "student_t()") == [*every, "student_t"]
    assert planned("--likelihood", "student_t") == [*every, "student_t"]


def test_commas_within_brackets_are_no_end() -> None:
    assert names.split("a, b,[xy]*") == ["a", "b", "[xy]*"]
    assert names.split("f.py:F(x=1,y=[2,(3,4)]),g") == ["f.py:F(x=1,y=[2,(3,4)])", "g"]
    assert names.split(",") == [""]


def test_names_are_those_that_are_registered() -> None:
    assert names.names("likelihood") == [
        name for name in likelihoods.names() if likelihoods.is_own(name)
    ]
    assert names.names("data set") == datasets.names()
    assert names.names("model") == models.names()
    assert names.names("suite") == suite.names()


def test_a_list_as_json_says_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "likelihoods", "student_t", "gaussian", "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in both] == ["gaussian", "student_t"]
    assert {"outputs", "measure", "description", "options", "reference"} <= both[0].keys()


def test_on_a_terminal_a_list_is_no_wider(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["list", "likelihoods"]) == 0
    assert {len(line) for line in capsys.readouterr().out.splitlines()} <= set(range(61))


@pytest.mark.parametrize("words", ["list likelihoods", "--help"])
def test_whoever_has_read_enough_hears_nothing_more(words: str) -> None:
    """As with `| head -1`: the reader has closed its end before anything is written."""
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "bench", *words.split()]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_shell_is_offered_names(tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    line = "bench run paper -l optimal_p"
    answer = tmp_path / "answer"
    environment = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    command = [sys.executable, "-m", "bench"]
    subprocess.run(command, cwd=CHECKOUT, env=os.environ | environment, check=False)
    assert set(answer.read_text().split("\v")) >= {
        "optimal_per_channel_sigma",
        "optimal_per_image_sigma",
    }

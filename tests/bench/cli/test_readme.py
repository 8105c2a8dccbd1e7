"""What the README shows works as shown."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import likelihoods
from bench import CHECKOUT, suite
from bench.cli.main import parser
from likelihoods import check

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_example_satisfies_every_property(tmp_path: Path) -> None:
    (example,) = (block for block in blocks("python") if "class MyDecoder" in block)
    path = tmp_path / "my_decoder.py"
    path.write_text(example)
    given = likelihoods.resolve(f"{path}:MyDecoder")
    failed = [str(each) for each in check.run(given.create) if each.passed is False]
    assert not failed


def test_the_suite_is_one(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(example)
    found = suite.load(str(path))
    assert [column.heading for column in found.columns] == ["SVHN VAE"]
    optimal, own = (row.likelihood for row in found.rows)
    assert optimal == "optimal_sigma"
    assert own == str(tmp_path / "my_decoder.py:MyDecoder")


@pytest.mark.parametrize(
    "line", [line for block in blocks("bash") for line in block.splitlines() if "-m bench" in line]
)
def test_the_commands_parse(line: str) -> None:
    parser().parse_args(shlex.split(line.partition("-m bench")[2], comments=True))


def test_links_point_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (CHECKOUT / target).exists(), target


def test_ci_runs_the_command_of_the_readme() -> None:
    command = next(block for block in blocks("bash") if "pytest" in block).strip()
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert script.replace("install -q", "install") == command

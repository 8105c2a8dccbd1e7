"""What the README shows works as shown."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench import CHECKOUT, suite
from bench.cli import parser

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_example_is_a_likelihood_whose_mass_sums_to_one() -> None:
    (example,) = blocks("python")
    check = (
        "import torch, likelihoods\n"
        "likelihood = likelihoods.create('my_laplace', shape=(1, 1, 1)).eval()\n"
        "outputs = torch.randn(1, 2, 1, 1).expand(256, -1, -1, -1)\n"
        "levels = torch.arange(256).reshape(256, 1, 1, 1) / 255\n"
        "total = likelihood.log_mass(outputs, levels).exp().sum()\n"
        "assert abs(total - 1) < 1e-4, total\n"
    )
    subprocess.run([sys.executable, "-c", example + check], cwd=CHECKOUT, check=True)


def test_the_suite_is_one(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(example)
    assert [row.likelihood for row in suite.load(str(path)).rows] == ["my_laplace", "optimal_sigma"]


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

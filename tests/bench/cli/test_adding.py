"""docs/adding-a-likelihood.md: every command on it, in a copy of the checkout."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from bench import CHECKOUT

PAGE = (CHECKOUT / "docs" / "adding-a-likelihood.md").read_text(encoding="utf-8")
ROOMS = ("bench", "likelihoods", "datasets", "reports")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "checkout"
    for name in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    return folder


def test_from_idea_to_row(checkout: Path) -> None:
    """In the order of the page; nothing inside the checkout is edited."""
    sources = {path: path.read_bytes() for path in checkout.rglob("*.py")}
    (file,) = blocks("python")
    said: dict[str, str] = {}
    for command in "".join(blocks("bash")).splitlines():
        assert command.startswith("python -m bench ")
        done = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said[command.split()[3]] = done.stdout
        if command.startswith("python -m bench new"):
            (checkout.parent / "truncated_laplace.py").write_text(file, encoding="utf-8")
    assert list(said) == ["new", "check", "run", "compare"]
    assert "FAIL" not in said["check"]
    results = pd.read_csv(checkout / "results" / "report" / "results.csv")
    assert list(results["status"]) == ["finished"] * len(results)
    labels = set(zip(results["likelihood"], results["options"], strict=True))
    assert ("TruncatedLaplace", "{}") in labels
    assert ("TruncatedLaplace", '{"smallest": -4.0}') in labels
    assert "TruncatedLaplace" in said["compare"]
    assert {path: path.read_bytes() for path in checkout.rglob("*.py")} == sources


def test_its_entry_point_is_the_group_that_is_read() -> None:
    from likelihoods.outside.plugins import GROUP

    (toml,) = blocks("toml")
    assert list(tomllib.loads(toml)["project"]["entry-points"]) == [GROUP]

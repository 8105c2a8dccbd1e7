"""What `pip install .` brings: decoders that work anywhere, a script that finds the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
BUILT_FROM = ("bench", "datasets", "likelihoods", "reports")
FILES = ("likelihood_bench.py", "pyproject.toml", "README.md", "LICENSE")
SCRIPT = "import sys, likelihood_bench; sys.exit(likelihood_bench.main())"
"""What pip makes of the entry point."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what a wheel of the checkout holds, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    source, site = folder / "source", folder / "site"
    for name in BUILT_FROM:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, source / name, ignore=ignored)
    for name in FILES:
        shutil.copy(CHECKOUT / name, source)
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    done = run("-m", "pip", "--disable-pip-version-check", *build)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    return site


def run(
    *words: str, path: Path | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Python with a folder among those in which it looks for packages, and none of this test's."""
    environment = os.environ | {"PYTHONPATH": str(path or "")}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def python_blocks(page: str) -> list[str]:
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_no_name_of_the_project_but_two(installed: Path) -> None:
    (meta,) = installed.glob("*.dist-info")
    assert {each.name for each in installed.iterdir()} == {
        "likelihood_bench.py",
        "likelihoods",
        meta.name,
    }
    (entry,) = PathDistribution(meta).entry_points
    assert (entry.name, entry.value) == ("likelihood-bench", "likelihood_bench:main")
    made = {path.relative_to(installed) for path in installed.glob("likelihoods/**/*.py")}
    there = {path.relative_to(CHECKOUT) for path in (CHECKOUT / "likelihoods").glob("**/*.py")}
    assert made == there


def test_the_pages_run_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """Each page from its first block of code to its last, with `likelihoods` alone on the path."""
    page = "".join(python_blocks("docs/using-the-decoders.md"))
    loop = next(block for block in python_blocks("README.md") if "optimal_sigma" in block)
    (tmp_path / "page.py").write_text(f"{page}\nassert bits_per_dim(model) < 8\n")
    (tmp_path / "loop.py").write_text(f"{loop}\nassert 0 < likelihood.variance < 1\n")
    code = (
        "import runpy, sys\n"
        "runpy.run_path('page.py')\n"
        "runpy.run_path('loop.py')\n"
        "files = [getattr(each, '__file__', None) for each in sys.modules.values()]\n"
        "files = [each for each in files if each and not each.startswith(sys.prefix)]\n"
        f"assert not [each for each in files if each.startswith({str(CHECKOUT)!r})]\n"
        "print(sys.modules['likelihoods'].__file__)\n"
    )
    done = run("-c", code, path=installed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *said, origin = done.stdout.splitlines()
    assert Path(origin) == installed / "likelihoods" / "__init__.py"
    assert [line.split()[-1] for line in said[1:]] == ["bits/dim"] * 4


def test_the_script_says_where_the_checkout_is_needed(installed: Path, tmp_path: Path) -> None:
    done = run("-c", SCRIPT, path=installed, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"error: {tmp_path} is no checkout of likelihood-bench" in done.stderr
    assert "git clone" in done.stderr


@pytest.mark.parametrize("folder", [".", "tests"])
def test_in_a_checkout_the_script_is_the_command_line(installed: Path, folder: str) -> None:
    """Also where a folder has namesakes of its packages, and the installed decoders come first."""
    done = run("-c", SCRIPT, "list", "suites", path=installed, cwd=CHECKOUT / folder)
    assert done.returncode == 0, done.stderr
    assert "paper" in done.stdout


def test_the_decoders_of_the_checkout_win_over_the_installed(installed: Path) -> None:
    """`python -m bench` stops if another copy hides its own; here one is on the path."""
    done = run("-m", "bench", "list", "suites", path=installed, cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr

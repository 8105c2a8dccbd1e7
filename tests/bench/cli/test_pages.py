"""Every command on the pages of docs/ and in the README is given, in the order of its page.

Three pages have tests of their own, and so has what is not the benchmark's own command: the
installation in `.ci/run` and test_installed.py, Ray's cluster in test_ray.py. What trains for
minutes is given with --dry-run: it looks up and plans the same, and answers without training.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import datasets
from bench import CHECKOUT
from bench.cli import main, run
from bench.execution import schedule
from likelihoods.core import registry
from likelihoods.outside import files
from tests import chaos
from tests.bench.conftest import TINY
from tests.benchmarks import loop, losses, overhead, steps

WITH_TESTS = ("adding-a-likelihood.md", "for-your-paper.md", "your-data-and-network.md")
"""Pages with a test of their own."""
TRAINED = ("docs/quickstart.md",)
"""Pages whose runs are short enough to be carried out."""
PLACE_HOLDERS = {"NAME": "digits", "HEAD:6379": "auto"}
ROWS = ("gaussian", "shared_sigma", "optimal_sigma", "student_t")


def commands(page: str) -> list[list[str]]:
    """The commands of a page in blocks of code and in sentences, without what they start with."""
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    lines = re.findall(r"\bpython -m ((?:bench|tests)[ .].*)", blocks)
    lines += re.findall(r"`python -m ((?:bench|tests)[ .][^`]+)`", text)
    return [shlex.split(line, comments=True) for line in dict.fromkeys(lines)]


PAGES = [
    "README.md",
    *sorted(
        f"docs/{path.name}"
        for path in (CHECKOUT / "docs").glob("*.md")
        if path.name not in WITH_TESTS and commands(f"docs/{path.name}")
    ),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a tiny suite with the decoders that the pages name, one of them a user's."""
    root = tmp_path_factory.mktemp("pages")
    assert main(["new", str(root / "my_decoder")]) == 0
    rows = [*ROWS, f"{root / 'my_decoder.py'}:MyDecoder"]
    head, _, budgets = TINY.replace('["thumbnail"]', "[]").partition("[budgets.tiny]")
    text = head.partition("[[rows]]")[0]
    text += "".join(f'[[rows]]\nlikelihood = "{row}"\n\n' for row in rows)
    text += "[budgets.quick]" + budgets.replace("budgets.tiny", "budgets.quick")
    (root / "my_suite.toml").write_text(text)
    words = ["run", str(root / "my_suite.toml"), "--results", str(root / "results"), "--jobs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        _forgets(patch)
        assert main(words) == 0
    return root


def _forgets(patch: pytest.MonkeyPatch) -> None:
    """What user files bring is known no longer than the patch lasts."""
    patch.setattr(registry, "_entries", dict(registry._entries))
    patch.setattr(files, "_references", dict(files._references))


@pytest.fixture
def here(results: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like a checkout's, with results in all places that the pages name."""
    own, root = results / "my_decoder.py", results / "checkout"
    for name in ("results", "one", "other", "from-a", "from-b", "from-c"):
        shutil.copytree(results / "results", root / name)
    suite = (results / "my_suite.toml").read_text()
    (root / "my_suite.toml").write_text(suite.replace(f"{own}:MyDecoder", "laplace"))
    source = own.read_text()
    own.unlink()  # the README makes it
    _forgets(monkeypatch)
    monkeypatch.chdir(root)
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(results / "data"))
    yield root
    own.write_text(source)
    shutil.rmtree(root)


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_the_page(
    page: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if page in TRAINED:
        shutil.rmtree(here / "results")
    else:
        monkeypatch.setattr(run, "_estimates", lambda *_, **__: {})
    for words in commands(page):
        what, *given = [PLACE_HOLDERS.get(word, word) for word in words]
        given = [word.replace("/shared/results", "results") for word in given]
        if what.startswith("tests"):
            _takes_times(what, given, monkeypatch)
        elif given[0] == "data" and given[1] == "fetch":
            assert set(given[2:]) <= set(datasets.names())
        else:
            if given[0] == "run" and page not in TRAINED:
                given = [*_without_ray(given), "--dry-run"]
            assert main(given) == 0, f"{words}\n{capsys.readouterr().err}"
        capsys.readouterr()


def _without_ray(given: list[str]) -> list[str]:
    """Without the cluster, which is not there."""
    at = given.index("--executor") if "--executor" in given else len(given)
    return given[:at] + given[at + 4 :]


def _takes_times(what: str, given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules that the pages name, with little to be timed.

    Of two only the name is looked at: `tests.chaos` has a test of its own, and what the loop times
    is MNIST.
    """
    if what in (steps.__name__, losses.__name__):
        module = steps if what == steps.__name__ else losses
        monkeypatch.setattr(module, "CASES", [replace(module.CASES[1], width=2)])
        monkeypatch.setattr(steps, "ROUNDS", 1)
        module.main()
    elif what == overhead.__name__:
        monkeypatch.setattr(schedule, "_work", schedule._work)  # it puts another in its place
        monkeypatch.setattr(overhead, "ENGINES", {"inline": None})
        monkeypatch.setattr(sys, "argv", [what, "--runs", "6"])
        overhead.main()
    else:
        assert what in (chaos.__name__, loop.__name__), given

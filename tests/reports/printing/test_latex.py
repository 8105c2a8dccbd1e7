"""Tables in LaTeX: the cells and marks of the Markdown tables, and pdflatex takes them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reports import Content
from reports.document import Also, Document, document
from reports.printing.latex import inline
from reports.printing.markup import bold, escape
from tests.reports.example import MNIST, example
from tests.reports.typed import ROWS, content, five, run

STRANGE = r"100% of_it & #1 ~ {x} \ ^2 $y$ <b> |c| *d* [e](f) `g` β ± −1 ½ σ² ‖"


def strange() -> Content:
    """Two groups of names and results that need every sign and mark."""
    rows = [replace(ROWS[0], label=STRANGE), *ROWS[1:]]
    runs = [each for each in five() if each["likelihood"] != "wide"]
    runs += [run("wide", nll_nats=99.0, kl_nats=0.0), run("hard", seed=1, status="diverged")]
    return content([each | {"mean_image_nll_nats": 40.0} for each in runs], rows=rows)


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    of_seeds = example(seeds=5, images=False, columns=(MNIST,))
    return [document(each, Also(latex=True)) for each in (strange(), of_seeds)]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        (bold("-1,884.2\u00a0± 3.0†"), r"\textbf{$-$1,884.2~$\pm$ 3.0$^\dagger$}"),
        ("*mean image*, [why](#a_b)", r"\emph{mean image}, why"),
        ("KD-Inception-75 ↓", r"KD-Inception-75 $\downarrow$"),
        ("[-1, 1]", "[$-$1, 1]"),
        (escape("50% a_b *c* [d] `e` <f> \\g"), r"50\% a\_b *c* [d] `e` $<$f$>$ \textbackslash{}g"),
        (bold(escape("a*b")), r"\textbf{a*b}"),
    ],
)
def test_markdown_becomes_latex(markdown: str, expected: str) -> None:
    assert inline(markdown) == expected


def plain(cell: str) -> str:
    """A cell of either kind, without what only one of them has."""
    for old, new in {r"\textbf{": "**", r"$-$": "-", r"$\pm$": "±", r"$^\dagger$": "†"}.items():
        cell = cell.replace(old, new)
    return re.sub(r"[{}\\*]|\u00a0|~| ", "", cell) + ("!" if "**" in cell else "")


def rows_of(text: str, row: str, between: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if re.match(row, line)]
    return [
        [plain(c) for c in line.removesuffix(r"\\").strip("| ").split(between)] for line in lines
    ]


def test_cells_and_marks_are_those_of_the_markdown_tables(documents: list[Document]) -> None:
    made = documents[1]
    text, tex = (
        re.split("^#+ ", made.readme, flags=re.M)[4],
        made.tables["tables/results-mnist-vae.tex"],
    )
    assert isinstance(tex, str)
    shown = rows_of(text, r"\| (?!decoder|:)[*A-Za-z].*\|$", "|")
    assert shown == rows_of(tex, r"(?!decoder).* & .*\\\\$", "&")
    assert sum(cell.endswith("!") for row in shown for cell in row) >= 3
    assert len(shown) > 10


def test_marks_are_explained_where_they_occur(documents: list[Document]) -> None:
    typed, of_seeds = (
        next(str(text) for name, text in made.tables.items() if name.startswith("tables/results-"))
        for made in documents
    )
    assert r"\emph{collapsed}: a run that finished" in typed
    assert r"\emph{$^\dagger$}: no better than a row without a code." in typed
    assert r"\emph{diverged (k/n)}: the loss" in typed
    assert "Bold marks the best mean and those behind it, down to the first" in of_seeds
    assert "collapsed" not in of_seeds


def test_every_table_is_in_the_preview(documents: list[Document]) -> None:
    for made in documents:
        names = {name for name in made.tables if name.endswith(".tex")} - {"tables/all.tex"}
        assert len(names) >= 5
        shown = re.findall(r"\\input\{(.*?)\}", str(made.tables["tables/all.tex"]))
        assert {f"tables/{name}.tex" for name in shown} == names


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_takes_them(documents: list[Document], tmp_path: Path) -> None:
    for number, made in enumerate(documents):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in made.tables.items():
            if name.startswith("tables/"):
                (folder / Path(name).name).write_text(str(text), encoding="utf-8")
        words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        assert "Overfull" not in done.stdout
        assert (folder / "all.pdf").stat().st_size > 10_000

"""Write a report to disk, whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from reports.content import Content, ReportError
from reports.document import Document, document
from reports.figures import house_style
from reports.versus import Comparison

README, FIGURES = "README.md", "figures"


def write(content: Content, output: Path) -> Path:
    """Write README.md, results.csv and figures/ into the folder `output`; return the README.

    Raises:
        ReportError: the folder cannot be written.

    """
    return _put(document(content), output)


def write_comparison(comparison: Comparison, output: Path) -> Path:
    """Write README.md, differences.csv and figures/ into the folder `output`; return the README.

    Raises:
        ReportError: the folder cannot be written.

    """
    return _put(comparison.document, output)


def _put(made: Document, output: Path) -> Path:
    """Write a document into the folder `output`; return its README.

    Everything is drawn and written in a folder beside the old one first. Then file after file
    takes its place, README.md last, so a report that fails half-way leaves the old one as it was.
    Figures that only the old report showed are removed; other files in the folder are left alone.

    Raises:
        ReportError: the folder cannot be written.

    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=output) as name:
            staged = _stage(made, Path(name))
            old = _figures_of(output / README)
            (output / FIGURES).mkdir(exist_ok=True)
            for path in staged:
                os.replace(Path(name) / path, output / path)
        for path in old - set(staged):
            (output / path).unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(f"the report cannot be written into {output}: {reason}") from error
    return output / README


@house_style()
def _stage(made: Document, folder: Path) -> list[Path]:
    """Write everything into `folder`; return the paths in it, in the order to be put in place."""
    (folder / FIGURES).mkdir()
    paths = []
    for name, figure in made.figures.items():
        paths.append(Path(FIGURES, name))
        figure.savefig(folder / paths[-1], metadata={"Software": None})
    for name, text in (*made.tables.items(), (README, made.readme)):
        paths.append(Path(name))
        (folder / name).write_text(text, encoding="utf-8")
    return paths


def _figures_of(readme: Path) -> set[Path]:
    """Return the figures that an old report shows, relative to it."""
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    return {Path(FIGURES, name) for name in re.findall(rf"\({FIGURES}/([\w.-]+\.png)\)", text)}

"""The report: text and figures in memory, then written to disk, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reports.content import IDENTIFICATION, Content, ReportError
from reports.figures.files import write_png
from reports.figures.style import house_style
from reports.metric import Metric, described
from reports.printing.markup import escape, paragraphs
from reports.sections import SECTIONS, Subject, budget

README, FIGURES = "README.md", "figures"
RESULTS = "results.csv"
"""One row a run and column, sorted by run so that the order of execution does not show."""


STAGE, STALE = ".report-", 3600.0
"""Begins the name of the folder in which a report is drawn, and seconds that none takes."""


@dataclass(frozen=True)
class Document:
    """A report in memory."""

    readme: str
    """Markdown; refers to figures/NAME and to the tables."""
    figures: Mapping[str, Figure]
    """File name -> figure."""
    tables: Mapping[str, str]
    """File name -> CSV."""

    def write(self, output: Path) -> Path:
        """Write README.md, tables and figures/ into the folder `output`; return the README.

        Everything is drawn and written in a folder beside the old one first. Then file after file
        takes its place, README.md last, so a report that fails half-way leaves the old one as it
        was. Figures that only the old report showed are removed; other files are left alone.

        Raises:
            ReportError: the folder cannot be written.

        """
        readme = output / README
        try:
            output.mkdir(parents=True, exist_ok=True)
            _remove_stale(output)
            with tempfile.TemporaryDirectory(prefix=STAGE, dir=output) as name:
                staged = self._stage(Path(name))
                old = readme.read_text("utf-8", errors="replace") if readme.is_file() else ""
                (output / FIGURES).mkdir(exist_ok=True)
                for path in staged:
                    os.replace(Path(name) / path, output / path)
            shown = re.findall(rf"\({FIGURES}/([\w.-]+\.png)\)", old)
            for path in {Path(FIGURES, name) for name in shown} - set(staged):
                (output / path).unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReportError(f"the report cannot be written into {output}: {reason}") from error
        return readme

    @house_style()
    def _stage(self, folder: Path) -> list[Path]:
        """Write everything into `folder`; return the paths in it, in the order of moving."""
        (folder / FIGURES).mkdir()
        paths = [Path(FIGURES, name) for name in self.figures]
        for path, figure in zip(paths, self.figures.values(), strict=True):
            write_png(figure, folder / path)
        texts = {**self.tables, README: self.readme}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return [*paths, *map(Path, texts)]


def _remove_stale(output: Path) -> None:
    """Remove what reports that were killed have staged; one at work is younger than that."""
    for folder in output.glob(f"{STAGE}*"):
        with suppress(OSError):  # another may remove it, too
            if time.time() - folder.stat().st_mtime > STALE:
                shutil.rmtree(folder)


def document(content: Content) -> Document:
    """Return the report on `content`; the same content gives the same text."""
    subject = Subject(content)
    head = (f"# {escape(content.title)}", budget(subject))
    readme = paragraphs(*head, *(section(subject) for section in SECTIONS)) + "\n"
    table = results_table(content).to_csv(index=False, lineterminator="\n")
    return Document(readme, subject.figures, {RESULTS: table})


def results_table(content: Content) -> pd.DataFrame:
    """Return the results as results.csv holds them: what identifies a run, then every metric.

    Metrics are in the order of their descriptions; what nothing describes follows.
    """
    results = content.results
    identification = [Metric(key, key, "which run it is") for key in IDENTIFICATION]
    known = described([*identification, *content.metrics], map(str, results))
    order = [each.key for own in known.values() for each in own]
    ordered = results[[*order, *(key for key in map(str, results) if key not in order)]]
    return ordered.sort_values([name for name in ("run", "column_key") if name in ordered])


def write(content: Content, output: Path) -> Path:
    """Write README.md, results.csv and figures/; return the README: see Document.write."""
    return document(content).write(output)

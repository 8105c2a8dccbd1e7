"""The report: text and figures in memory, then written to disk, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reports.content import IDENTIFICATION, Content, ReportError
from reports.figures.files import write_png
from reports.figures.style import house_style
from reports.metric import Metric, described
from reports.printing.markup import bullets, escape, paragraphs
from reports.sections import PAGES, SECTIONS, Subject, budget, recommended

README, FIGURES = "README.md", "figures"
RESULTS = "results.csv"
"""One row a run and column, sorted by run so that the order of execution does not show."""
BACK = f"[Back to the report]({README})"
"""The first line of a page, by which a page of a report is told from other files."""


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
    pages: Mapping[str, str] = field(default_factory=dict)
    """File name -> Markdown of a page that the README links to; begins with BACK."""

    def write(self, output: Path) -> Path:
        """Write README.md, pages, tables and figures/ into the folder `output`; return the README.

        Everything is drawn and written in a folder beside the old one first. Then file after file
        takes its place, README.md last, so a report that fails half-way leaves the old one as it
        was. Pages and figures that only the old report had are removed; other files are left alone.

        Raises:
            ReportError: the folder cannot be written.

        """
        readme = output / README
        try:
            output.mkdir(parents=True, exist_ok=True)
            _remove_stale(output)
            with tempfile.TemporaryDirectory(prefix=STAGE, dir=output) as name:
                staged = self._stage(Path(name))
                old = _shown(output)
                (output / FIGURES).mkdir(exist_ok=True)
                for path in staged:
                    os.replace(Path(name) / path, output / path)
            for path in old - set(staged):
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
        texts = {**self.tables, **self.pages, README: self.readme}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return [*paths, *map(Path, texts)]


def _shown(output: Path) -> set[Path]:
    """Return the pages and figures of the report that is in a folder."""
    found: set[Path] = set()
    texts = [output / README]
    while texts:
        path = texts.pop()
        text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
        if path.name != README and not text.startswith(BACK):
            continue  # somebody's own, such as the definitions of the metrics
        found |= {Path(FIGURES, name) for name in re.findall(_FIGURE, text)}
        found |= {Path(path.name)} - {Path(README)}
        if path.name == README:
            texts += {output / name for name in re.findall(_PAGE, text)}
    return found


_FIGURE, _PAGE = rf"\({FIGURES}/([\w.-]+\.png)\)", r"\(([\w-]+\.md)(?:#[\w.-]*)?\)"
_WITHIN = re.compile(r"\[([^\[\]]*)\]\(#([\w.-]+)\)")


def _remove_stale(output: Path) -> None:
    """Remove what reports that were killed have staged; one at work is younger than that."""
    for folder in output.glob(f"{STAGE}*"):
        with suppress(OSError):  # another may remove it, too
            if time.time() - folder.stat().st_mtime > STALE:
                shutil.rmtree(folder)


def document(content: Content) -> Document:
    """Return the report on `content`; the same content gives the same text."""
    subject = Subject(content)
    said = {name: [part(subject) for part in page.sections] for name, page in PAGES.items()}
    said = {name: parts for name, parts in said.items() if any(parts)}
    texts = {README: [f"# {escape(content.title)}", budget(subject)]}
    texts[README] += [*(section(subject) for section in SECTIONS), _contents(said)]
    for name, parts in said.items():
        title = f"# {PAGES[name].title}: {escape(content.title)}"
        texts[name] = [BACK, title, budget(subject), *parts]
    pages = linked({name: paragraphs(*parts) + "\n" for name, parts in texts.items()})
    table = results_table(content).to_csv(index=False, lineterminator="\n")
    return Document(pages.pop(README), subject.figures, {RESULTS: table}, pages)


def _contents(pages: Iterable[str]) -> str:
    """Return the list of what lies beside README.md."""
    lines = [f"[{PAGES[name].title}]({name})" for name in pages]
    table = f"[{RESULTS}]({RESULTS}): every run with every number, its unit in the name"
    return paragraphs("## More", bullets([*lines, table]))


def linked(pages: Mapping[str, str]) -> dict[str, str]:
    """Return the pages with each link to an anchor, "(#name)", led to the page that has it.

    A link that leads nowhere becomes its words.
    """
    place = {
        anchor: name
        for name, text in pages.items()
        for anchor in re.findall(r'<a id="([^"]*)">', text)
    }

    def led(own: str) -> str:
        def lead(link: re.Match[str]) -> str:
            words, anchor = link.groups()
            page = place.get(anchor, "")
            return f"[{words}]({'' if page == own else page}#{anchor})" if page else str(words)

        return _WITHIN.sub(lead, pages[own])

    return {own: led(own) for own in pages}


def recommend(content: Content, report: str = README) -> str:
    """Return the table of recommendations; its evidence is in the README of a report."""
    return re.sub(r"\(#", f"({report}#", recommended(Subject(content)))


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
    """Write README.md, pages, results.csv and figures/; return the README: see Document.write."""
    return document(content).write(output)

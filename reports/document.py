"""The report as text and figures, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from reports.content import Content
from reports.markup import escape, paragraphs
from reports.sections import SECTIONS, Subject, budget

RESULTS = "results.csv"
"""One row a run, sorted by run so that the order of execution does not show."""


@dataclass(frozen=True)
class Document:
    """A report in memory."""

    readme: str
    """Markdown; refers to figures/NAME and to the tables."""
    figures: Mapping[str, Figure]
    """File name -> figure."""
    tables: Mapping[str, str]
    """File name -> CSV."""


def document(content: Content) -> Document:
    """Return the report on `content`; the same content gives the same text."""
    subject = Subject(content)
    sections = [section(subject) for section in SECTIONS]
    head = paragraphs(f"# {escape(content.title)}", budget(subject))
    readme = paragraphs(head, *(section.markdown for section in sections)) + "\n"
    drawn = {name: figure for section in sections for name, figure in section.figures.items()}
    results = content.results
    ordered = results if results.empty else results.sort_values("run")
    return Document(readme, drawn, {RESULTS: ordered.to_csv(index=False, lineterminator="\n")})

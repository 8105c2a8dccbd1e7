"""The report as text and figures, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from reports.content import IDENTIFICATION, Content
from reports.metric import Metric, described
from reports.printing.markup import escape, paragraphs
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
    table = results_table(content).to_csv(index=False, lineterminator="\n")
    return Document(readme, drawn, {RESULTS: table})


def results_table(content: Content) -> pd.DataFrame:
    """Return the results as results.csv holds them: what identifies a run, then every metric.

    Metrics are in the order of their descriptions; what nothing describes follows.
    """
    results = content.results
    identification = [Metric(key, key, "which run it is") for key in IDENTIFICATION]
    keys = list(map(str, results))
    first = [m.key for own in described(identification, keys).values() for m in own]
    others = [key for key in keys if key not in first]
    metrics = [m.key for own in described(content.metrics, others).values() for m in own]
    rest = [key for key in others if key not in metrics]
    ordered = results[[*first, *metrics, *rest]]
    return ordered if ordered.empty else ordered.sort_values("run")

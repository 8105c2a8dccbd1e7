"""What every section of the report is given, and how it is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps

import pandas as pd
from matplotlib.figure import Figure

from reports.analysis.groups import Group, decoders, groups, slug
from reports.analysis.intervals import FEWEST
from reports.content import Column, Content, Row
from reports.figures.style import Style, styles
from reports.printing.cells import outcome
from reports.printing.markup import Part, Table, escape, paragraphs
from reports.printing.words import listing


@dataclass(frozen=True)
class Subject:
    """A content, arranged once for all sections, and the figures that they show."""

    content: Content
    figures: dict[str, Figure] = field(default_factory=dict)
    """File name in the folder `figures` -> figure; filled while the sections are made."""
    tables: dict[str, tuple[str, Table]] = field(default_factory=dict)
    """File name without its end -> what it is of, and a table that shows runs; filled likewise."""

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The data sets and models that were run."""
        return groups(self.content)

    @cached_property
    def not_run(self) -> tuple[Column, ...]:
        """The columns that were asked for and of which no run is in the results."""
        ran = {id(column) for group in self.groups for column in group.columns}
        return tuple(column for column in self.content.columns if id(column) not in ran)

    @cached_property
    def styles(self) -> Mapping[Row, Style]:
        """How each decoder is drawn, the same in every figure."""
        return styles(decoders(self.content), self.content.order)

    def called(self, name: str) -> str:
        """Return the label of a likelihood; its name if no row of the report is one of it."""
        rows = [row for row in decoders(self.content) if row.name == name]
        return min(rows, key=lambda row: bool(row.options)).label if rows else name

    def picture(self, group: Group, name: str, drawn: Figure | None, words: str = "") -> str:
        """Add a figure of a group; return the Markdown that shows it, "" if it is None."""
        if drawn is None:
            return ""
        file = f"{name}-{group.slug}.png"
        self.figures[file] = drawn
        return f"![{escape(words or f'{name}: {group.heading}')}](figures/{file})"

    def keep(self, title: str, group: Group, parts: Iterable[Part]) -> None:
        """Keep the tables among the parts of a section on a group, for other forms than Markdown.

        Of several, the second and later names have a number.
        """
        every = [part for part in parts if isinstance(part, Table)]
        for number, each in enumerate(every, start=1):
            name = f"{slug(title)}-{group.slug}" + (f"-{number}" if number > 1 else "")
            self.tables[name] = (f"{title}: {group.heading}", each)


def section(title: str, text: str, anchor: str = "") -> str:
    """Return a section with its heading; "" where it has nothing to say.

    `anchor` is what a link to it is called, whatever its title; "" if nothing links to it.
    """
    link = f'<a id="{anchor}"></a>' if anchor else ""
    return paragraphs(link, f"## {title}", text) if text else ""


Text = str | Callable[[Subject], str]


def by_group(
    title: Text,
    reading: Text,
    *,
    nothing: str = "There are no runs.",
    anchor: str = "",
) -> Callable[[Callable[[Subject, Group], Iterable[Part]]], Callable[[Subject], str]]:
    """Make a section of a function that gives the paragraphs on one group; a decorator.

    The groups without any share one line, which says `nothing`; if that is "", they are left out.
    """

    def section_of(part: Callable[[Subject, Group], Iterable[Part]]) -> Callable[[Subject], str]:
        @wraps(part)
        def made(subject: Subject) -> str:
            named = title if isinstance(title, str) else title(subject)
            made_of = {group: [*part(subject, group)] for group in subject.groups}
            for group, every in made_of.items():
                subject.keep(named, group, every)
            said = {group: paragraphs(*every) for group, every in made_of.items()}
            parts = [
                paragraphs(_anchor(anchor, group), f"### {escape(group.heading)}", text)
                for group, text in said.items()
                if text
            ]
            silent = listing([escape(group.heading) for group, text in said.items() if not text])
            if not parts:
                text = nothing
            else:
                head = reading if isinstance(reading, str) else reading(subject)
                last = f"{silent}: {nothing}" if silent and nothing else ""
                text = paragraphs(head, *parts, last)
            return section(named, text, anchor)

        return made

    return section_of


def _anchor(name: str, group: Group) -> str:
    return f'<a id="{name}-{group.slug}"></a>' if name else ""


def caption(shown: Sequence[pd.DataFrame], *, marked: bool = True) -> str:
    """Say what ± and bold are, for a table of which each row shows the runs of one element.

    `marked` tells whether there may be bold in it.
    """
    counts = {len(runs) for runs in shown if len(runs)}
    if counts <= {1}:
        best = ": bold marks the best value, nothing more" if marked else ""
        return f"One run each{best}; the spread is unknown."
    over = f"{max(counts)} seeds" if len(counts) == 1 else "the seeds that were run"
    bold = f"Fewer than {FEWEST} runs each: bold marks the best mean, nothing more."
    if max(counts) >= FEWEST:
        bold = (
            "Bold marks the best mean and those behind it, down to the first that is told apart "
            "from it by their paired differences (Student's t, with Holm's correction for all "
            "pairs of rows). Where none is told apart, none is bold."
        )
    if any(outcome(runs) for runs in shown if len(runs)):
        bold += " A mean over only the runs that finished is never bold."
    spread = f"Mean ± sample standard deviation (divisor n − 1) over {over}."
    return f"{spread} {bold}" if marked else spread

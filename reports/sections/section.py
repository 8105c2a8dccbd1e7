"""What every section of the report is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure

from reports.analysis.groups import Group, decoders, groups
from reports.analysis.intervals import FEWEST
from reports.content import Content, Row
from reports.figures import Style, styles
from reports.printing.cells import outcome
from reports.printing.markup import escape, paragraphs


@dataclass(frozen=True)
class Subject:
    """A content, arranged once for all sections."""

    content: Content

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The data sets and models that were run."""
        return groups(self.content)

    @cached_property
    def styles(self) -> Mapping[Row, Style]:
        """How each decoder is drawn, the same in every figure."""
        return styles(decoders(self.content), self.content.order)


@dataclass(frozen=True)
class Section:
    """One section: its heading, its Markdown, and the figures that the Markdown shows."""

    title: str
    text: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """File name in the folder `figures` -> figure."""
    anchor: str = ""
    """What a link to it is called, whatever its title; "" if nothing links to it."""

    @property
    def markdown(self) -> str:
        """The section with its heading; "" where it has nothing to say."""
        anchor = f'<a id="{self.anchor}"></a>' if self.anchor else ""
        return paragraphs(anchor, f"## {self.title}", self.text) if self.text else ""


def by_group(
    subject: Subject,
    title: str,
    reading: str,
    part: Callable[[Group], Iterable[str]],
    *,
    nothing: str = "There are no runs.",
    alone: bool = False,
    figures: Mapping[str, Figure] | None = None,
    anchor: str = "",
) -> Section:
    """Return a section with a part on each group that has one.

    Where none has, it says `nothing`, below the reading or `alone`. `figures` may be filled while
    the parts are made.
    """
    made = [(group.heading, paragraphs(*part(group))) for group in subject.groups]
    parts = [paragraphs(f"### {escape(name)}", text) for name, text in made if text]
    shown = paragraphs("" if alone and not parts else reading, *(parts or [nothing]))
    return Section(title, shown, figures or {}, anchor)


def picture(
    figures: dict[str, Figure], group: Group, name: str, drawn: Figure | None, words: str = ""
) -> str:
    """Add a figure of a group to `figures`; return the Markdown that shows it, "" if it is None."""
    if drawn is None:
        return ""
    file = f"{name}-{group.slug}.png"
    figures[file] = drawn
    return f"![{escape(words or f'{name}: {group.title}')}](figures/{file})"


def caption(shown: Sequence[pd.DataFrame]) -> str:
    """Say what ± and bold are, for a table of which each row shows the runs of one element."""
    counts = {len(runs) for runs in shown if len(runs)}
    if counts <= {1}:
        return "One run each: bold marks the best value, nothing more; the spread is unknown."
    over = f"{max(counts)} seeds" if len(counts) == 1 else "the seeds that were run"
    bold = f"Fewer than {FEWEST} runs each: bold marks the best mean, nothing more."
    if max(counts) >= FEWEST:
        bold = (
            "Bold marks the best mean and all that cannot be told apart from it by their paired "
            "differences (Student's t, with Holm's correction for all pairs of rows). Where that "
            "holds for all, none is bold."
        )
    if any(outcome(runs) for runs in shown if len(runs)):
        bold += " A mean over only the runs that finished is never bold."
    return f"Mean ± sample standard deviation (divisor n − 1) over {over}. {bold}"

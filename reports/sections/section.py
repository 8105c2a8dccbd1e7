"""What every section of the report is given, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from matplotlib.figure import Figure

from reports.comparison import Group, decoders, groups
from reports.content import Content, Row
from reports.figures import Style, styles
from reports.markup import escape, paragraphs


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


def subsection(group: Group, *parts: str) -> str:
    """Return the part of a section that is on one group."""
    return paragraphs(f"### {escape(group.heading)}", *parts)


def shown(name: str, alternative: str) -> str:
    """Return the Markdown that shows the figure of file name `name`."""
    return f"![{escape(alternative)}](figures/{name})"

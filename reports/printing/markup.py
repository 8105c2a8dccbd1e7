"""Small pieces of Markdown: escaped text, lists, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

LEFT, RIGHT = "left", "right"
WIDEST = 100
"""Characters of a table: about what fits into the 800 pixels that GitHub gives a page."""
BREAKS = {LEFT: 14, RIGHT: 28}
"""Characters from which on a cell may break its line: words (left) sooner than numbers (right)."""
EDGES = 3
"""Characters that the edges of a cell take."""


def escape(text: str) -> str:
    """Return `text` on one line, without effect on the Markdown around it."""
    line = " ".join(text.split())
    for sign in "\\|*`[]":
        line = line.replace(sign, f"\\{sign}")
    return line.replace("<", "&lt;")


def code(text: str) -> str:
    """Return `text` on one line as code, whatever it holds."""
    line = " ".join(text.split())
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


def bold(text: str) -> str:
    """Return `text` in bold."""
    return f"**{text}**"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str] = ()) -> str:
    """Return a Markdown table; the first column is left-aligned, the others as `align` says.

    One that would be wider than WIDEST becomes several, each with the first column. Cells are
    printed as they are: escape text that comes from elsewhere.
    """
    sides = align or [LEFT, *[RIGHT] * (len(headers) - 1)]
    columns = list(zip(*rows, strict=True)) or [()] * len(headers)
    return table_of(list(zip(headers, sides, columns, strict=True)))


def narrow(fields: Sequence[Field]) -> list[list[Field]]:
    """Return the fields of each of the tables that together show these, none wider than WIDEST."""
    first, *others = fields
    parts = [[first]]
    for each in others:
        if len(parts[-1]) > 1 and sum(width(*field) for field in (*parts[-1], each)) > WIDEST:
            parts.append([first])
        parts[-1].append(each)
    return parts


def _table(fields: Sequence[Field]) -> str:
    headings, sides, columns = zip(*fields, strict=True)
    held = [[_KEPT.sub(_on_one_line, cell) for cell in row] for row in zip(*columns, strict=True)]
    cells = pd.DataFrame(held, columns=list(headings), dtype=str)
    return cells.to_markdown(index=False, colalign=sides, disable_numparse=True)


_KEPT = re.compile(r" ± |(?<=\d), (?=[-\d∞])")
"""Within a mean and its spread, and within an interval."""


def _on_one_line(kept: re.Match[str]) -> str:
    return kept[0].replace(" ", "\u00a0")


def width(heading: str, side: str, cells: Sequence[str]) -> int:
    """Return the least characters that a column of a table takes where nothing is cut off.

    A heading breaks at every space and hyphen, and what became of lost runs after its comma.
    """
    parts = [part for cell in cells for part in re.split(", (?=[a-z])", _MARKS.sub("", cell))]
    longest = max(map(len, parts), default=0)
    texts = [_MARKS.sub("", heading), *(parts if side == LEFT else ())]
    words = [len(word) for text in texts for word in re.split(r"[ -]", text)]
    return max(min(longest, BREAKS[side]), *words) + EDGES


_MARKS = re.compile(r"\]\([^)]*\)|[*\\`\[]")
"""What is not seen of Markdown."""


def bullets(lines: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {line}" for line in lines)


Field = tuple[str, str, Sequence[str]]
"""Heading, side and cells of what stands below one heading of a table."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table that shows runs; as text it is Markdown."""

    fields: Sequence[Field]
    shown: Sequence[pd.DataFrame]
    """The runs that each row shows; rows after these show none."""

    def __str__(self) -> str:
        return table_of(self.fields)


Part = str | Table
"""What a section is made of."""


def fold(summary: str, *parts: str) -> str:
    """Return paragraphs that a reader opens by a click on their summary, a plain line."""
    line = " ".join(summary.split()).replace("<", "&lt;")
    return paragraphs(f"<details>\n<summary>{line}</summary>", *parts, "</details>")


def paragraphs(*parts: Part) -> str:
    """Join what is not empty by empty lines."""
    return "\n\n".join(text for part in parts if (text := str(part)))


def table_of(fields: Sequence[Field]) -> str:
    """Return the table with these fields side by side; see `table`."""
    return paragraphs(*map(_table, narrow(fields)))

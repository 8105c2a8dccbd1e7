"""Small pieces of Markdown: escaped text, lists, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pandas as pd

LEFT, RIGHT = "left", "right"


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

    Cells are printed as they are: escape text that comes from elsewhere.
    """
    sides = align or [LEFT, *[RIGHT] * (len(headers) - 1)]
    cells = pd.DataFrame([list(row) for row in rows], columns=list(headers), dtype=str)
    return cells.to_markdown(index=False, colalign=sides, disable_numparse=True)


def bullets(lines: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {line}" for line in lines)


def fold(summary: str, *parts: str) -> str:
    """Return paragraphs that a reader opens by a click on their summary, a plain line."""
    line = " ".join(summary.split()).replace("<", "&lt;")
    return paragraphs(f"<details>\n<summary>{line}</summary>", *parts, "</details>")


def paragraphs(*parts: str) -> str:
    """Join what is not empty by empty lines."""
    return "\n\n".join(part for part in parts if part)


Field = tuple[str, str, Sequence[str]]
"""Heading, side and cells of what stands below one heading of a table."""


def table_of(fields: Sequence[Field]) -> str:
    """Return the table with these fields side by side."""
    headings, sides, columns = zip(*fields, strict=True)
    return table(headings, list(zip(*columns, strict=True)), sides)

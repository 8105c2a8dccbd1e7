"""LaTeX: what is printed as Markdown, in its signs. The cells are those of the Markdown table."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from reports.printing.markup import LEFT, Field, Table, escape, narrow

LETTERS = 16
"""Of one line of a heading."""

GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
GREEK += "upsilon phi chi psi omega"
CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
MATH = {
    **dict(zip("αβγδεζηθικλμνξπρστυφχψω", GREEK.split(), strict=True)),
    **dict(zip("ΓΔΘΛΞΠΣΥΦΨΩ", CAPITALS.split(), strict=True)),
    **{"±": "pm", "×": "times", "·": "cdot", "≤": "leq", "≥": "geq", "≈": "approx", "∞": "infty"},
    **{"→": "rightarrow", "↓": "downarrow", "↑": "uparrow", "‖": "|", "∈": "in", "√": "surd"},
}
SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{sign: f"${sign}$" for sign in "<>|"},
    **{sign: f"$\\{name}$" for sign, name in MATH.items()},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"−": "$-$", "²": "$^2$", "½": r"$\frac{1}{2}$", "…": r"\dots{}"},
    **{"†": r"$^\dagger$", "‡": r"$^\ddagger$", "\u00a0": "~"},
}
"""What a sign is in LaTeX; the others are themselves."""
_MARKUP = re.compile(
    r"\\(?P<sign>[\\|*`\[\]])"
    r"|\*\*(?P<textbf>(?:\\.|[^*\\])+)\*\*|\*(?P<emph>(?:\\.|[^*\\])+)\*"
    r"|\[(?P<words>(?:\\.|[^\[\]\\])*)\]\([^)]*\)"
    r"|(?P<minus>(?<!\w)-(?=[\d∞]))|(?P<less>&lt;)|(?P<plain>.)",
    re.DOTALL,
)


def inline(markdown: str) -> str:
    """Return a line of Markdown, as `escape`, `bold` and links make it, in LaTeX."""

    def translated(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        held = found[kind]
        if kind in ("textbf", "emph"):
            return f"\\{kind}{{{inline(held)}}}"
        if kind == "words":
            return inline(held)
        return {"minus": "$-$", "less": "$<$"}.get(kind) or SIGNS.get(held, held)

    return _MARKUP.sub(translated, markdown)


def latex(table: Table, title: str, note: str) -> str:
    r"""Return a table and the note below it, for \input within a float of a paper.

    A wide one is several, as in Markdown, and none is wider than the line. It needs the packages
    booktabs and graphicx.
    """
    parts = [_tabular(fields, len(table.shown)) for fields in narrow(table.fields)]
    lines = [
        f"% {' '.join(title.split())}; needs \\usepackage{{booktabs,graphicx}}",
        "\\par\\medskip\n".join(parts) + r"\par\smallskip",
        rf"\noindent\parbox{{\linewidth}}{{\footnotesize {inline(note)}}}",
    ]
    return "\n".join(lines) + "\n"


def _tabular(fields: Sequence[Field], decoders: int) -> str:
    """Return a tabular; a line is drawn below the rows of the decoders if others follow."""
    headings, sides, columns = zip(*fields, strict=True)
    letters = ["l" if side == LEFT else "r" for side in sides]
    rows = [" & ".join(map(inline, row)) + r" \\" for row in zip(*columns, strict=True)]
    if 0 < decoders < len(rows):
        rows.insert(decoders, r"\midrule")
    head = map(_heading, headings, letters)
    lines = [
        r"\noindent\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{''.join(letters)}}}",
        r"\toprule",
        rf"{' & '.join(head)} \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
    ]
    return "\n".join(lines)


def _heading(heading: str, letter: str) -> str:
    """Break a long heading, but not before its arrow."""
    lines = textwrap.wrap(re.sub(r" (?=[↓↑])", "\u00a0", heading), LETTERS, break_on_hyphens=False)
    broken = r"\\".join(map(inline, lines))
    return rf"\shortstack[{letter}]{{{broken}}}" if len(lines) > 1 else broken


def preview(titles: dict[str, str]) -> str:
    """Return a document that shows the tables of these files, named without their end.

    It is to look at, and an example of what a paper needs.
    """
    shown = (
        rf"\section*{{{inline(escape(title))}}}\input{{{name}}}" for name, title in titles.items()
    )
    lines = [
        r"\documentclass{article}",
        r"\usepackage[margin=2cm]{geometry}",
        r"\usepackage{booktabs,graphicx}",
        r"\begin{document}",
        *shown,
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"

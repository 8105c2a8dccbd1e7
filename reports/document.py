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

from matplotlib.figure import Figure

from reports.content import Content, ReportError
from reports.figures.files import VECTORS, write_png, write_vector
from reports.figures.style import house_style
from reports.frames import as_csv, as_frames, as_parquet, results_table
from reports.printing.latex import latex, preview
from reports.printing.markup import bullets, escape, paragraphs
from reports.sections import PAGES, SECTIONS, Subject, budget, note, recommended

README, FIGURES, TABLES = "README.md", "figures", "tables"
RESULTS, PER_IMAGE = "results", "per_image"
"""Names of tables without their end. The first has one row a run and column, sorted by run so that
the order of execution does not show."""
PREVIEW = "all"
"""Name of the document that shows all tables of LaTeX."""
BACK = f"[Back to the report]({README})"
"""The first line of a page, by which a page of a report is told from other files."""


STAGE, STALE = ".report-", 3600.0
"""Begins the name of the folder in which a report is drawn, and seconds that none takes."""


@dataclass(frozen=True)
class Also:
    """What is written beside Markdown, PNG and results.csv."""

    latex: bool = False
    """tables/NAME.tex: each table that shows runs."""
    parquet: bool = False
    """NAME.parquet beside each NAME.csv."""
    per_image: bool = False
    """per_image.csv: the values of each test image."""
    figures: tuple[str, ...] = ()
    """Of `VECTORS`: each figure in these formats."""


@dataclass(frozen=True)
class Document:
    """A report in memory."""

    readme: str
    """Markdown; refers to figures/NAME and to the tables."""
    figures: Mapping[str, Figure]
    """File name -> figure."""
    tables: Mapping[str, str | bytes]
    """Path -> CSV, Parquet or LaTeX."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """File name -> Markdown of a page that the README links to; begins with BACK."""
    vectors: tuple[str, ...] = ()
    """Formats of the figures beside PNG."""

    def write(self, output: Path) -> Path:
        """Write README.md, pages, tables and figures/ into the folder `output`; return the README.

        Everything is drawn and written in a folder beside the old one first. Then file after file
        takes its place, README.md last, so a report that fails half-way leaves the old one as it
        was. What only the old report had is removed; other files are left alone.

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
                    (output / path).parent.mkdir(exist_ok=True)
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
        for name in (FIGURES, TABLES):
            (folder / name).mkdir()
        paths = [Path(FIGURES, name) for name in self.figures]
        for path, figure in zip(tuple(paths), self.figures.values(), strict=True):
            write_png(figure, folder / path)
            for end in self.vectors:
                paths.append(path.with_suffix(f".{end}"))
                write_vector(figure, folder / paths[-1])
        texts = {**self.tables, **self.pages, README: self.readme}
        for name, text in texts.items():
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return [*paths, *map(Path, texts)]


def _shown(output: Path) -> set[Path]:
    """Return what there is of the report that is in a folder."""
    found = {Path(f"{PER_IMAGE}.csv"), *(Path(f"{n}.parquet") for n in (RESULTS, PER_IMAGE))}
    if (output / TABLES / f"{PREVIEW}.tex").is_file():
        text = (output / TABLES / f"{PREVIEW}.tex").read_text("utf-8", errors="replace")
        found |= {Path(TABLES, f"{name}.tex") for name in (PREVIEW, *re.findall(_INPUT, text))}
    texts = [output / README]
    while texts:
        path = texts.pop()
        text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
        if path.name != README and not text.startswith(BACK):
            continue  # somebody's own, such as the definitions of the metrics
        for name in re.findall(_FIGURE, text):
            found |= {Path(FIGURES, f"{name}.{end}") for end in ("png", *VECTORS)}
        found |= {Path(path.name)} - {Path(README)}
        if path.name == README:
            texts += {output / name for name in re.findall(_PAGE, text)}
    return found


_INPUT = r"\\input\{([\w-]+)\}"
_FIGURE, _PAGE = rf"\({FIGURES}/([\w.-]+)\.png\)", r"\(([\w-]+\.md)(?:#[\w.-]*)?\)"
_WITHIN = re.compile(r"\[([^\[\]]*)\]\(#([\w.-]+)\)")


def _remove_stale(output: Path) -> None:
    """Remove what reports that were killed have staged; one at work is younger than that."""
    for folder in output.glob(f"{STAGE}*"):
        with suppress(OSError):  # another may remove it, too
            if time.time() - folder.stat().st_mtime > STALE:
                shutil.rmtree(folder)


def document(content: Content, also: Also | None = None) -> Document:
    """Return the report on `content`; the same content gives the same text.

    Raises:
        ReportError: Parquet is asked for, and pyarrow is not installed.

    """
    also = also or Also()
    tables = _tables(content, also)
    subject = Subject(content)
    first = [section(subject) for section in SECTIONS]
    said = {name: [part(subject) for part in page.sections] for name, page in PAGES.items()}
    said = {name: parts for name, parts in said.items() if any(parts)}
    texts = {README: [f"# {escape(content.title)}", budget(subject)]}
    texts[README] += [*first, _contents(said)]
    for name, parts in said.items():
        title = f"# {PAGES[name].title}: {escape(content.title)}"
        texts[name] = [BACK, title, budget(subject), *parts]
    pages = linked({name: paragraphs(*parts) + "\n" for name, parts in texts.items()})
    if also.latex:
        tables |= _latex(subject)
    return Document(pages.pop(README), subject.figures, tables, pages, also.figures)


def _tables(content: Content, also: Also) -> dict[str, str | bytes]:
    every = {RESULTS: results_table(content)}
    if also.per_image:
        every[PER_IMAGE] = as_frames(content).per_image
    made: dict[str, str | bytes] = {f"{name}.csv": as_csv(each) for name, each in every.items()}
    if also.parquet:
        made |= {f"{name}.parquet": as_parquet(each) for name, each in every.items()}
    return made


def _latex(subject: Subject) -> dict[str, str]:
    titles = {name: title for name, (title, _) in subject.tables.items()}
    made = {f"{name}.tex": latex(each, t, note(each)) for name, (t, each) in subject.tables.items()}
    made[f"{PREVIEW}.tex"] = preview(titles)
    return {f"{TABLES}/{name}": text for name, text in made.items()}


def _contents(pages: Iterable[str]) -> str:
    """Return the list of what lies beside README.md."""
    lines = [f"[{PAGES[name].title}]({name})" for name in pages]
    table = f"[{RESULTS}.csv]({RESULTS}.csv): every run with every number, its unit in the name"
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


def recommend(contents: Mapping[str, Content]) -> str:
    """Return the table of recommendations, by the README of the report that has their evidence.

    For a kind of data speaks the first that ran it.
    """
    return recommended({report: Subject(content) for report, content in contents.items()})


def write(content: Content, output: Path, also: Also | None = None) -> Path:
    """Write README.md, pages, results.csv and figures/; return the README: see Document.write."""
    return document(content, also).write(output)

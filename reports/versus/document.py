"""The comparison of one decoder with others, as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure

from reports.content import Content
from reports.document import Document
from reports.figures import Panel, convergence, forest
from reports.printing.markup import bullets, escape, paragraphs
from reports.printing.words import listing
from reports.sections import Subject, budget
from reports.sections.differences import CHANCE, INTERVAL
from reports.sections.section import picture
from reports.versus.choice import choose
from reports.versus.pairs import Match, match
from reports.versus.tables import cost_table, differences, equal_table, metric_table, rank_table
from reports.versus.words import Command, missing, summary

DIFFERENCES = "differences.csv"
MISSING = (
    "Finished runs are never computed again: each command makes only what is missing, on all data "
    "of these results."
)


@dataclass(frozen=True)
class Comparison:
    """One decoder compared with others."""

    summary: str
    """One paragraph, plain text."""
    document: Document
    """README.md, figures, and differences.csv: a row for each group, baseline and metric."""


def compare(
    content: Content, new: str, against: Sequence[str] = (), command: Command | None = None
) -> Comparison:
    """Return the comparison of the decoder `new` with those that `against` matches.

    Args:
        content: the runs.
        new: a name, name(option=value) or label of a decoder.
        against: patterns of names, as in a shell; none means all others.
        command: how missing runs are made; None names them only.

    Raises:
        ReportError: there is no such decoder, or a pattern matches none.

    """
    subject = Subject(content)
    one, others = choose(content, new, against)
    matches = [match(content, group, one, others) for group in subject.groups]
    said = summary(matches)
    figures: dict[str, Figure] = {}
    parts = [paragraphs(*_on(subject, each, figures)) for each in matches]
    named = listing([escape(each.label) for each in others])
    commands = missing(content, [one, *others], matches, command)
    readme = paragraphs(
        f"# {escape(one.label)} against {named if len(others) <= 3 else f'{len(others)} others'}",
        budget(subject),
        "## Summary",
        escape(said),
        "## How to read it",
        _reading(content, escape(one.label)),
        *parts,
        "## Missing runs",
        MISSING if commands else "None: on all data, both sides have the same seeds.",
        commands,
    )
    table = differences(matches).to_csv(index=False, lineterminator="\n")
    return Comparison(said, Document(readme + "\n", figures, {DIFFERENCES: table}))


def write_comparison(comparison: Comparison, output: Path) -> Path:
    """Write README.md, differences.csv and figures/ into the folder `output`; return the README.

    Raises:
        ReportError: the folder cannot be written.

    """
    return comparison.document.write(output)


def _reading(content: Content, name: str) -> str:
    lines = [
        f"Δ is the value of {name} minus that of the baseline, paired by seed: mean and "
        f"{INTERVAL}. **Where ↓ marks a metric, such as bits/dim, a negative Δ is better for "
        f"{name}**; where ↑ marks it, a positive one.",
        "A difference is bold, and called better or worse, only if it is one after Holm's "
        "correction for all baselines of the table, and every run of both finished. The interval "
        "is that of one difference and is not corrected.",
        CHANCE,
        "NLL is in the decoder's own measure: a density and a mass do not compare. Bits/dim is the "
        "one unit that all share.",
        "The metrics are of test images at the end of training, and all decoders of a group train "
        "for the same number of steps: they compare at equal steps. The tables of equal seconds "
        "are of *validation* images, measured during training.",
    ]
    link = content.metrics_document
    definitions = f"Definitions of all numbers: [metrics.md]({link})." if link else ""
    return paragraphs(bullets(lines), definitions)


def _on(subject: Subject, matched: Match, figures: dict[str, Figure]) -> Iterator[str]:
    """Yield the parts that are on one group; its figures are added to `figures`."""
    group = matched.group
    yield f"## {escape(group.heading)}, model {escape(group.model)}"
    words = f"Differences on {group.title}"
    if shows := picture(figures, group, "differences", _forest(subject, matched), words):
        yield shows
        yield (
            "A line is the interval of the difference, hidden where it is narrower than the "
            "marker; a hollow marker is one that has no interval or whose interval contains 0."
        )
    for metric in matched.metrics:
        yield f"### {escape(group.title)}: {metric.label}"
        yield metric_table(matched, metric)
    yield f"### {escape(group.title)}: ranks"
    yield (
        "Among all decoders of the group (by NLL, of the same measure), 1 the best; one that lost "
        "a run ranks behind all that did not."
    )
    yield rank_table(matched)
    yield f"### {escape(group.title)}: equal steps and equal seconds"
    yield from _equal(subject, matched, figures)
    yield f"### {escape(group.title)}: costs"
    yield (
        "Wall-clock seconds of one run; they compare only if nothing else ran on the machine. The "
        f"ratio is the training of {escape(matched.new.label)} over that of the baseline."
    )
    yield cost_table(matched)


def _equal(subject: Subject, matched: Match, figures: dict[str, Figure]) -> Iterator[str]:
    table = equal_table(matched)
    if table:
        yield (
            "Bits/dim ↓ of **validation** images, measured during training. *Equal steps*: both at "
            "the end. *Equal seconds*: both at the training time of the faster of the two (column "
            "*at*, mean over seeds), the slower one on a straight line between its measurements. "
            f"*Ratio*: steps or seconds until {escape(matched.new.label)} first reaches the worse "
            "of the two final values, over those of the baseline, geometric mean over seeds; below "
            "1, it gets there sooner."
        )
    yield table or "No pair of finished runs has curves of bits/dim that compare."
    short = dict.fromkeys(label for each in matched.timed.values() for label in each.short)
    if short:
        yield (
            "The history is too short, and nothing is extrapolated, for some run of "
            f"{listing([escape(label) for label in short])}."
        )
    compared = replace(matched.group, entries=(matched.new, *matched.baselines))
    drawn = convergence(matched.content, compared, subject.styles)
    yield picture(figures, compared, "convergence", drawn, f"Convergence on {compared.title}")


def _forest(subject: Subject, matched: Match) -> Figure | None:
    panels = []
    for metric, each in matched.differences.items():
        side = "left" if metric.best == "lowest" else "right"
        panels.append(Panel(f"Δ {metric.label}\n(better on the {side})", [d.effect for d in each]))
    return forest(
        f"{matched.new.label} minus each baseline: {matched.group.title}",
        [entry.label for entry in matched.baselines],
        [subject.styles[entry.decoder] for entry in matched.baselines],
        panels,
    )

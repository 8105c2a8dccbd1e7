"""How good generated images are: every measure of them, by the features it was taken on."""

from __future__ import annotations

from collections.abc import Iterator

from reports.comparison import Group
from reports.content import Content, Features
from reports.markup import bullets, decimals_for, escape, listing, number, paragraphs
from reports.sections.section import Section, Subject, subsection
from reports.statistics import values
from reports.tables import quality_table


def quality_tables(subject: Subject) -> Section:
    """Return the measures of generated images, one table for each group and kind of features."""
    content = subject.content
    parts = [
        subsection(group, *(part for each in content.quality for part in _part(each, group)))
        for group in subject.groups
        if any(quality_table(each, group) for each in content.quality)
    ]
    if not parts:
        return Section("Sample quality", "Nothing was measured of generated images.")
    return Section(
        "Sample quality",
        paragraphs(
            "Generated images against test images, by features of both; ↓ lower is better, ↑ "
            "higher. *Means* are the decoder means of codes from the prior, which is what is "
            "shown; *samples* have the noise of the decoder's distribution as well, x ~ p(x|z), "
            "which is what the likelihood is of. Distances and shares depend on the features and "
            "on the numbers of images, and compare only where both are the same. A *floor* is what "
            "two random halves of the test images reach of each other: no model can be told apart "
            "from the data below it. Half as many images bias a Frechet distance upward, so of the "
            "whole test part it is lower.",
            bullets(_protocols(content)),
            *parts,
        ),
    )


def _protocols(content: Content) -> Iterator[str]:
    for features in content.quality:
        yield f"**{escape(features.name)}** features: {features.protocol}."
    told: dict[str, list[str]] = {}
    for features in content.quality:
        for measure in features.measures:
            told.setdefault(measure.protocol.rstrip("."), []).append(measure.heading)
    for protocol, headings in told.items():
        yield f"{listing(list(dict.fromkeys(headings)))}: {protocol}."


def _part(features: Features, group: Group) -> Iterator[str]:
    table = quality_table(features, group)
    if table:
        yield f"**{escape(features.name)}** features: {_sizes(features, group)}."
        yield table
        yield _ideals(features, group)


def _sizes(features: Features, group: Group) -> str:
    """State the numbers of images; one that differs between runs is shown as such."""
    found = {
        words: sorted(set(values(group.runs, column))) for column, words in features.sizes.items()
    }
    sizes = [
        f"{listing([number(count, 0) for count in counts])} {words}"
        for words, counts in found.items()
        if counts
    ]
    return "; ".join(sizes) or "numbers of images not recorded"


def _ideals(features: Features, group: Group) -> str:
    """State what the data themselves, or a perfect model, would reach."""
    ideals = []
    for measure in features.measures:
        reached = values(group.runs, measure.ideal) if measure.ideal else ()
        if len(reached):
            decimals = decimals_for(reached) if measure.decimals is None else measure.decimals
            printed = dict.fromkeys(number(value, decimals) for value in reached)
            ideals.append(f"{measure.heading} {listing(list(printed))}")
    return f"Floor, or mean of a perfect model: {', '.join(ideals)}." if ideals else ""

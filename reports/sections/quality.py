"""How good generated images are: every metric of them, by the features it was taken on."""

from __future__ import annotations

from collections.abc import Iterator

from reports.analysis.groups import Group
from reports.analysis.statistics import values
from reports.content import Content
from reports.metric import Metric
from reports.printing.cells import decimals_of
from reports.printing.markup import bullets, escape, listing, number, paragraphs
from reports.printing.tables import counts, metric_table
from reports.sections.section import Section, Subject, subsection

SIZES = (
    "frechet_images",
    "sample_images",
    "frechet_reference_images",
    "manifold_images",
    "manifold_reference_images",
    "frechet_floor_images",
    "kernel_floor_images",
)
"""Numbers of images, the same for all features."""


def quality_tables(subject: Subject) -> Section:
    """Return the metrics of generated images, one table for each group and kind of features."""
    content = subject.content
    parts = {
        group: [part for name in content.features for part in _part(content, name, group)]
        for group in subject.groups
    }
    if not any(parts.values()):
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
            *(subsection(group, *here) for group, here in parts.items() if here),
        ),
    )


def _metrics(content: Content, features: str) -> list[Metric]:
    """Return the metrics on these features, but for what the data themselves would reach."""
    floors = {metric.floor for metric in content.metrics}
    return [m for m in content.metrics if m.features == features and m.key not in floors]


def _protocols(content: Content) -> Iterator[str]:
    for name, protocol in content.features.items():
        yield f"**{escape(name)}** features: {protocol}."
    names: dict[str, dict[str, None]] = {}
    for features in content.features:
        for metric in _metrics(content, features):
            names.setdefault(metric.protocol.rstrip("."), {})[metric.name] = None
    for protocol, of_it in names.items():
        yield f"{listing(list(of_it))}: {protocol}."


def _part(content: Content, features: str, group: Group) -> Iterator[str]:
    metrics = group.measured(*(metric.key for metric in _metrics(content, features)))
    if metrics:
        sizes = "; ".join(counts(group, group.measured(*SIZES)))
        yield f"**{escape(features)}** features: {sizes or 'numbers of images not recorded'}."
        yield metric_table(group, metrics)
        yield _floors(metrics, group)


def _floors(metrics: list[Metric], group: Group) -> str:
    """State what the data themselves, or a perfect model, would reach."""
    stated = []
    for metric in metrics:
        reached = values(group.runs, metric.floor) if metric.floor else ()
        if len(reached):
            decimals = decimals_of(metric, [float(value) for value in reached])
            printed = dict.fromkeys(number(value, decimals) for value in reached)
            stated.append(f"{metric.name} {listing(list(printed))}")
    return f"Floor, or mean of a perfect model: {', '.join(stated)}." if stated else ""

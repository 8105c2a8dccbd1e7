"""The rate-distortion plane with the sentences that one needs to read it."""

from __future__ import annotations

from reports import figures
from reports.markup import paragraphs
from reports.sections.section import Section, Subject, shown, subsection

NOTHING = "No finished run measured both rate and distortion."


def rate_distortion(subject: Subject) -> Section:
    """Return the rate-distortion plane of each group."""
    drawn = {
        f"rate-distortion-{group.slug}.png": (group, picture)
        for group in subject.groups
        if (picture := figures.rate_distortion(group, subject.styles)) is not None
    }
    pictured = {group: file for file, (group, _) in drawn.items()}
    parts = [
        subsection(
            group,
            shown(pictured[group], f"rate and distortion: {group.title}")
            if group in pictured
            else NOTHING,
        )
        for group in subject.groups
    ]
    reading = (
        "What a code costs (rate, the KL) against the error that is left (distortion, the MSE of "
        "decoder means). Down and to the left is better; the sweep draws the frontier of this "
        "network, its chosen value is large. A decoder above that line spends its code on "
        "something that the squared error does not see, or is not trained out. Bars are the sample "
        "standard deviation over seeds."
    )
    return Section(
        "Rate and distortion",
        paragraphs(reading, *(parts or [NOTHING])),
        {file: picture for file, (_, picture) in drawn.items()},
    )

"""Whether the decoders are calibrated: a table and the histograms of each group."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports import figures
from reports.cells import NOT_MEASURED
from reports.markup import paragraphs
from reports.sections.section import Section, Subject, shown, subsection
from reports.tables import calibration_table

READING = (
    "Does what a decoder calls improbable happen as rarely as it says? Of each value of a test "
    "image, u is the probability that the decoder gives to darker values, at a random place within "
    "the probability of its own grey level; the code is drawn from q(z|x). Under the true "
    "distribution u is uniform. A hump in the middle: the decoder is too wide, values lie nearer "
    "to its mean than it says. High ends: too narrow. A slope: its values are too dark (high "
    "towards 1) or too bright. A step that begins at 0 is a black background of which the decoder "
    "is not certain. *Calibration error* is the mean distance of the distribution of u "
    "from the uniform one, from 0 to 0.5, lower is better (↓). An interval covers as many percent "
    "of the values as its name says, or the decoder is too wide (more) or too narrow (less). A "
    "calibrated decoder need not be a good one: one that ignores the image can be, so read this "
    "beside bits/dim."
)
NOTHING = f"The calibration was {NOT_MEASURED}."


def calibration(subject: Subject) -> Section:
    """Return table and histograms of each group; say where nothing was measured."""
    drawn: dict[str, Figure] = {}
    parts = []
    for group in subject.groups:
        picture = figures.calibration(group, subject.styles)
        name = f"calibration-{group.slug}.png"
        here = {} if picture is None else {name: picture}
        drawn |= here
        shows = [shown(file, f"calibration: {group.title}") for file in here]
        parts.append(subsection(group, calibration_table(group) or NOTHING, *shows))
    return Section("Calibration", paragraphs(READING, *(parts or ["There are no runs."])), drawn)

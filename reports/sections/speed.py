"""How fast each decoder learns, in numbers."""

from __future__ import annotations

from reports.comparison import Group
from reports.content import Content
from reports.markup import paragraphs, short
from reports.sections.section import Section, Subject, subsection
from reports.speed import BITS, group_curves, speed_table, targets


def speed(subject: Subject) -> Section:
    """Return steps and seconds to two stated values of bits/dim."""
    reading = (
        "Training steps and seconds of training until the validation bits/dim first reach a "
        "target, on a straight line between measurements; mean ± sample standard deviation over "
        "the finished runs that reach it. Seconds are those of this machine. A decoder may be fast "
        "to an easy target and slow to a hard one, and the schedule of the learning rate is part "
        "of both."
    )
    parts = [subsection(group, *_of(subject.content, group)) for group in subject.groups]
    text = paragraphs(reading, *(parts or ["There are no runs."]))
    return Section("Convergence speed", text, anchor="speed")


def _of(content: Content, group: Group) -> tuple[str, ...]:
    found = targets(group_curves(content, group, BITS))
    if found is None:
        return ("No finished run recorded bits/dim during training.",)
    stated = (
        f"Targets: {short(found.worst)} bits/dim, the worst final value of a finished run, which "
        f"all of them reach; {short(found.median)} bits/dim, the median over decoders of the mean "
        "final value, which about half of them reach."
    )
    return stated, speed_table(content, group, found)

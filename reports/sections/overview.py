"""The head of the report: what came out, and what was run."""

from __future__ import annotations

from reports.comparison import Group, learned
from reports.content import PAPER
from reports.markup import bullets, escape, listing, number, paragraphs, plural, short
from reports.sections.section import Section, Subject
from reports.statistics import FINISHED, estimate, finished, values
from reports.tables import best_table

FACTS = (
    ("steps", "training steps"),
    ("batch_size", "items in a batch"),
    ("test_sequences", "test videos"),
    ("predicted_frames", "predicted frames of each"),
    ("test_images", "test images"),
    ("calibration_images", "test images for the calibration"),
    ("frechet_images", "images for each Frechet distance"),
)


def budget(subject: Subject) -> str:
    """Return the first lines of the report: which budget made it, and what that permits."""
    name = subject.content.budget
    if name == PAPER:
        return (
            "> **Budget: paper**, the published protocol. Columns on the paper's own data stand "
            "beside the published numbers; columns with a stand-in do not."
        )
    return (
        f"> **Budget: {escape(name)}.** Only the budget `paper` may be set beside published "
        "numbers, so none of the results below are."
    )


def summary(subject: Subject) -> Section:
    """Return what came out, read from the results alone."""
    if not subject.groups:
        return Section("Summary", "There are no runs in the results, so nothing was compared.")
    best = best_table(subject.content, subject.groups)
    reading = (
        "Lower is better in every line. Only decoders whose every run finished take part, and a "
        "lead over those in the last column is none: the interval of their paired difference "
        "contains 0."
        if best
        else "No decoder finished all its runs with a measurement, so none can be called best."
    )
    return Section(
        "Summary",
        paragraphs(_count(subject), reading, best, bullets(_variances(subject))),
    )


def what_was_run(subject: Subject) -> Section:
    """Return data, budget and circumstances of the runs."""
    content = subject.content
    columns = [
        f"**{escape(group.heading)}**, model `{group.model}`: "
        + " ".join(part for part in (*_descriptions(group), _facts(group)) if part)
        for group in subject.groups
    ]
    about = [f"{escape(name)}: {' '.join(line.split())}" for name, line in content.about.items()]
    return Section(
        "What was run",
        paragraphs(
            "One model with different decoders: data, network trunk, optimiser and number of steps "
            "are the same for every decoder of a column. A *stand-in* replaces a data set that was "
            "not at hand or not asked for; its numbers say nothing of the original's.",
            bullets(columns),
            bullets(about),
        ),
    )


def _count(subject: Subject) -> str:
    runs = [group.runs for group in subject.groups]
    total = sum(len(each) for each in runs)
    ended = sum(len(finished(each)) for each in runs)
    text = f"{plural(total, 'run')}, of which {ended} finished"
    trouble = sorted({str(status) for each in runs for status in each["status"]} - {FINISHED})
    counts = [f"{sum((each['status'] == name).sum() for each in runs)} {name}" for name in trouble]
    text = listing([text, *counts]) + "."
    seeds = {seed for each in runs for seed in each["seed"]}
    if len(seeds) > 1:
        return f"{text} {len(seeds)} seeds; ± is the sample standard deviation over them."
    return f"{text} One seed: nothing is known of the spread, so a small lead may be chance."


def _variances(subject: Subject) -> list[str]:
    """Say for each group what the sweep chose and what was learned in one run."""
    lines = []
    for group in subject.groups:
        chosen = [
            f"the sweep is best on validation data at {entry.decoder.sweep} = {entry.chosen:g}"
            for entry in group.entries
            if entry.chosen is not None
        ]
        found = [
            f"{short(at.mean)} ({escape(entry.decoder.label)})"
            for entry in learned(subject.content, group)
            if (at := estimate(entry.runs, "variance"))
        ]
        variances = [f"the learned variance is {listing(found)}"] if found else []
        if chosen or variances:
            lines.append(f"{escape(group.heading)}: {'; '.join([*chosen, *variances])}.")
    return lines


def _descriptions(group: Group) -> list[str]:
    return list(dict.fromkeys(escape(column.description) for column in group.columns))


def _facts(group: Group) -> str:
    """State the sizes of the protocol; one that differs between runs is shown as such."""
    facts = []
    for column, name in FACTS:
        found = sorted(set(values(group.runs, column)))
        if found:
            numbers = listing([number(value, 0) for value in found])
            facts.append(f"{numbers} {name}" + (" (differs!)" if len(found) > 1 else ""))
    return ", ".join(facts) + "." if facts else ""

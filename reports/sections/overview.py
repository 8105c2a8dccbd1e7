"""What came out, what was run, how to read its numbers, and where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from reports.analysis.collapse import LEAST_KL, SHARE
from reports.analysis.groups import Entry, Group, learned
from reports.analysis.images import image_error
from reports.analysis.intervals import FEWEST, LEVEL, paired
from reports.analysis.ranks import ranking
from reports.analysis.statistics import Estimate, estimate, values
from reports.content import COMMAND, PAPER, Content, Status
from reports.metric import PLACEHOLDER, Metric, described
from reports.printing.cells import (
    DAGGER,
    decimals_of,
    level,
    mark,
    printed_means,
    with_interval,
    with_spread,
)
from reports.printing.markup import LEFT, bullets, code, escape, paragraphs, table
from reports.printing.tables import counts
from reports.printing.words import decimals_for, listing, number, plural, short
from reports.sections.section import Subject, section

IMAGES = ("test_images", "calibration_images", "frechet_images")
FACTS = ("steps", "batch_size", "test_sequences", "predicted_frames", *IMAGES)
"""Counts that say what was run."""
TERMS = {
    "frame": "an image of a video. A video model is given the first frames and predicts the rest; "
    "its NLL, KL and MSE are means over the predicted frames, each predicted from the true frames "
    "before it.",
    "measure": "what the NLL is of: density, mass or unnormalised.",
    "β": "the weight of the KL in the loss of the β-VAE. Dividing the loss by β shows a Gaussian "
    "decoder with σ² = β, so its NLL is reported with that variance and a KL weight of 1.",
    "±": "sample standard deviation over seeds; without it, the value is one run.",
    "[low, high]": f"{LEVEL:.0%} interval of a mean over seeds (Student's t), of differences "
    f"paired by seed where two decoders are compared; there is none below {FEWEST} seeds or where "
    "all values are the same.",
    "SE": "standard error over the test images of one run, of a difference paired by image. It "
    "holds for these trained networks: another training is not in it.",
    "P": "probability of improvement: the share of pairs of runs in which one decoder is better "
    "than the other, ties counting half.",
    "collapsed": f"a run that finished and whose decoder ignores the code: its KL is below "
    f"{LEAST_KL:g} nats, or its MSE is at least {SHARE:.0%} of the mean image's. Its numbers are "
    "those of a constant, so it is never the best and decides nothing.",
    "†": "no better than a row without a code.",
    "diverged (k/n)": "the loss of k of n runs became infinite or not a number. *failed*: stopped "
    "by an error. *too large*: not tried, since memory is too small. *out of time*: stopped after "
    "as many seconds of training as were allowed. *not run*: no such run is in the results. *not "
    "measured*: the run finished without this measurement.",
}
"""Words of the report that are no metric."""


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


def summary(subject: Subject) -> str:
    """Return what came out, read from the results alone."""
    if not subject.groups:
        return section("Summary", "There are no runs in the results, so nothing was compared.")
    best = best_table(subject.content, subject.groups)
    reading = "No decoder finished all its runs with a measurement, so none can be called best."
    if best:
        reading = (
            "Lower is better in every line. Only decoders whose every run finished and did not "
            "collapse take part. *Lead*: the second minus the lowest, with its interval over "
            "seeds, or of one seed its standard error over test images (SE), which leaves out "
            "another training. A lead over those in the last column is none: their paired "
            "differences are within what seeds do by chance."
        )
        if DAGGER in best:
            reading += f" {DAGGER} marks what is no better than a row without a code."
    variances = bullets(_variances(subject))
    return section("Summary", paragraphs(_count(subject), reading, best, variances))


def what_was_run(subject: Subject) -> str:
    """Return data, budget and circumstances of the runs."""
    content = subject.content
    columns = []
    for group in subject.groups:
        data = dict.fromkeys(escape(column.description) for column in group.columns)
        facts = ", ".join(counts(group, group.measured(*FACTS)))
        what = " ".join([*filter(None, data), f"{facts}." if facts else ""]).rstrip()
        columns.append(f"**{escape(group.heading)}**, model `{group.model}`: {what}")
    about = [
        f"{escape(name)}: {(code if name == COMMAND else escape)(line)}"
        for name, line in content.about.items()
    ]
    reading = (
        "One model with different decoders: data, network trunk, optimiser and number of steps are "
        "the same for every decoder of a column. A *stand-in* replaces a data set that was not at "
        "hand or not asked for; its numbers say nothing of the original's."
    )
    return section("What was run", paragraphs(reading, bullets(columns), bullets(about)))


def best_table(content: Content, groups: Sequence[Group]) -> str:
    """Return what leads each group by bits/dim and each headline, by how much, and how sure.

    "" where no decoder may be called best.
    """
    rows = []
    for group in groups:
        for metric in (group.metric("bits_per_dim"), *group.headlines):
            if not (ranked := ranking(group.entries, metric)):
                continue
            decimals = decimals_of(metric, [mean.mean for _, mean in ranked])
            printed = [
                (escape(e.label), with_spread(mean, decimals) + mark(e, metric))
                for e, mean in ranked
            ]
            means = printed_means(ranked, metric)
            ties = means.count(means[0])
            lowest = f"{ties} decoders tie: {means[0]}" if ties > 1 else ": ".join(printed[0])
            second = ": ".join(printed[ties]) if ties < len(printed) else "no other"
            lead = _lead(content, ranked[ties][0], ranked[0][0], metric) if printed[ties:] else "-"
            equals = _equals(ranked, metric)
            rows.append([escape(group.heading), metric.label, lowest, second, lead, equals])
    headings = ["data", "measured by", "lowest", "second", "lead", "not told apart from the lowest"]
    return table(headings, rows, [LEFT] * 6) if rows else ""


def _lead(content: Content, second: Entry, first: Entry, metric: Metric) -> str:
    difference = paired(second.runs, first.runs, metric.key)
    decimals = max(decimals_of(metric, [difference.mean or 0.0]), 2)
    text = with_interval(difference, decimals, sign=False)
    error = image_error(content, second, first, metric.key)
    return text if error is None else f"{text} (SE {number(error, decimals_for([error], 2))})"


def _equals(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> str:
    if ranked[0][1].count < FEWEST:
        return f"unknown from {plural(ranked[0][1].count, 'seed')}"
    equals = level(ranked, metric)[1:]
    if len(equals) > 3:
        return f"{len(equals)} of {len(ranked) - 1} others"
    return listing([escape(entry.label) for entry in equals]) or "none"


def _count(subject: Subject) -> str:
    # Columns of fixed and of tuned rates share runs.
    runs = pd.concat([group.runs for group in subject.groups]).drop_duplicates("run")
    counts = Counter(map(str, runs["status"]))
    ended = f"{plural(len(runs), 'run')}, of which {counts.pop(Status.FINISHED, 0)} finished"
    text = listing([ended, *(f"{counts[name]} {name}" for name in sorted(counts))]) + "."
    seeds = runs["seed"].nunique()
    if seeds > 1:
        return f"{text} {seeds} seeds; ± is the sample standard deviation over them."
    return f"{text} One seed: nothing is known of the spread, so a small lead may be chance."


def _variances(subject: Subject) -> Iterator[str]:
    """Say for each group what the sweep chose and what was learned in one run."""
    for group in subject.groups:
        chosen = [
            f"the sweep is best on validation data at {entry.decoder.sweep} = {entry.chosen:g}"
            for entry in group.entries
            if entry.chosen is not None
        ]
        variances = [
            f"{short(at.mean)} ({escape(entry.decoder.label)})"
            for entry in learned(subject.content, group)
            if (at := estimate(entry.runs, "variance"))
        ]
        if variances:
            chosen.append(f"the learned variance is {listing(variances)}")
        if chosen:
            yield f"{escape(group.heading)}: {'; '.join(chosen)}."


def reading(subject: Subject) -> str:
    """Return the definition of every number and word."""
    content = subject.content
    link = content.metrics_document
    more = f"Estimators and sources: [definition of every metric]({link})." if link else ""
    terms = (f"**{term}**: {text}" for term, text in TERMS.items())
    lines = bullets([*_definitions(content), *terms])
    return section("How to read each number", paragraphs(lines, more))


def _definitions(content: Content) -> Iterator[str]:
    """Yield what each metric is that tables show; those of one definition on one line."""
    keys = described(content.metrics, map(str, content.results))
    names: dict[tuple[str, str], dict[str, None]] = {}
    for metric in content.metrics:
        held = any(values(content.results, each.key).size for each in keys[metric.key])
        if held and not metric.count and metric.unit != "text":
            label = PLACEHOLDER.sub("…", metric.label)
            names.setdefault((metric.definition, metric.source), {})[label] = None
    for (definition, source), of_it in names.items():
        cited = f" ({source})" if source else ""
        yield f"**{escape(', '.join(of_it))}**: {definition}{cited}."


def files(subject: Subject) -> str:
    """Return links to the data behind the report."""
    return section(
        "Data behind this report",
        "[results.csv](results.csv) holds every run, one a row for each table that shows it, with "
        "every measurement and its unit in the name of the column. The figures are in the folder "
        "`figures`.",
    )

"""The budget, what was run, and how to read each number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reports.analysis.collapse import LEAST_KL, SHARE
from reports.analysis.intervals import FEWEST, LEVEL
from reports.analysis.moving import AWAY
from reports.analysis.statistics import values
from reports.analysis.takeoff import NEAR_CAP
from reports.content import COMMAND, PAPER, Content
from reports.metric import PLACEHOLDER, described
from reports.printing.markup import Table, bullets, code, escape, paragraphs
from reports.printing.tables import counts
from reports.sections.section import Subject, caption, section

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
    "§": "of a lower bound on the probability of the 8-bit image, which this decoder does not have "
    "in closed form: its bits/dim may be too high, not too low.",
    "‡": f"the variance has not arrived when training ends: {AWAY}.",
    "near cap": "the estimate of I_e cannot exceed ln N, N the number of images; one above "
    f"{NEAR_CAP:.0%} of it comes out too low, and its KL(m‖p) too high.",
    "diverged (k/n)": "the loss of k of n runs became infinite or not a number. *failed*: stopped "
    "by an error. *too large*: not tried, since memory is too small. *out of time*: stopped after "
    "as many seconds of training as were allowed. *not run*: no such run is in the results. *not "
    "measured*: the run finished without this measurement.",
}
"""Words of the report that are no metric."""
ENDS = "diverged|failed|too large|out of time|not run|not measured"
SIGNS = {
    "frame": "/frame",
    "measure": "^measure$",
    "collapsed": "collapsed",
    "†": "†",
    "‡": "‡",
    "near cap": "near cap",
    "diverged (k/n)": ENDS,
}
"""Word of `TERMS` -> what it is told by in a cell or heading that needs it."""


def budget(subject: Subject) -> str:
    """Return the first lines of the report: which budget made it, and what that permits."""
    name = subject.content.budget
    if name == PAPER:
        return (
            "> **Budget: paper**, the published protocol. Columns on the paper's own data stand "
            "beside the published numbers; columns with other data in their place do not."
        )
    return (
        f"> **Budget: {escape(name)}.** Only the budget `paper` may be set beside published "
        "numbers, so none of the results below are."
    )


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
        "the same for every decoder of a column."
    )
    if any(column.stands_for for group in subject.groups for column in group.columns):
        reading += (
            " Data in place of others were taken since those were not at hand or not asked for; "
            "their numbers say nothing of the original's."
        )
    return section("What was run", paragraphs(reading, bullets(columns), bullets(about)))


def columns_not_run(subject: Subject) -> str:
    """Return the columns that are missing, each with its reason."""
    lines = []
    for column in subject.not_run:
        reason = escape(column.not_run or "no run of it is in the results").rstrip(".")
        lines.append(f"**{escape(column.heading)}**: {reason}.")
    return section("Columns not run", bullets(lines), anchor="not-run")


def reading(subject: Subject) -> str:
    """Return the definition of every number and word."""
    content = subject.content
    link = content.metrics_document
    more = f"Estimators and sources: [definition of every metric]({link})." if link else ""
    terms = (f"**{term}**: {text}" for term, text in TERMS.items())
    lines = bullets([*_definitions(content), *terms])
    return section("How to read each number", paragraphs(lines, more), anchor="numbers")


def note(table: Table) -> str:
    """Return what a reader has to know of a table that stands alone: ±, bold, and each mark."""
    texts = [text for heading, _, cells in table.fields for text in (heading, *cells)]
    bold = any("**" in text for text in texts)
    marks = [word for word, sign in SIGNS.items() if any(re.search(sign, t) for t in texts)]
    terms = (f"*{word}*: {TERMS[word]}" for word in marks)
    return " ".join([caption(table.shown, marked=bold), *terms])


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

"""What people take home: which decoder, by kind of data and goal, and how sure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from reports.analysis.groups import decoders
from reports.analysis.images import image_error
from reports.analysis.intervals import FEWEST
from reports.analysis.recommend import KINDS, Contest, Recommendation, barred, recommendations
from reports.content import Content, Status
from reports.printing.cells import decimals_of, with_interval
from reports.printing.markup import LEFT, bold, bullets, escape, fold, paragraphs, table
from reports.printing.words import decimals_for, listing, number, plural
from reports.sections.section import Subject, section

NOT_KNOWN = "not known"
RULES = (
    "*Density*: bits/dim of test images. *Images*: every distance of generated images that was "
    "measured, each value of a sweep as a decoder of its own. *No tuning*: bits/dim among the "
    "decoders of which no option was swept, at one learning rate for all. *Speed*: seconds of "
    "training until the validation bits/dim reach the median of the decoders' final ones.",
    "The best mean over seeds leads, alone if the next is told apart from it (paired by seed, "
    "Student's t, Holm's correction for all pairs, as in the tables); else those behind it, down "
    "to the first that is told apart, are named with it. Nothing is known where none is told "
    "apart. Of several columns of one kind, and of several distances, only decoders that are named "
    "in each.",
    f"Below {FEWEST} seeds nothing is known, whatever the lead (SE: its standard error over test "
    "images, which leaves out another training). A printed interval is that of the one difference, "
    "not corrected.",
    "Never recommended: a decoder with a run that did not finish or collapsed, whose variance has "
    "not arrived (‡), or that is no better than a row without a code (†).",
    "Speed needs runs that had their machine for themselves.",
)


def verdict(subject: Subject) -> str:
    """Return which decoder the results recommend, and what was compared."""
    title = "Which decoder?"
    if not subject.groups:
        return section(title, "There are no runs in the results, so nothing was compared.")
    link = subject.content.metrics_document
    more = f"All rules: [metrics.md]({link}#which-decoder)." if link else ""
    rules = fold("How this is decided", bullets(RULES), more)
    lacking = listing([escape(column.heading) for column in subject.not_run])
    missing = f"Asked for and not run: {lacking} ([why](#not-run))." if lacking else ""
    return section(title, paragraphs(_count(subject), recommended({"": subject}), missing, rules))


def recommended(subjects: Mapping[str, Subject]) -> str:
    """Return the table of recommendations, and of which kinds of data nothing is known.

    Args:
        subjects: the README of a report, "" for the one that holds the table -> what it is of. For
            a kind of data speaks the first that ran it; of several, the budget stands beside it.

    """
    rows, kinds = [], set[str]()
    for report, subject in subjects.items():
        made = recommendations(subject.content, subject.groups)
        under = f"; budget {escape(subject.content.budget)}" if len(subjects) > 1 else ""
        for each in (each for each in made if each.kind not in kinds):
            sure = _sure(subject.content, each).replace("(#", f"({report}#")
            rows.append([each.kind, each.goal, _decoders(each), sure + under])
        kinds |= {each.kind for each in made}
    shown = table(["data", "goal", "decoder", "how sure"], rows, [LEFT] * 4) if rows else ""
    absent = [kind for kind in KINDS if kind not in kinds] if kinds <= set(KINDS) else []
    unknown = f"Not known for {listing(absent)}: no column of it was run." if absent else ""
    return paragraphs(shown, unknown)


def _decoders(made: Recommendation) -> str:
    names = [escape(row.label) for row in made.decoders] if not made.why else []
    if len(names) == 1:
        return bold(names[0])
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names) or NOT_KNOWN


def _sure(content: Content, made: Recommendation) -> str:
    """Return why nothing is known or how surely something is, and every lead behind it."""
    clauses = [text for contest in made.contests if (text := _clause(content, contest))]
    said = made.why or (
        f"{plural(min(each.count for each in made.contests), 'seed')}, "
        + ("told apart from the next" if len(made.decoders) == 1 else "not told apart")
    )
    return f"{said}: {'; '.join(clauses)}" if clauses else said


def _clause(content: Content, contest: Contest) -> str:
    if not contest.level:
        return ""
    first, metric = contest.level[0], contest.metric
    where = f"[{escape(contest.group.heading)}](#table-b-{contest.group.slug})"
    out = [
        f"{escape(entry.label)} ({barred(content, entry, metric) or 'fewer seeds'})"
        for entry in contest.ahead
    ]
    aside = f", left out though better: {listing(out)}" if out else ""
    name = escape(first.label)
    if contest.second is None or contest.lead is None:
        return f"{name} alone on {where}{aside}"
    if contest.lead.mean is None:
        return f"{name} leads {escape(contest.second.label)} on {where} ({contest.lead.why}){aside}"
    if contest.lead.mean == 0:
        return f"{name} and {escape(contest.second.label)} tie on {where}{aside}"
    decimals = max(decimals_of(metric, [contest.lead.mean]), 2)
    by = f"{with_interval(contest.lead, decimals, sign=False)} {metric.label}"
    error = image_error(content, contest.second, first, metric.key)
    by += "" if error is None else f" (SE {number(error, decimals_for([error], 2))})"
    return f"{name} leads {escape(contest.second.label)} by {by} on {where}{aside}"


def _count(subject: Subject) -> str:
    # Columns of fixed and of tuned rates share runs.
    runs = pd.concat([group.runs for group in subject.groups]).drop_duplicates("run")
    counts = Counter(map(str, runs["status"]))
    ended = f"{plural(len(runs), 'run')}, of which {counts.pop(Status.FINISHED, 0)} finished"
    ran = [row for row in decoders(subject.content) if row.name in set(runs["likelihood"])]
    columns = "; ".join(escape(group.heading) for group in subject.groups)
    compared = f"{plural(len(ran), 'decoder')} on {columns}: "
    text = compared + listing([ended, *(f"{counts[name]} {name}" for name in sorted(counts))]) + "."
    seeds = runs["seed"].nunique()
    if seeds > 1:
        return f"{text} {seeds} seeds; ± is the sample standard deviation over them."
    return f"{text} One seed: nothing is known of the spread, so a small lead may be chance."

"""What became of the training: which decoders diverge, how fast each learns, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reports.analysis.groups import Entry, Group
from reports.analysis.speed import BITS, Targets, curves, machines, reach, targets
from reports.analysis.statistics import estimate, summary
from reports.content import Content, Status
from reports.printing.cells import NOT_MEASURED, absent, gap, outcome, with_spread
from reports.printing.markup import RIGHT, Part, Table, bold, escape, paragraphs, table
from reports.printing.tables import decoders, metric_fields, table_of_entries
from reports.printing.words import listing, number, plural, short
from reports.sections.section import Subject, by_group

SMALLEST = "smallest_sigma_reached"
WORSE = 0.005
"""By which part bits/dim rise from the best point to the last before a report says so."""
SPEED = (
    "Training steps and seconds of training until the validation bits/dim first reach a target, on "
    "a straight line between measurements; mean ± sample standard deviation over the finished runs "
    "that reach it. Seconds are those of this machine. A decoder may be fast to an easy target and "
    "slow to a hard one, and the schedule of the learning rate is part of both."
)
PART = "evaluate_seconds_"
"""Begins the keys of the metrics that hold the seconds of one part of the evaluation."""


@by_group(
    "Stability",
    "A run diverged if its loss was not finite. *At step*: the median over the diverged runs. "
    "*Smallest σ*: the least standard deviation of any value of any validation image, "
    "at any measured step of any run, also of the diverged ones, whose last steps were "
    "not measured; a grey level is 1/255 ≈ 0.004.",
    nothing="",
)
def stability(subject: Subject, group: Group) -> Iterator[str]:
    """Yield a table where runs diverged or might have."""
    ran = [entry for entry in group.entries if len(entry.every_run)]
    diverged = (group.runs["status"] == Status.DIVERGED).any()
    if diverged or any(entry.decoder.may_diverge for entry in ran):
        rows = [[escape(entry.decoder.label), *_cells(entry)] for entry in group.entries]
        yield table(["decoder", "diverged", "at step", group.metric(SMALLEST).name], rows)


def _cells(entry: Entry) -> tuple[str, str, str]:
    runs = entry.every_run
    if runs.empty:
        return (absent(entry),) * 3
    diverged = runs["status"] == Status.DIVERGED
    steps, sigmas = _numbers(runs[diverged], "diverged_step"), _numbers(runs, SMALLEST)
    none = NOT_MEASURED if diverged.any() else "none diverged"
    return (
        f"{diverged.sum()}/{len(runs)}",
        number(float(steps.median()), 0) if len(steps) else none,
        short(float(sigmas.min())) if len(sigmas) else NOT_MEASURED,
    )


def _numbers(runs: pd.DataFrame, key: str) -> pd.Series[float]:
    """Return what the runs hold of a metric, whatever became of them."""
    values = runs.get(key, pd.Series(dtype=float))
    return pd.to_numeric(values, errors="coerce").dropna()


def mixed(content: Content) -> str:
    """Return a warning if times of the results are of several machines or versions of the code."""
    runs = machines(content)
    if len(runs) < 2:
        return ""
    parts = listing([f"{escape(on)} ({plural(count, 'run')})" for on, count in runs.most_common()])
    return f"**Times of different machines or versions of the code do not compare**: {parts}."


def caveats(content: Content) -> str:
    """Return why seconds of the results do not compare; "" if they do."""
    why = content.shared
    shared = bold(f"{why[0].upper()}{why[1:]}.") if why else ""
    return paragraphs(shared, mixed(content))


def _speed(subject: Subject) -> str:
    return paragraphs(SPEED, caveats(subject.content))


@by_group(
    "Convergence speed",
    _speed,
    nothing="No finished run recorded bits/dim during training.",
    anchor="speed",
)
def speed(subject: Subject, group: Group) -> Iterator[Part]:
    """Yield steps and seconds to two stated values of bits/dim."""
    name = group.metric(BITS).label
    timed = targets(subject.content, group, BITS)
    if timed is None:
        return
    yield (
        f"Targets: {short(timed.worst)} {name}, the worst final value of a finished run of this "
        f"table, which all of them reach; {short(timed.median)} {name}, the median over decoders "
        f"of the mean final value, which about half of them reach.{_easy(timed)}"
    )
    held = {each: list(curves(subject.content, each, BITS).values()) for each in group.entries}
    fields = [decoders(group.entries)]
    for target in dict.fromkeys((timed.worst, timed.median)):
        for over, decimals in (("steps", 0), ("seconds", 1)):
            cells = []
            for entry, every in held.items():
                times = [getattr(at, over) for curve in every if (at := reach(curve, target))]
                mean, missed = summary(np.array(times, dtype=float)), len(every) - len(times)
                text = with_spread(mean, decimals) if mean else ""
                lost = f"not reached ({missed}/{len(every)})" if missed else ""
                parts = [part for part in (text, lost, outcome(entry.runs)) if part]
                cells.append(", ".join(parts) if every else gap(entry))
            fields.append((f"{over} to {short(target)}", RIGHT, cells))
    yield table_of_entries(group.entries, fields)


def _easy(timed: Targets) -> str:
    easy = [short(each) for each in (timed.median, timed.worst) if each >= timed.untrained]
    if not easy:
        return ""
    return (
        f" A time to {listing(list(dict.fromkeys(easy)))} says little: {short(timed.untrained)} "
        "needs no training, in a row without a code or a decoder at step 0."
    )


@by_group(
    "Last step and best validation point",
    "Everything in this report is measured at the last step. Shown are decoders whose validation "
    f"bits/dim, a mean over sound runs, are there more than {WORSE:.1%} above the lowest point of "
    "the same mean. The lowest of many points flatters, most of all where there is one run.",
    nothing="",
)
def best_points(subject: Subject, group: Group) -> Iterator[str]:
    """Yield the decoders that were better before the last step."""
    rows = []
    for entry in group.entries:
        held = curves(subject.content, entry, BITS).values()
        every = [curve.set_index("step")["value"] for curve in held]
        # The best point of each run for itself would flatter more, and no less with more runs.
        mean = pd.concat(every, axis=1).dropna().mean(axis=1) if every else pd.Series(dtype=float)
        if len(mean) and mean.iloc[-1] > (1 + WORSE) * mean.min():
            last, best, step = mean.iloc[-1], mean.min(), mean.index[int(mean.argmin())]
            cells = (number(last, 3), number(best, 3), number(step, 0))
            rows.append([escape(entry.label), *cells])
    headings = ["decoder", "last step", "best validation point", "at step"]
    if rows:
        yield table(headings, rows)


def _clock(subject: Subject) -> str:
    used = subject.content.results.get("device", pd.Series(dtype=str))
    devices = sorted(set(used.dropna().astype(str)))
    on = f" on {escape(listing(devices))}" if devices else ""
    reading = (
        f"Seconds of wall-clock time{on} for one run; they compare within this report only, and "
        "only if nothing else ran on the machine. *All runs* adds training and evaluation over all "
        "seeds and, for a swept option, over all its values: the price of its row."
    )
    return paragraphs(reading, caveats(subject.content))


@by_group("Costs", _clock, nothing="")
def costs(subject: Subject, group: Group) -> tuple[Table, str]:
    """Return what each decoder cost, and who took longer to evaluate than to train."""
    times = [group.metric("train_seconds"), group.metric("evaluate_seconds")]
    metrics = [group.metric("parameters"), *group.measured("step_memory_megabytes"), *times]
    fields = [
        decoders(group.entries),
        *metric_fields(group.entries, metrics),
        ("runs", RIGHT, [str(len(entry.every_run)) for entry in group.entries]),
        ("all runs (s)", RIGHT, [_total(entry) for entry in group.entries]),
    ]
    return table_of_entries(group.entries, fields), _slower(group)


def _slower(group: Group) -> str:
    slower, parts = [], [metric.key for metric in group.measured(f"{PART}{{part}}")]
    for entry in group.entries:
        train, evaluate = (estimate(entry.runs, f"{p}_seconds") for p in ("train", "evaluate"))
        if train and evaluate and evaluate.mean > train.mean:
            means = [(mean.mean, key) for key in parts if (mean := estimate(entry.runs, key))]
            seconds, longest = max(means, key=lambda pair: pair[0], default=(0.0, ""))
            most = f", {short(seconds)} s of it {longest.removeprefix(PART)}" if longest else ""
            times = f"{short(evaluate.mean)} s against {short(train.mean)} s{most}"
            slower.append(f"{escape(entry.label)} ({times})")
    return f"Evaluation took longer than training for {listing(slower)}." if slower else ""


def _total(entry: Entry) -> str:
    runs = entry.every_run
    if runs.empty:
        return absent(entry)
    seconds = pd.concat([_numbers(runs, key) for key in ("train_seconds", "evaluate_seconds")])
    return number(float(seconds.sum()), 1) if len(seconds) else NOT_MEASURED

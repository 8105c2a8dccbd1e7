"""Which decoders diverge, and how narrow they become on the way."""

from __future__ import annotations

import pandas as pd

from reports.cells import NOT_MEASURED, absent
from reports.comparison import Entry, Group
from reports.markup import RIGHT, escape, number, paragraphs, short, table
from reports.sections.section import Section, Subject, subsection

DIVERGED, SMALLEST = "diverged", "smallest_sigma_reached"


def stability(subject: Subject) -> Section:
    """Return a table for each group in which runs diverged or might have; else nothing."""
    shown = [group for group in subject.groups if any(_concerned(e) for e in group.entries)]
    if not shown:
        return Section("Stability", "")
    return Section(
        "Stability",
        paragraphs(
            "A run diverged if its loss, or at the end its bound, a posterior or a generated "
            "image, was not finite. *At step*: the median over the diverged runs. *Smallest σ*: "
            "the least standard deviation of any value of any validation image, at any measured "
            "step of any run, also of the diverged ones, whose last steps were not measured; a "
            "grey level is 1/255 ≈ 0.004.",
            *(subsection(group, _table(group)) for group in shown),
        ),
    )


def _concerned(entry: Entry) -> bool:
    runs = entry.every_run
    return len(runs) > 0 and (entry.decoder.may_diverge or bool(_diverged(runs).any()))


def _diverged(runs: pd.DataFrame) -> pd.Series[bool]:
    return runs["status"] == DIVERGED


def _table(group: Group) -> str:
    rows = [[escape(entry.decoder.label), *_cells(entry)] for entry in group.entries]
    headers = ["decoder", "diverged", "at step", "smallest σ"]
    return table(headers, rows, ["left", *[RIGHT] * 3])


def _cells(entry: Entry) -> tuple[str, str, str]:
    runs = entry.every_run
    if runs.empty:
        return (absent(entry),) * 3
    diverged = _diverged(runs)
    steps, sigmas = _numbers(runs[diverged], "diverged_step"), _numbers(runs, SMALLEST)
    none = "none diverged" if not diverged.any() else NOT_MEASURED
    return (
        f"{diverged.sum()}/{len(runs)}",
        number(float(steps.median()), 0) if len(steps) else none,
        short(float(sigmas.min())) if len(sigmas) else NOT_MEASURED,
    )


def _numbers(runs: pd.DataFrame, column: str) -> pd.Series[float]:
    """Return what the runs hold in a column, whatever became of them."""
    found = runs.get(column, pd.Series(dtype=float))
    return pd.to_numeric(found, errors="coerce").dropna()

"""The tables that hold one row a decoder. No cell is left empty."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.analysis.groups import Entry, Group, lacking
from reports.analysis.ranks import WITHOUT_CODE
from reports.analysis.statistics import values
from reports.analysis.takeoff import near_cap
from reports.metric import Metric
from reports.printing.cells import cell, cells, decimals_of
from reports.printing.markup import LEFT, RIGHT, Field, Part, Table, escape
from reports.printing.words import listing, number


def decoders(entries: Sequence[Entry]) -> Field:
    """Return the field that names the decoders."""
    return "decoder", LEFT, [escape(entry.label) for entry in entries]


def metric_fields(entries: Sequence[Entry], metrics: Sequence[Metric]) -> list[Field]:
    """Return the fields that show these metrics."""
    return [(metric.heading, RIGHT, cells(entries, metric)) for metric in metrics]


def table_of_entries(entries: Sequence[Entry], fields: Sequence[Field]) -> Table:
    """Return the table with these fields side by side, a row an entry; others may follow."""
    return Table(fields, [entry.runs for entry in entries])


def metric_table(group: Group, metrics: Sequence[Metric]) -> Part:
    """Return the table of these metrics, rows without a code below; "" without any."""
    fields = [decoders(group.entries), *metric_fields(group.entries, metrics)]
    return (
        table_of_entries(group.entries, with_references(group, fields, metrics)) if metrics else ""
    )


def with_references(
    group: Group, fields: Sequence[Field], metrics: Sequence[Metric]
) -> list[Field]:
    """Return the fields with a row for each reference without a code that some metric has."""
    by_heading = {metric.heading: metric for metric in metrics}
    rows = []
    for reference in WITHOUT_CODE:
        printed = {"decoder": f"*{reference.name}*", "measure": reference.measure}
        for heading, metric in by_heading.items():
            if reached := reference.reached(group.runs, metric):
                printed[heading] = number(reached[0], decimals_of(metric, reached))
        if by_heading.keys() & printed.keys():
            rows.append(printed)
    return [
        (heading, side, [*cells, *(printed.get(heading, "-") for printed in rows)])
        for heading, side, cells in fields
    ]


def information_fields(group: Group, entries: Sequence[Entry]) -> list[Field]:
    """Return I_e(x;z), marked where it is near its cap, and KL(m‖p)."""
    information = group.metric("information_nats")
    marks = [" (near cap)" if near_cap(entry.runs) else "" for entry in entries]
    printed = [cell(entry, information) + mark for entry, mark in zip(entries, marks, strict=True)]
    marginal = metric_fields(entries, [group.metric("marginal_kl_nats")])
    return [(information.heading, RIGHT, printed), *marginal]


def without_information(group: Group) -> str:
    """Return why I_e(x;z) and KL(m‖p) were not measured, as a sentence; "" if they were."""
    reason = lacking(group.runs, "information")
    if not reason:
        return ""
    names = " and ".join(group.metric(key).name for key in ("information_nats", "marginal_kl_nats"))
    return f"{names} were not measured: {reason}."


def layer_table(group: Group) -> Part:
    """Return the KL of each stochastic layer of a hierarchical model; "" for any other."""
    layers = group.measured("kl_layer_{layer}_nats")
    return metric_table(group, [*layers, group.metric("kl_nats")] if layers else [])


def numbers(runs: pd.DataFrame, key: str) -> list[str]:
    """Return the different whole numbers that the runs hold, ascending."""
    return [number(each, 0) for each in sorted(set(values(runs, key)))]


def counts(group: Group, metrics: Sequence[Metric]) -> list[str]:
    """Return such as "64 test images"; a number that differs between runs is shown as such."""
    held = {metric.name: numbers(group.runs, metric.key) for metric in metrics}
    return [
        f"{listing(each)} {name}{' (differs!)' if len(each) > 1 else ''}"
        for name, each in held.items()
    ]

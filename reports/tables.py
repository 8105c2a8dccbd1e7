"""The tables: decoders (B), sweep (A), costs, and the best of each. No cell is left empty."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports.cells import (
    BITS,
    CALIBRATION,
    NOT_MEASURED,
    PSNR,
    SSIM,
    Metric,
    absent,
    cell,
    cells,
    generated,
    level,
    nll,
    ranking,
    with_spread,
)
from reports.comparison import Entry, Group, learned
from reports.content import Content, Features
from reports.markup import (
    LEFT,
    RIGHT,
    decimals_for,
    escape,
    listing,
    number,
    plural,
    short,
    table,
)
from reports.published import TABLE_B, Published
from reports.statistics import Estimate, estimate, values
from reports.takeoff import near_cap
from reports.uncertainty import FEWEST

MEMORY = Metric("step_memory_megabytes", "memory of a step (MB)", constant=True)
LAYER = re.compile(r"kl_layer_(\d+)_nats")
"""Columns of the results that hold the KL of one stochastic layer."""

COVERAGE = re.compile(r"coverage_(\d+)_percent")
"""Columns of the results that hold the coverage of one central interval."""

Columns = Sequence[tuple[str, str, Sequence[str]]]
"""Heading, side and cells of each column of a table."""


def headline_metrics(content: Content, group: Group) -> list[Metric]:
    """Return the headline measures of generated images that some run of the group holds."""
    return [
        generated(measure)
        for features in content.quality
        for measure in features.headlines
        if values(group.runs, measure.column).size
    ]


def decoder_table(content: Content, group: Group) -> str:
    """Return table B of one group: native NLL, bits/dim and Frechet distances of every decoder."""
    entries = group.entries
    columns = [
        ("decoder", LEFT, [escape(entry.label) for entry in entries]),
        ("measure", LEFT, [_measure(entry) for entry in entries]),
        *measured(entries, [nll(group.unit), BITS, *headline_metrics(content, group)]),
    ]
    if len({len(entry.runs) for entry in entries if len(entry.runs)}) > 1:
        columns.append(("runs", RIGHT, [str(len(entry.runs)) for entry in entries]))
    published = group.published(content.budget)
    if published:
        beside = [TABLE_B[published].get(entry.decoder.name) for entry in entries]
        columns.append(("published NLL", RIGHT, [_published(each, "nll_nats") for each in beside]))
        columns.append(("published FID", RIGHT, [_published(each, "fid") for each in beside]))
    return from_columns(columns)


def sweep_table(content: Content, group: Group) -> str:
    """Return table A of one group: every value of a sweep, then each learned variance.

    The group must hold a sweep.
    """
    swept = [
        Entry(entry.decoder, setting.runs, chosen=setting.value)
        for entry in group.entries
        for setting in entry.settings
    ]
    rows = [*swept, *learned(content, group)]
    option = next(entry.decoder.sweep or "" for entry in group.entries if entry.settings)
    columns = [
        ("decoder", LEFT, [escape(entry.decoder.label) for entry in rows]),
        (option, RIGHT, ["learned" if e.chosen is None else f"{e.chosen:g}" for e in rows]),
        ("variance σ²", RIGHT, [_variance(entry) for entry in rows]),
        *measured(rows, [nll(group.unit), BITS, *headline_metrics(content, group)]),
        ("I_e(x;z) (nats)", RIGHT, [information(entry) for entry in rows]),
        *measured(rows, [Metric("marginal_kl_nats", "KL(m‖p) (nats)", 2)]),
    ]
    return from_columns(columns)


def quality_table(features: Features, group: Group) -> str:
    """Return every measure of generated images on these features; "" where there is none."""
    found = [each for each in features.measures if values(group.runs, each.column).size]
    if not found:
        return ""
    return from_columns(
        [
            ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
            *measured(group.entries, [generated(measure) for measure in found]),
        ]
    )


def layer_table(group: Group) -> str:
    """Return the KL of each stochastic layer of a hierarchical model; "" for any other."""
    found = [name for name in map(str, group.runs) if LAYER.fullmatch(name)]
    layers = [name for name in found if values(group.runs, name).size]
    if not layers:
        return ""
    numbered = sorted((int(LAYER.sub(r"\1", name)), name) for name in layers)
    return from_columns(
        [
            ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
            *measured(
                group.entries,
                [
                    *(Metric(name, f"layer {number} (nats)", 2) for number, name in numbered),
                    Metric("kl_nats", "KL (nats)", 2),
                ],
            ),
        ]
    )


def video_table(group: Group) -> str:
    """Return how well each decoder predicts whole videos; "" for any other data."""
    if not group.video:
        return ""
    return from_columns(
        [
            ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
            *measured(
                group.entries,
                [
                    SSIM,
                    PSNR,
                    replace(nll("video"), column="nll_nats_per_sequence"),
                    Metric("kl_nats_per_sequence", "KL (nats/video)", 2),
                ],
            ),
        ]
    )


def calibration_table(group: Group) -> str:
    """Return how well each decoder is calibrated; "" where that was not measured."""
    if not values(group.runs, CALIBRATION.column).size:
        return ""
    found = {name: COVERAGE.fullmatch(str(name)) for name in group.runs}
    intervals = sorted((int(match[1]), name) for name, match in found.items() if match)
    return from_columns(
        [
            ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
            *measured(
                group.entries,
                [
                    CALIBRATION,
                    *(Metric(str(name), f"in {c} % interval (%)", 1) for c, name in intervals),
                ],
            ),
        ]
    )


def cost_table(group: Group) -> str:
    """Return what each decoder cost: parameters, seconds of one run, seconds of all its runs."""
    known = values(group.runs, MEMORY.column).size
    columns = [
        ("decoder", LEFT, [escape(entry.label) for entry in group.entries]),
        *measured(
            group.entries,
            [
                Metric("parameters", "parameters", 0, constant=True),
                *([MEMORY] if known else []),
                Metric("train_seconds", "training (s)", 1),
                Metric("evaluate_seconds", "evaluation (s)", 1),
            ],
        ),
        ("runs", RIGHT, [str(len(entry.every_run)) for entry in group.entries]),
        ("all runs (s)", RIGHT, [_total(entry) for entry in group.entries]),
    ]
    return from_columns(columns)


def best_table(content: Content, groups: Sequence[Group]) -> str:
    """Return the two lowest of each group by bits/dim and by each headline; may be "".

    A last column says who cannot be told apart from the lowest, so that no lead is read as a win
    that is none.
    """
    rows = []
    for group in groups:
        for metric in (BITS, *headline_metrics(content, group)):
            ranked = ranking(group.entries, metric)
            if not ranked:
                continue
            decimals = metric.decimals
            if decimals is None:
                decimals = decimals_for(found.mean for _, found in ranked)
            printed = [(escape(e.label), with_spread(found, decimals)) for e, found in ranked]
            means = [number(found.mean, decimals) for _, found in ranked]
            ties = means.count(means[0])
            lowest = f"{ties} decoders tie: {means[0]}" if ties > 1 else ": ".join(printed[0])
            second = ": ".join(printed[ties]) if ties < len(printed) else "no other"
            equals = _equals(ranked, metric)
            rows.append([escape(group.heading), metric.name, lowest, second, equals])
    headings = ["data", "measured by", "lowest", "second", "not told apart from the lowest"]
    return table(headings, rows, [LEFT] * 5) if rows else ""


def _equals(ranked: Sequence[tuple[Entry, Estimate]], metric: Metric) -> str:
    if ranked[0][1].count < FEWEST:
        return f"unknown from {plural(ranked[0][1].count, 'seed')}"
    found = level(ranked, metric)[1:]
    if len(found) > 3:
        return f"{len(found)} of {len(ranked) - 1} others"
    return listing([escape(entry.label) for entry in found]) if found else "none"


def _measure(entry: Entry) -> str:
    return entry.measure or (absent(entry) if entry.every_run.empty else "not recorded")


def _variance(entry: Entry) -> str:
    found = estimate(entry.runs, "variance")
    if found is None:
        return cell(entry, Metric("variance", ""))
    mean = short(found.mean)
    return mean if not found.spread else f"{mean} ± {found.spread:.1g}"


def information(entry: Entry) -> str:
    """Return the printed I_e(x;z) of an entry; near ln N, that it is too low."""
    text = cell(entry, Metric("information_nats", "", 2))
    return f"{text} (near cap)" if near_cap(entry.runs) else text


def _published(found: Published | None, field: str) -> str:
    if found is None:
        return "not in the paper"
    value: float | None = getattr(found, field)
    return found.blank if value is None else f"{value:g}"


def _total(entry: Entry) -> str:
    runs = entry.every_run
    if runs.empty:
        return absent(entry)
    columns = [name for name in ("train_seconds", "evaluate_seconds") if name in runs]
    seconds = runs[columns].apply(pd.to_numeric, errors="coerce")
    return number(float(seconds.sum().sum()), 1) if seconds.notna().any(axis=None) else NOT_MEASURED


def measured(
    entries: Sequence[Entry], metrics: Sequence[Metric]
) -> list[tuple[str, str, list[str]]]:
    """Return the columns of a table that show these metrics."""
    return [(metric.heading, RIGHT, cells(entries, metric)) for metric in metrics]


def from_columns(columns: Columns) -> str:
    """Return the table whose columns are handed over."""
    rows = zip(*(printed for _, _, printed in columns), strict=True)
    return table(
        [heading for heading, _, _ in columns],
        [list(row) for row in rows],
        [side for _, side, _ in columns],
    )

"""How a learned variance compares with a sweep of fixed ones: claims 2 and 3."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from reports.analysis.groups import SELECTORS, Entry, Group
from reports.analysis.intervals import LEVEL, Effect, by_seed, differences, effect, paired
from reports.analysis.statistics import estimate, sound, values
from reports.analysis.takeoff import INFORMATION, NoTakeOff, take_off, variance_of
from reports.analysis.verdict import BELOW, Region
from reports.claims.evidence import (
    Absent,
    Finding,
    Rival,
    called,
    entry_of,
    judge,
    measured,
    none_below,
    noted,
    settled,
    undecided,
)
from reports.content import Content
from reports.metric import Metric
from reports.printing.cells import short_interval
from reports.printing.tables import without_information
from reports.printing.words import listing, number
from reports.published import SWEPT

MARGIN_BITS, MARGIN_SHARE = 0.02, 0.05
"""A loss of up to this is none: in bits/dim, and as a share of the distance of a β."""


def sweep_of(group: Group) -> Entry:
    """Return the entry whose β was swept.

    Raises:
        Absent: it was not run, or with one value alone.

    """
    entry = entry_of(group, SWEPT)
    if len(entry.settings) < 2:
        raise Absent(f"{called(group, SWEPT)} was not swept over several values")
    return entry


def not_worse(quantity: str, content: Content, group: Group, name: str, metric: Metric) -> Finding:
    """Judge against every β, since the best by one measure is not the best by another.

    Only values with the most sound runs count, as where the best is chosen.
    """
    own = settled(content, entry_of(group, name))
    sweep = measured(sweep_of(group), metric)
    most = max(len(sound(each.runs)) for each in sweep.settings)
    rivals = [
        Rival(f"β = {each.value:g}", each.runs, _margin(each.runs, metric))
        for each in sweep.settings
        if len(sound(each.runs)) == most and values(each.runs, metric.key).size
    ]
    return none_below(quantity, measured(own, metric), rivals, metric)


def _margin(runs: pd.DataFrame, metric: Metric) -> float:
    """Return up to which loss a decoder matches a value of a sweep by a metric."""
    if metric.headline:
        return MARGIN_SHARE * abs(float(values(runs, metric.key).mean()))
    if not metric.native:
        return MARGIN_BITS
    size = values(runs, "dimensions")
    if not size.size:
        raise Absent("the number of values of an image was not recorded")
    return MARGIN_BITS * math.log(2) * float(size[0])


def near_best(quantity: str, content: Content, group: Group, name: str) -> Finding:
    """Judge whether σ² lies near the variance of the β with the best validation NLL."""
    own, sweep = settled(content, entry_of(group, name)), sweep_of(group)
    chosen = next(each for each in sweep.settings if each.value == sweep.chosen)
    best = math.log10(variance_of(chosen))
    learned = _place(content, own, best)
    half = _half_step(sweep, best + math.copysign(1e-6, learned.mean or 0.0))
    quantity += f" (half a step of the sweep: {half:.2f})"
    finding = judge(quantity, learned, Region(-half, half))
    if sweep.chosen in (sweep.settings[0].value, sweep.settings[-1].value):
        reason = "the best β lies at an end of the sweep, so a better one may lie beyond"
        return undecided(finding, reason)
    others = [each for each in sweep.settings if each is not chosen]
    behind = [paired(sweep.runs, each.runs, SELECTORS[0]) for each in others]
    rivals = [
        f"{each.value:g}"
        for each, difference in zip(others, behind, strict=True)
        if difference.interval and BELOW.supported(difference) > 1 - LEVEL
    ]
    return undecided(finding, f"the best β may be {listing(rivals)}") if rivals else finding


def _place(content: Content, entry: Entry, zero: pd.Series[float] | float) -> Effect:
    """Return log10 of the variance minus `zero`, over seeds."""
    variances = by_seed(settled(content, entry).runs, "variance")
    if not variances.size or not (np.isfinite(variances) & (variances > 0)).all():
        raise Absent(f"the variance of {entry.decoder.label} was not measured")
    if not isinstance(zero, pd.Series):
        zero = pd.Series(zero, index=variances.index)
    found = effect(differences(variances.map(math.log10), zero))
    return replace(found, lost=len(entry.runs) - found.count)


def _half_step(entry: Entry, place: float) -> float:
    """Return half the gap (log10) between the variances of a sweep around a place."""
    variances = [variance_of(each) for each in entry.settings]
    places = np.unique(np.round(np.log10(variances), 9))
    if places.size < 2:
        raise Absent("the values of the sweep have one variance")
    right = int(np.clip(np.searchsorted(places, place), 1, places.size - 1))
    return float(places[right] - places[right - 1]) / 2


def on_plateau(quantity: str, content: Content, group: Group, name: str) -> Finding:
    """Judge whether σ² lies where I_e leaves its plateau: beyond is too little information.

    I_e of N images is at most ln N by definition, so a plateau at ln N is one as any other.
    """
    sweep = sweep_of(group)
    end = take_off(sweep, INFORMATION)
    if isinstance(end, NoTakeOff):
        raise Absent(without_information(group).rstrip(".") or end.why)
    if end.by_seed.empty:
        raise Absent("the end of the plateau has no interval over seeds")
    entry, at = entry_of(group, name), math.log10(end.variance)
    learned = _place(content, entry, end.by_seed)
    half = _half_step(sweep, at)
    images = values(group.runs, "information_images").max(initial=0)
    quantity += (
        f" (plateau ends at {short_interval(end.variance, end.interval)}, half a step of the "
        f"sweep: {half:.2f}, N = {number(images, 0)})"
    )
    finding = judge(quantity, learned, Region(-half, half))
    if end.capped:
        finding = replace(finding, only=f"N = {number(images, 0)}")
    keys = ("information_nats", "information_upper_nats")
    known = [number(each.mean, 2) for key in keys if (each := estimate(entry.runs, key))]
    return noted(finding, f"I_e = {' to '.join(known)} nats") if known else finding

"""The decoders of the paper, and which entry of a group is the evidence of each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import Effect, paired
from reports.analysis.statistics import estimate, finished, values
from reports.analysis.verdict import BELOW, Verdict
from reports.claims.evidence import Absent, Finding, judge, measured, ranked
from reports.content import run_options
from reports.metric import Metric
from reports.printing.cells import outcome
from reports.printing.words import listing
from reports.published import OPTIMAL, TABLE_B

PER_PIXEL, PER_IMAGE = "per_pixel_sigma", "optimal_per_image_sigma"
SHARED, SWEPT = "shared_sigma", "beta_vae"
BERNOULLI, CATEGORICAL = "bernoulli", "categorical"

DECODERS = frozenset(name for column in TABLE_B.values() for name in column)
"""Those of the paper, which its claims are about."""


def of_the_paper(group: Group) -> Group:
    """Return a group without the decoders that the paper does not have."""
    kept = tuple(entry for entry in group.entries if entry.decoder.name in DECODERS)
    return replace(group, entries=kept)


def entry_of(group: Group, name: str) -> Entry:
    """Return the entry of a likelihood, with default options where there are several."""
    entries = [
        entry
        for entry in group.entries
        if entry.decoder.name == name and len(entry.every_run) and not unbounded(entry)
    ]
    if not entries:
        raise Absent(f"{name} was not run")
    entry = min(entries, key=lambda each: bool(each.decoder.options))
    if finished(entry.every_run).empty:
        raise Absent(f"no run of {name} finished: {outcome(entry.every_run)}")
    if entry.undecided:
        raise Absent(f"no value of the sweep of {name} could be chosen")
    return entry


def better_learned(group: Group) -> Entry:
    """Return the better of the learned shared variances, by validation NLL as the sweep's best."""
    candidates = []
    reasons = []
    for name in (SHARED, OPTIMAL):
        try:
            entry = entry_of(group, name)
        except Absent as reason:
            reasons.append(str(reason))
            continue
        chosen_by = estimate(entry.runs, "validation_nll_nats")
        candidates.append((chosen_by.mean if chosen_by else math.inf, entry))
    if not candidates:
        raise Absent("; ".join(reasons))
    return min(candidates, key=lambda pair: pair[0])[1]


def sweep_of(group: Group) -> Entry:
    """Return the decoder that was swept, over several values."""
    entry = entry_of(group, SWEPT)
    if len(entry.settings) < 2:
        raise Absent(f"{SWEPT} was not swept over several values")
    return entry


def unbounded(entry: Entry) -> bool:
    """Tell whether the bounds of the scale were turned off."""
    if entry.every_run.empty:
        return False
    options = run_options(entry.every_run).iloc[0]
    return "bounds" in options and options["bounds"] in (None, "none", "None")


def no_frechet(group: Group) -> Iterator[Finding]:
    """Yield that no Frechet distance was measured, where none was."""
    if not group.headlines:
        yield Finding("Frechet distance", "none", Verdict.NOT_DECIDED, "not measured here", False)


def lowest(
    quantity: str, group: Group, name: str, among: Sequence[Entry], metric: Metric
) -> Finding:
    """Return whether a decoder is the lowest: told apart from every other, or any told below it."""
    entry = measured(entry_of(group, name), metric)
    others = [
        each
        for each in among
        if each is not entry and each.measure and values(each.runs, metric.key).size
    ]
    if not others:
        raise Absent(f"no other decoder was measured by {metric.label}")
    pairs = [(each, paired(entry.runs, each.runs, metric.key)) for each in others]
    known = [(e, d) for e, d in pairs if d.mean is not None]
    if not known:
        raise Absent("no seed was measured in both")
    closest, difference = max(known, key=lambda pair: pair[1].mean or 0.0)
    finding = judge(f"{quantity} ({closest.decoder.name})", difference, BELOW, metric.decimals)
    return _against_all(ranked(finding, entry, others, metric), pairs)


def _against_all(finding: Finding, pairs: Sequence[tuple[Entry, Effect]]) -> Finding:
    verdicts = {
        each.decoder.name: BELOW.verdict(d.interval) if d.interval and not d.lost else None
        for each, d in pairs
    }
    below = [name for name, verdict in verdicts.items() if verdict is Verdict.REFUTED]
    open_ = [name for name, verdict in verdicts.items() if verdict is not Verdict.SUPPORTED]
    if below:
        return replace(finding, verdict=Verdict.REFUTED, reason=f"{listing(below)} told below it")
    if not open_:
        return replace(finding, verdict=Verdict.SUPPORTED, reason="told apart from every other")
    if all(verdict is None for verdict in verdicts.values()):
        return finding
    reason = f"not told apart from {listing(open_)}"
    return replace(finding, verdict=Verdict.NOT_DECIDED, reason=reason)

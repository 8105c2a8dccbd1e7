"""Claim 5: which learned variance converges faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reports.analysis.groups import Group
from reports.analysis.intervals import Effect, effect
from reports.analysis.speed import NLL, curves, log_ratios
from reports.analysis.verdict import BELOW
from reports.claims.decoders import OPTIMAL, SHARED, entry_of
from reports.claims.evidence import Absent, Claim, Finding, judge, piece
from reports.content import Content


def _converges_faster(content: Content, group: Group) -> Iterator[Finding]:
    for over in ("steps", "seconds"):
        quantity = f"ln({over} of {OPTIMAL} / {over} of {SHARED})"
        yield piece(quantity, _sooner, content, group, over)


def _sooner(quantity: str, content: Content, group: Group, over: str) -> Finding:
    return judge(quantity, _log_ratio(content, group, over), BELOW, 2)


def _log_ratio(content: Content, group: Group, over: str) -> Effect:
    """Return the log ratio of the times to the worse of the two final NLLs of each seed."""
    entries = [entry_of(group, name) for name in (OPTIMAL, SHARED)]
    first, second = (curves(content, entry, NLL) for entry in entries)
    seeds = sorted(set(first) & set(second))
    if not seeds:
        raise Absent("no seed has the validation NLL of both during training")
    ratios = log_ratios(first, second, over)
    early = [seed for seed in seeds if seed not in ratios]
    if early:
        raise Absent(f"seed {early[0]} is there before the first step")
    planned = {int(seed) for entry in entries for seed in entry.runs["seed"]}
    return replace(effect(np.array(list(ratios.values()))), lost=len(planned) - len(ratios))


CONVERGES_FASTER = Claim(
    "The optimal variance converges faster than the one learned by gradient.",
    "Steps and seconds until the validation NLL first reaches the worse of the two final "
    "values of the same seed, log ratio of the optimal variance to the one learned by "
    "gradient: supported below 0.",
    ("speed", "convergence"),
    _converges_faster,
)

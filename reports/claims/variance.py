"""Claims 1 to 3 and 5: variances that were learned, against the unit one, a sweep, each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import Effect, by_seed, effect, paired
from reports.analysis.speed import NLL, curves, log_ratios
from reports.analysis.statistics import estimate
from reports.analysis.takeoff import NoTakeOff, TakeOff, take_off, variance_of
from reports.analysis.verdict import BELOW, Region, Verdict
from reports.claims.decoders import SHARED, better_learned, entry_of, no_frechet, sweep_of
from reports.claims.evidence import Absent, Claim, Finding, judge, measured, noted, piece, shifted
from reports.content import Content
from reports.metric import Metric
from reports.printing.tables import without_information
from reports.printing.words import number, short
from reports.published import OPTIMAL, UNIT

MARGIN = 0.01
"""A loss of up to this share of the range of the sweep's NLL is none."""


def _beats_unit_variance(content: Content, group: Group) -> Iterator[Finding]:
    del content
    for name in (SHARED, OPTIMAL):
        for metric in (group.metric("nll_nats"), group.metric("bits_per_dim"), *group.headlines):
            yield piece(f"{metric.label}: {name} − {UNIT}", _below_unit, group, name, metric)
    yield from no_frechet(group)


def _below_unit(quantity: str, group: Group, name: str, metric: Metric) -> Finding:
    a, b = (measured(entry_of(group, each), metric) for each in (name, UNIT))
    return judge(quantity, paired(a.runs, b.runs, metric.key), BELOW, metric.decimals)


def _matches_best_beta(content: Content, group: Group) -> Iterator[Finding]:
    del content
    yield piece("NLL: learned − best β", _not_worse, group)
    yield piece("log10(σ² / best β)", _near_best, group)


def _not_worse(quantity: str, group: Group) -> Finding:
    sweep, own, metric = sweep_of(group), better_learned(group), group.metric("nll_nats")
    means = [mean.mean for s in sweep.settings if (mean := estimate(s.runs, metric.key))]
    if len(means) < 2 or not np.isfinite(means).all():
        raise Absent("fewer than two values of the sweep have an NLL")
    margin = MARGIN * float(np.ptp(means))
    quantity += f" = {sweep.chosen:g} ({own.decoder.name}, margin {short(margin)})"
    difference = paired(measured(own, metric).runs, measured(sweep, metric).runs, metric.key)
    return judge(quantity, difference, Region(high=margin), metric.decimals)


def _near_best(quantity: str, group: Group) -> Finding:
    sweep, own = sweep_of(group), better_learned(group)
    chosen = next(each for each in sweep.settings if each.value == sweep.chosen)
    best, learned = math.log10(variance_of(chosen)), _log_variance(own)
    half = _step(sweep, best, best if learned.mean is None else learned.mean) / 2
    quantity += f" ({own.decoder.name}, half a step of the sweep: {half:.2f})"
    finding = judge(quantity, shifted(learned, -best), Region(-half, half), 2)
    if sweep.chosen not in (sweep.settings[0].value, sweep.settings[-1].value):
        return finding
    reason = "the best β lies at an end of the sweep, so a better one may lie beyond"
    return replace(finding, verdict=Verdict.NOT_DECIDED, reason=reason)


def _log_variance(entry: Entry) -> Effect:
    """Return log10 of the variance, over seeds."""
    measured = by_seed(entry.runs, "variance").to_numpy(dtype=np.float64)
    if not measured.size or not (np.isfinite(measured) & (measured > 0)).all():
        raise Absent(f"the variance of {entry.decoder.name} was not measured")
    return replace(effect(np.log10(measured)), lost=len(entry.runs) - measured.size)


def _step(entry: Entry, place: float, at: float) -> float:
    """Return the gap of the sweep (log10) between `place` and its neighbour on the side of `at`."""
    places = np.log10([variance_of(each) for each in entry.settings])
    beyond = places[places > place + 1e-9] if at > place else places[places < place - 1e-9]
    if beyond.size:
        return float(np.abs(beyond - place).min())
    others = places[np.abs(places - place) > 1e-9]
    if not others.size:
        raise Absent("the values of the sweep have one variance")
    return float(np.abs(others - place).min())


def _at_inflection(content: Content, group: Group) -> Iterator[Finding]:
    del content
    for name in (SHARED, OPTIMAL):
        yield piece(f"log10(σ² / take-off): {name}", _near_take_off, group, name)


def _near_take_off(quantity: str, group: Group, name: str) -> Finding:
    sweep = sweep_of(group)
    rise = take_off(sweep)
    if isinstance(rise, NoTakeOff):
        raise Absent(without_information(group).rstrip(".") or rise.why)
    at = math.log10(rise.variance)
    learned = _log_variance(entry_of(group, name))
    region = _around(sweep, rise)
    low, high = (short(10 ** (at + edge)) for edge in (region.low, region.high))
    quantity += f" (take-off at {_place(rise)}, region {low} to {high})"
    finding = judge(quantity, shifted(learned, -at), region, 2)
    here = estimate(entry_of(group, name).runs, "information_nats")
    if here:
        finding = noted(finding, f"I_e = {number(here.mean, 2)} nats")
    if not rise.capped:
        return finding
    reason = "I_e is near its cap ln N at the take-off, so KL(m‖p) and the take-off are unreliable"
    return replace(finding, verdict=Verdict.NOT_DECIDED, reason=reason)


def _place(rise: TakeOff) -> str:
    low, high = short(rise.interval.low), short(rise.interval.high)
    return f"{short(rise.variance)} [{low}, {high}]"


def _around(sweep: Entry, rise: TakeOff) -> Region:
    """Return the interval of the take-off, half a step of the sweep wider, as log10 ratios."""
    at = math.log10(rise.variance)
    places = np.sort(np.log10([variance_of(each) for each in sweep.settings]))
    right = min(max(1, int(np.searchsorted(places, at))), len(places) - 1)
    half = float(places[right] - places[right - 1]) / 2
    low, high = (math.log10(edge) - at for edge in (rise.interval.low, rise.interval.high))
    return Region(low - half, high + half)


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


BEATS_UNIT_VARIANCE = Claim(
    "A learned shared variance (shared or optimal) beats the unit-variance Gaussian in NLL and "
    "in FID, on every data set.",
    "Native NLL (all are densities), bits/dim and each Frechet distance minus those of the "
    "unit-variance Gaussian: supported below 0.",
    ("table-b", "differences"),
    _beats_unit_variance,
)
MATCHES_BEST_BETA = Claim(
    "It matches or beats the best β of a hand-tuned sweep in one run, and its effective "
    "β = σ² lies near the best β.",
    "The learned variance with the lower validation NLL minus the best β of the sweep: "
    f"supported if the NLL is not worse by {MARGIN:.0%} of the range of the sweep's mean NLLs, "
    "and if σ² lies within half a step of the sweep (log10, towards σ²) of the variance of "
    "the best β. No verdict on the place if the best β lies at an end of the sweep.",
    ("table-a", "differences"),
    _matches_best_beta,
)
AT_INFLECTION = Claim(
    "On I_e(x;z) and KL(m‖p) against β, sigma-VAE sits at the inflection: the largest "
    "information before the marginal KL takes off.",
    "σ² against the take-off of KL(m‖p), defined below the figure: supported if it lies in the "
    "interval of the take-off, half a step of the sweep wider on both sides. No verdict if I_e "
    "is near its cap next to the take-off.",
    ("information", "table-a"),
    _at_inflection,
)
CONVERGES_FASTER = Claim(
    "The optimal variance converges faster than the one learned by gradient.",
    "Steps and seconds until the validation NLL first reaches the worse of the two final "
    "values of the same seed, log ratio of the optimal variance to the one learned by "
    "gradient: supported below 0.",
    ("speed", "convergence"),
    _converges_faster,
)

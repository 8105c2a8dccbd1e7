"""The claims: how each is judged, and where its evidence is looked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from reports.analysis.collapse import COLLAPSED
from reports.analysis.groups import SELECTORS, Entry, Group, tuned
from reports.analysis.images import channels
from reports.analysis.intervals import (
    FEWEST,
    LEVEL,
    Effect,
    by_seed,
    differences,
    effect,
    paired,
)
from reports.analysis.ranks import compared_metrics
from reports.analysis.speed import NLL, curves, log_ratios
from reports.analysis.statistics import estimate, values
from reports.analysis.takeoff import (
    INFORMATION,
    PLATEAU,
    NoTakeOff,
    take_off,
    variance_of,
)
from reports.analysis.verdict import ABOVE, BELOW, Region, Verdict
from reports.claims.evidence import (
    Absent,
    Claim,
    Finding,
    beside_median,
    called,
    entry_of,
    judge,
    lowest,
    measured,
    noted,
    piece,
    settled,
    unbounded,
    undecided,
)
from reports.content import Content, Status
from reports.metric import Metric
from reports.printing.cells import short_interval
from reports.printing.tables import without_information
from reports.printing.words import listing, number, plural, short
from reports.published import OPTIMAL, UNIT

PER_PIXEL, PER_IMAGE = "per_pixel_sigma", "optimal_per_image_sigma"
SHARED, SWEPT = "shared_sigma", "beta_vae"
BERNOULLI, CATEGORICAL = "bernoulli", "categorical"
MARGIN_BITS, MARGIN_SHARE = 0.02, 0.05
"""A loss of up to this is none: in bits/dim, and as a share of the distance of the best β."""
OFTEN = 0.5
"""A share of diverged runs whose interval lies below this refutes claim 4."""


def _better_learned(content: Content, group: Group) -> Entry:
    """Return the better of the learned shared variances, by validation NLL as the sweep's best."""
    candidates, reasons = [], []
    for name in (SHARED, OPTIMAL):
        try:
            entry = settled(content, entry_of(group, name))
            chosen_by = estimate(entry.runs, "validation_nll_nats")
            candidates.append((chosen_by.mean if chosen_by else math.inf, entry))
        except Absent as reason:
            reasons.append(str(reason))
    if not candidates:
        raise Absent("; ".join(reasons))
    return min(candidates, key=lambda pair: pair[0])[1]


def _sweep_of(group: Group) -> Entry:
    entry = entry_of(group, SWEPT)
    if len(entry.settings) < 2:
        raise Absent(f"{called(group, SWEPT)} was not swept over several values")
    return entry


def _no_distance(group: Group) -> Iterator[Finding]:
    if not group.headlines:
        yield Finding("distance", "none", Verdict.NOT_DECIDED, "not measured here", False)


def _beats_unit_variance(content: Content, group: Group) -> Iterator[Finding]:
    for name in (SHARED, OPTIMAL):
        for metric in compared_metrics(group):
            quantity = f"{metric.label}: {called(group, name)} − {called(group, UNIT)}"
            yield piece(quantity, _below_unit, group, name, metric)
    yield from _no_distance(group)


def _below_unit(quantity: str, group: Group, name: str, metric: Metric) -> Finding:
    a, b = (measured(entry_of(group, each), metric) for each in (name, UNIT))
    return judge(quantity, paired(a.runs, b.runs, metric.key), BELOW, metric.decimals)


def _matches_best_beta(content: Content, group: Group) -> Iterator[Finding]:
    for metric in compared_metrics(group):
        yield piece(f"{metric.label}: learned − best β", _not_worse, content, group, metric)
    yield from _no_distance(group)
    yield piece("log10(σ² / best β)", _near_best, content, group)


def _not_worse(quantity: str, content: Content, group: Group, metric: Metric) -> Finding:
    sweep, own = _sweep_of(group), _better_learned(content, group)
    margin = _margin(measured(sweep, metric), metric)
    quantity += f" = {sweep.chosen:g} ({own.decoder.label}, margin {short(margin)})"
    difference = paired(measured(own, metric).runs, sweep.runs, metric.key)
    return judge(quantity, difference, Region(high=margin), metric.decimals)


def _margin(sweep: Entry, metric: Metric) -> float:
    """Return up to which loss a decoder matches the best value of a sweep by a metric."""
    if metric.headline:
        return MARGIN_SHARE * abs(float(values(sweep.runs, metric.key).mean()))
    if not metric.native:
        return MARGIN_BITS
    size = values(sweep.runs, "dimensions")
    if not size.size:
        raise Absent("the number of values of an image was not recorded")
    return MARGIN_BITS * math.log(2) * float(size[0])


def _near_best(quantity: str, content: Content, group: Group) -> Finding:
    sweep, own = _sweep_of(group), _better_learned(content, group)
    chosen = next(each for each in sweep.settings if each.value == sweep.chosen)
    best = math.log10(variance_of(chosen))
    learned = _place(content, own, best)
    half = _half_step(sweep, best + math.copysign(1e-6, learned.mean or 0.0))
    quantity += f" ({own.decoder.label}, half a step of the sweep: {half:.2f})"
    finding = judge(quantity, learned, Region(-half, half), 2)
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


def _at_inflection(content: Content, group: Group) -> Iterator[Finding]:
    for name in (SHARED, OPTIMAL):
        quantity = f"log10(σ² / end of the plateau): {called(group, name)}"
        yield piece(quantity, _on_plateau, content, group, name)


def _on_plateau(quantity: str, content: Content, group: Group, name: str) -> Finding:
    """Judge whether σ² lies where I_e leaves its plateau: beyond is too little information.

    I_e of N images is at most ln N by definition, so a plateau at ln N is one as any other.
    """
    sweep = _sweep_of(group)
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
    finding = judge(quantity, learned, Region(-half, half), 2)
    keys = ("information_nats", "information_upper_nats")
    known = [number(each.mean, 2) for key in keys if (each := estimate(entry.runs, key))]
    return noted(finding, f"I_e = {' to '.join(known)} nats") if known else finding


def _good_nll_poor_samples(content: Content, group: Group) -> Iterator[Finding]:
    densities = [entry for entry in group.entries if entry.measure == "density"]
    others = [entry for entry in densities if entry.decoder.name != PER_PIXEL]
    bounds = [metric for metric in compared_metrics(group) if not metric.headline]
    samples = group.measured(*(f"{metric.key}_samples" for metric in group.headlines))
    regions = dict.fromkeys(bounds, BELOW) | dict.fromkeys([*group.headlines, *samples], ABOVE)
    for metric, region in regions.items():
        quantity = f"{metric.label}: {called(group, PER_PIXEL)} − median of the other densities"
        found = piece(quantity, beside_median, group, PER_PIXEL, others, metric, side=region)
        reason = "one learning rate for all decoders may decide it: judged where rates are tuned"
        yield found if tuned(content, group) or not found.measured else undecided(found, reason)
    yield from _no_distance(group)
    name = called(group, PER_PIXEL)
    yield piece(f"diverged or collapsed runs of {name} without bounds", _diverges, group)


def _diverges(quantity: str, group: Group) -> Finding:
    free = [e for e in group.entries if e.decoder.name == PER_PIXEL and unbounded(e)]
    held = [e for e in group.entries if e.decoder.name in (SHARED, OPTIMAL)]
    runs, shared = (_together(each) for each in (free, held))
    if runs.empty:
        raise Absent(f"no run of {called(group, PER_PIXEL)} without bounds")
    if shared.empty:
        raise Absent("no run of a shared variance")
    # A collapsed run is as lost as a diverged one.
    lost, never = (
        ((each["status"] == Status.DIVERGED) | (each[COLLAPSED] != "")).sum()
        for each in (runs, shared)
    )
    interval = binomtest(int(lost), len(runs)).proportion_ci(LEVEL, method="exact")
    text = (
        f"{lost} of {len(runs)} [{interval.low:.2f}, {interval.high:.2f}]; "
        f"shared variance: {never} of {len(shared)}"
    )
    if min(len(runs), len(shared)) < FEWEST:
        few = f"{plural(min(len(runs), len(shared)), 'run')}, {FEWEST} are needed"
        return Finding(quantity, text, Verdict.NOT_DECIDED, few)
    if never:
        return Finding(quantity, text, Verdict.REFUTED, "a shared variance was lost too")
    if lost:
        return Finding(quantity, text, Verdict.SUPPORTED, "it was and no shared variance was")
    verdict = Verdict.REFUTED if interval.high < OFTEN else Verdict.NOT_DECIDED
    reason = f"none was lost in {plural(len(runs), 'run')}"
    rare = binomtest(int(lost), len(runs), OFTEN, alternative="less").pvalue
    return Finding(quantity, text, verdict, reason, refuted=min(1.0, 2 * float(rare)))


def _together(entries: Sequence[Entry]) -> pd.DataFrame:
    kept = [entry.every_run for entry in entries if len(entry.every_run)]
    return pd.concat(kept) if kept else pd.DataFrame()


def _converges_faster(content: Content, group: Group) -> Iterator[Finding]:
    first, second = (called(group, name) for name in (OPTIMAL, SHARED))
    yield piece(f"ln(steps of {first} / steps of {second})", _sooner, content, group)


def _sooner(quantity: str, content: Content, group: Group) -> Finding:
    """Judge the log ratio of the steps to a target that neither of the two decides.

    Seconds decide nothing: whose machine it was is not known.
    """
    entries = [settled(content, entry_of(group, name)) for name in (OPTIMAL, SHARED)]
    target = _target(content, group)
    first, second = (curves(content, entry, NLL) for entry in entries)
    ratios = log_ratios(first, second, target)
    if not ratios:
        raise Absent("no seed has both validation curves, one of which comes down to the target")
    planned = {int(seed) for entry in entries for seed in entry.runs["seed"]}
    ratio = replace(effect(np.array(list(ratios.values()))), lost=len(planned) - len(ratios))
    return judge(f"{quantity} to an NLL of {short(target)}", ratio, BELOW, 2)


def _target(content: Content, group: Group) -> float:
    """Return the validation NLL half way from the last of unit variance to that of the best β."""
    finals = []
    for entry in (entry_of(group, UNIT), _sweep_of(group)):
        held = curves(content, entry, NLL).values()
        if not held:
            raise Absent(f"{entry.decoder.label} has no validation NLL during training")
        finals.append(np.mean([float(curve["value"].iloc[-1]) for curve in held]))
    return float(np.mean(finals))


def _best_images(content: Content, group: Group) -> Iterator[Finding]:
    for metric in group.headlines:
        quantity = f"{metric.label}: {called(group, PER_IMAGE)} − best other"
        yield piece(quantity, _lowest_of_settled, content, group, metric)
    yield from _no_distance(group)


def _lowest_of_settled(quantity: str, content: Content, group: Group, metric: Metric) -> Finding:
    entries = [settled(content, entry) for entry in group.entries]
    return lowest(quantity, group, PER_IMAGE, entries, metric)


def _discrete(content: Content, group: Group) -> Iterator[Finding]:
    bits = group.metric("bits_per_dim")
    for metric in (bits, *group.headlines):
        quantity = f"{metric.label}: {called(group, BERNOULLI)} − median of the others, on colour"
        yield piece(quantity, _bernoulli, content, group, metric)
    masses = [entry for entry in group.entries if entry.measure == "mass"]
    quantity = f"{bits.label}: {called(group, CATEGORICAL)} − best other mass"
    yield piece(quantity, lowest, group, CATEGORICAL, masses, bits)


def _bernoulli(quantity: str, content: Content, group: Group, metric: Metric) -> Finding:
    shown = channels(content, group)
    if shown is None:
        raise Absent("no images tell whether the data have colour")
    if shown != 3:
        raise Absent("the images are grey")
    return beside_median(quantity, group, BERNOULLI, group.entries, metric, side=ABOVE)


CLAIMS = (
    Claim(
        "A learned shared variance (shared or optimal) beats the unit-variance Gaussian in NLL and "
        "in FID, on every data set.",
        "Native NLL (all are densities), bits/dim and the distance of generated images minus those "
        "of the unit-variance Gaussian: supported below 0.",
        ("table-b", "differences"),
        _beats_unit_variance,
    ),
    Claim(
        "It matches or beats the best β of a hand-tuned sweep in one run, and its effective "
        "β = σ² lies near the best β.",
        "The learned variance with the lower validation NLL minus the best β of the sweep: "
        f"supported if NLL and bits/dim are not worse by {MARGIN_BITS} bits a value and the "
        f"distance not by {MARGIN_SHARE:.0%} of that of the best β, and if σ² lies within half a "
        "step of the sweep (log10, towards σ²) of the variance of the best β. No verdict on the "
        "place if the best β lies at an end of the sweep or its validation NLL is not told below "
        "that of every other β, and none on a variance that has not arrived.",
        ("table-a", "differences"),
        _matches_best_beta,
    ),
    Claim(
        "On I_e(x;z) and KL(m‖p) against β, sigma-VAE sits at the inflection: the largest "
        "information before the marginal KL takes off.",
        "σ² against the place where I_e(x;z) of N training images, followed from the smallest "
        f"variance of the sweep, falls below {PLATEAU:.0%} of its largest mean: the end of its "
        "plateau, at most ln N high by definition. Supported if σ² lies within half a step of "
        "the sweep (log10) of that place; the interval of the difference holds the error of both. "
        "No verdict if fewer than two values lie on the plateau or σ² has not arrived.",
        ("information", "table-a"),
        _at_inflection,
    ),
    Claim(
        "A per-pixel variance gets a good NLL and poor samples; unbounded, it diverges where a "
        "shared one never does.",
        "Good: NLL and bits/dim below the median of the other densities of the same seed. Poor: "
        "the distances of decoder means and of samples x ~ p(x|z) above it. Both are judged only "
        "where each decoder's learning rate was tuned, else one rate for all may decide. Runs "
        "without bounds: supported if one of at least "
        f"{FEWEST} diverged or collapsed and no run of a shared variance did; refuted if a shared "
        "one did, or if none did and the exact binomial interval of the share lies below "
        f"{OFTEN:g}.",
        ("table-b", "differences"),
        _good_nll_poor_samples,
    ),
    Claim(
        "The optimal variance converges faster than the one learned by gradient.",
        "Steps until the validation NLL first comes down to a target that neither decides, half "
        "way from the last value of the unit-variance Gaussian to that of the best β: log ratio of "
        "the optimal variance to the one learned by gradient, supported below 0. One that does not "
        "get there is taken to be there at its last step. No verdict if either has not arrived, "
        "and none by seconds.",
        ("speed", "convergence"),
        _converges_faster,
    ),
    Claim(
        "The per-image optimal variance gives the best image quality.",
        "The distance of generated images minus that of every other decoder; shown is the "
        "difference from the "
        "best other. Supported if every difference is below 0; refuted if one is above 0. No "
        "verdict if the variance of any decoder has not arrived.",
        ("table-b", "differences"),
        _best_images,
    ),
    Claim(
        "Bernoulli on grey values does badly on colour images; among discrete decoders the full "
        "categorical has the best NLL.",
        "Badly: bits/dim and the distance of generated images above the median of the other "
        "decoders of the "
        "same seed, where the sample images have three channels. Best: bits/dim below that of "
        "every other mass, as in claim 6, on any data.",
        ("table-b", "differences"),
        _discrete,
    ),
)
"""In the order of their numbers."""

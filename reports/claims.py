"""The claims of the paper, put to the results of a report.

The only module of the reports, with the published numbers, that knows likelihoods by name. Each
claim is a rule, printed in the report, and a function that looks for its evidence on one group.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from reports.cells import BITS, Metric, nll, outcome
from reports.comparison import Entry, Group, recorded
from reports.content import Content
from reports.evidence import (
    ABOVE,
    BELOW,
    Absent,
    Claim,
    Finding,
    Region,
    Verdict,
    against_median,
    judge,
    measured,
    noted,
    piece,
    rank,
    shifted,
)
from reports.markup import listing, number, plural, short
from reports.published import TABLE_B
from reports.speed import NLL, curves, log_ratios
from reports.statistics import estimate, finished, values
from reports.tables import headline_metrics
from reports.takeoff import NoTakeOff, TakeOff, take_off, variance_of
from reports.uncertainty import (
    FEWEST,
    LEVEL,
    Effect,
    by_seed,
    compare,
    effect,
)

UNIT, PER_PIXEL, PER_IMAGE = "gaussian", "per_pixel_sigma", "optimal_per_image_sigma"
SHARED, OPTIMAL, SWEPT = "shared_sigma", "optimal_sigma", "beta_vae"
BERNOULLI, CATEGORICAL = "bernoulli", "categorical"

MARGIN = 0.01
"""Claim 2: a loss of up to this share of the range of the sweep's NLL is none."""
OFTEN = 0.5
"""Claim 4: a share of diverged runs whose interval lies below this refutes."""


DECODERS = frozenset(name for column in TABLE_B.values() for name in column)
"""Those of the paper, which its claims are about."""


def of_the_paper(group: Group) -> Group:
    """Return a group without the decoders that the paper does not have."""
    kept = tuple(entry for entry in group.entries if entry.decoder.name in DECODERS)
    return replace(group, entries=kept)


# --- whose evidence ------------------------------------------------------------------------------


def _entry(group: Group, name: str) -> Entry:
    """Return the entry of a likelihood, with default options where there are several."""
    entries = [
        entry
        for entry in group.entries
        if entry.decoder.name == name and len(entry.every_run) and not _unbounded(entry)
    ]
    if not entries:
        raise Absent(f"{name} was not run")
    found = min(entries, key=lambda entry: entry.decoder.options not in (None, "{}"))
    if finished(found.every_run).empty:
        raise Absent(f"no run of {name} finished: {outcome(found.every_run)}")
    if found.undecided:
        raise Absent(f"no value of the sweep of {name} could be chosen")
    return found


def _densities(group: Group) -> list[Entry]:
    return [entry for entry in group.entries if entry.measure == "density"]


def _learned(group: Group) -> Entry:
    """Return the better of the learned shared variances, by validation NLL as the sweep's best."""
    found = []
    reasons = []
    for name in (SHARED, OPTIMAL):
        try:
            entry = _entry(group, name)
        except Absent as reason:
            reasons.append(str(reason))
            continue
        chosen_by = estimate(entry.runs, "validation_nll_nats")
        found.append((chosen_by.mean if chosen_by else math.inf, entry))
    if not found:
        raise Absent("; ".join(reasons))
    return min(found, key=lambda pair: pair[0])[1]


def _sweep(group: Group) -> Entry:
    entry = _entry(group, SWEPT)
    if len(entry.settings) < 2:
        raise Absent(f"{SWEPT} was not swept over several values")
    return entry


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


# --- the claims ----------------------------------------------------------------------------------


def _beats_unit_variance(content: Content, group: Group) -> Iterator[Finding]:
    for name in (SHARED, OPTIMAL):
        for metric in (nll(group.unit), BITS, *headline_metrics(content, group)):
            yield piece(f"{metric.name}: {name} − {UNIT}", _below_unit, group, name, metric)
    yield from _no_frechet(content, group)


def _below_unit(quantity: str, group: Group, name: str, metric: Metric) -> Finding:
    a, b = (measured(_entry(group, each), metric) for each in (name, UNIT))
    return judge(quantity, compare(a.runs, b.runs, metric.column), BELOW, metric.decimals)


def _no_frechet(content: Content, group: Group) -> Iterator[Finding]:
    if not headline_metrics(content, group):
        yield Finding("Frechet distance", "none", Verdict.NOT_DECIDED, "not measured here", False)


def _matches_best_beta(content: Content, group: Group) -> Iterator[Finding]:
    del content
    yield piece("NLL: learned − best β", _not_worse, group)
    yield piece("log10(σ² / best β)", _near_best, group)


def _not_worse(quantity: str, group: Group) -> Finding:
    sweep, found, metric = _sweep(group), _learned(group), nll(group.unit)
    means = [each.mean for s in sweep.settings if (each := estimate(s.runs, metric.column))]
    if len(means) < 2 or not np.isfinite(means).all():
        raise Absent("fewer than two values of the sweep have an NLL")
    margin = MARGIN * float(np.ptp(means))
    quantity += f" = {sweep.chosen:g} ({found.decoder.name}, margin {short(margin)})"
    difference = compare(measured(found, metric).runs, measured(sweep, metric).runs, "nll_nats")
    return judge(quantity, difference, Region(high=margin), metric.decimals)


def _near_best(quantity: str, group: Group) -> Finding:
    sweep, found = _sweep(group), _learned(group)
    chosen = next(each for each in sweep.settings if each.value == sweep.chosen)
    best, learned = math.log10(variance_of(chosen)), _log_variance(found)
    half = _step(sweep, best, best if learned.mean is None else learned.mean) / 2
    quantity += f" ({found.decoder.name}, half a step of the sweep: {half:.2f})"
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


def _at_inflection(content: Content, group: Group) -> Iterator[Finding]:
    del content
    for name in (SHARED, OPTIMAL):
        yield piece(f"log10(σ² / take-off): {name}", _near_take_off, group, name)


def _near_take_off(quantity: str, group: Group, name: str) -> Finding:
    sweep = _sweep(group)
    found = take_off(sweep)
    if isinstance(found, NoTakeOff):
        raise Absent(group.without_information.rstrip(".") or found.why)
    at = math.log10(found.variance)
    learned = _log_variance(_entry(group, name))
    region = _around(sweep, found)
    low, high = (short(10 ** (at + edge)) for edge in (region.low, region.high))
    quantity += f" (take-off at {_place(found)}, region {low} to {high})"
    finding = judge(quantity, shifted(learned, -at), region, 2)
    here = estimate(_entry(group, name).runs, "information_nats")
    if here:
        finding = noted(finding, f"I_e = {number(here.mean, 2)} nats")
    if not found.capped:
        return finding
    reason = "I_e is near its cap ln N at the take-off, so KL(m‖p) and the take-off are unreliable"
    return replace(finding, verdict=Verdict.NOT_DECIDED, reason=reason)


def _place(found: TakeOff) -> str:
    low, high = short(found.interval.low), short(found.interval.high)
    return f"{short(found.variance)} [{low}, {high}]"


def _around(sweep: Entry, found: TakeOff) -> Region:
    """Return the interval of the take-off, half a step of the sweep wider, as log10 ratios."""
    at = math.log10(found.variance)
    places = np.sort(np.log10([variance_of(each) for each in sweep.settings]))
    right = min(max(1, int(np.searchsorted(places, at))), len(places) - 1)
    half = float(places[right] - places[right - 1]) / 2
    low, high = (math.log10(edge) - at for edge in (found.interval.low, found.interval.high))
    return Region(low - half, high + half)


def _good_nll_poor_samples(content: Content, group: Group) -> Iterator[Finding]:
    others = [entry for entry in _densities(group) if entry.decoder.name != PER_PIXEL]
    cases = [(nll(group.unit), BELOW)]
    cases += [(metric, ABOVE) for metric in headline_metrics(content, group)]
    for metric, region in cases:
        quantity = f"{metric.name}: {PER_PIXEL} − median of the other densities"
        yield piece(quantity, _beside_median, group, others, metric, region)
    yield from _no_frechet(content, group)
    yield piece(f"diverged runs of {PER_PIXEL} without bounds", _diverges, group)


def _beside_median(
    quantity: str, group: Group, others: Sequence[Entry], metric: Metric, region: Region
) -> Finding:
    entry = _entry(group, PER_PIXEL)
    finding = judge(quantity, against_median(entry, others, metric), region, metric.decimals)
    return noted(finding, rank(entry, others, metric))


def _unbounded(entry: Entry) -> bool:
    """Tell whether the bounds of the scale were turned off."""
    try:
        options = json.loads(recorded(entry.every_run, "options") or "{}")
    except json.JSONDecodeError:
        return False
    return "bounds" in options and options["bounds"] in (None, "none", "None")


def _diverges(quantity: str, group: Group) -> Finding:
    free = [e for e in group.entries if e.decoder.name == PER_PIXEL and _unbounded(e)]
    held = [e for e in group.entries if e.decoder.name in (SHARED, OPTIMAL)]
    runs, shared = (_together(each) for each in (free, held))
    if runs.empty:
        raise Absent(f"no run of {PER_PIXEL} without bounds")
    if shared.empty:
        raise Absent("no run of a shared variance")
    lost, never = ((each["status"] == "diverged").sum() for each in (runs, shared))
    interval = binomtest(int(lost), len(runs)).proportion_ci(LEVEL, method="exact")
    text = (
        f"{lost} of {len(runs)} [{interval.low:.2f}, {interval.high:.2f}]; "
        f"shared variance: {never} of {len(shared)}"
    )
    if min(len(runs), len(shared)) < FEWEST:
        few = f"{plural(min(len(runs), len(shared)), 'run')}, {FEWEST} are needed"
        return Finding(quantity, text, Verdict.NOT_DECIDED, few)
    if never:
        return Finding(quantity, text, Verdict.REFUTED, "a shared variance diverged too")
    if lost:
        return Finding(quantity, text, Verdict.SUPPORTED, "it diverged and no shared variance did")
    verdict = Verdict.REFUTED if interval.high < OFTEN else Verdict.NOT_DECIDED
    return Finding(quantity, text, verdict, f"none diverged in {plural(len(runs), 'run')}")


def _together(entries: Sequence[Entry]) -> pd.DataFrame:
    kept = [entry.every_run for entry in entries if len(entry.every_run)]
    return pd.concat(kept) if kept else pd.DataFrame()


def _converges_faster(content: Content, group: Group) -> Iterator[Finding]:
    for over in ("steps", "seconds"):
        quantity = f"ln({over} of {OPTIMAL} / {over} of {SHARED})"
        yield piece(quantity, _sooner, content, group, over)


def _sooner(quantity: str, content: Content, group: Group, over: str) -> Finding:
    return judge(quantity, _log_ratio(content, group, over), BELOW, 2)


def _log_ratio(content: Content, group: Group, over: str) -> Effect:
    """Return the log ratio of the times to the worse of the two final NLLs of each seed."""
    entries = [_entry(group, name) for name in (OPTIMAL, SHARED)]
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


def _best_images(content: Content, group: Group) -> Iterator[Finding]:
    for metric in headline_metrics(content, group):
        quantity = f"{metric.name}: {PER_IMAGE} − best other"
        yield piece(quantity, _lowest, group, PER_IMAGE, group.entries, metric)
    yield from _no_frechet(content, group)


def _lowest(
    quantity: str, group: Group, name: str, among: Sequence[Entry], metric: Metric
) -> Finding:
    """Return whether a decoder is the lowest: told apart from every other, or any told below it."""
    entry = measured(_entry(group, name), metric)
    others = [
        each
        for each in among
        if each is not entry and each.measure and values(each.runs, metric.column).size
    ]
    if not others:
        raise Absent(f"no other decoder was measured by {metric.name}")
    found = [(each, compare(entry.runs, each.runs, metric.column)) for each in others]
    known = [(e, d) for e, d in found if d.mean is not None]
    if not known:
        raise Absent("no seed was measured in both")
    closest, difference = max(known, key=lambda pair: pair[1].mean or 0.0)
    finding = judge(f"{quantity} ({closest.decoder.name})", difference, BELOW, metric.decimals)
    finding = noted(finding, rank(entry, others, metric))
    return _against_all(finding, found)


def _against_all(finding: Finding, found: Sequence[tuple[Entry, Effect]]) -> Finding:
    verdicts = {
        each.decoder.name: BELOW.verdict(d.interval) if d.interval and not d.lost else None
        for each, d in found
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


def _discrete(content: Content, group: Group) -> Iterator[Finding]:
    for metric in (BITS, *headline_metrics(content, group)):
        quantity = f"{metric.name}: {BERNOULLI} − median of the others, on colour"
        yield piece(quantity, _bernoulli, content, group, metric)
    masses = [entry for entry in group.entries if entry.measure == "mass"]
    quantity = f"{BITS.name}: {CATEGORICAL} − best other mass"
    yield piece(quantity, _lowest, group, CATEGORICAL, masses, BITS)


def _bernoulli(quantity: str, content: Content, group: Group, metric: Metric) -> Finding:
    pictures = [
        content.samples[run] for run in map(str, group.runs["run"]) if run in content.samples
    ]
    if not pictures:
        raise Absent("no images tell whether the data have colour")
    if pictures[0].shape[-1] != 3:
        raise Absent("the images are grey")
    entry = _entry(group, BERNOULLI)
    others = [each for each in group.entries if each is not entry and not each.runs.empty]
    finding = judge(quantity, against_median(entry, others, metric), ABOVE, metric.decimals)
    return noted(finding, rank(entry, others, metric))


TABLES = ("table-b", "differences")

CLAIMS = (
    Claim(
        "A learned shared variance (shared or optimal) beats the unit-variance Gaussian in NLL and "
        "in FID, on every data set.",
        "Native NLL (all are densities), bits/dim and each Frechet distance minus those of the "
        "unit-variance Gaussian: supported below 0.",
        TABLES,
        _beats_unit_variance,
    ),
    Claim(
        "It matches or beats the best β of a hand-tuned sweep in one run, and its effective "
        "β = σ² lies near the best β.",
        "The learned variance with the lower validation NLL minus the best β of the sweep: "
        f"supported if the NLL is not worse by {MARGIN:.0%} of the range of the sweep's mean NLLs, "
        "and if σ² lies within half a step of the sweep (log10, towards σ²) of the variance of "
        "the best β. No verdict on the place if the best β lies at an end of the sweep.",
        ("table-a", "differences"),
        _matches_best_beta,
    ),
    Claim(
        "On I_e(x;z) and KL(m‖p) against β, sigma-VAE sits at the inflection: the largest "
        "information before the marginal KL takes off.",
        "σ² against the take-off of KL(m‖p), defined below the figure: supported if it lies in the "
        "interval of the take-off, half a step of the sweep wider on both sides. No verdict if I_e "
        "is near its cap next to the take-off.",
        ("information", "table-a"),
        _at_inflection,
    ),
    Claim(
        "A per-pixel variance gets a good NLL and poor samples; unbounded, it diverges where a "
        "shared one never does.",
        "Good: an NLL below the median of the other densities of the same seed. Poor: each "
        "Frechet distance above it. Runs without bounds: supported if one of at least "
        f"{FEWEST} diverged and no run of a shared variance did; refuted if a shared one did, or "
        f"if none diverged and the exact binomial interval of the share lies below {OFTEN:g}.",
        TABLES,
        _good_nll_poor_samples,
    ),
    Claim(
        "The optimal variance converges faster than the one learned by gradient.",
        "Steps and seconds until the validation NLL first reaches the worse of the two final "
        "values of the same seed, log ratio of the optimal variance to the one learned by "
        "gradient: supported below 0.",
        ("speed", "convergence"),
        _converges_faster,
    ),
    Claim(
        "The per-image optimal variance gives the best image quality.",
        "Each Frechet distance minus that of every other decoder; shown is the difference from the "
        "best other. Supported if every difference is below 0; refuted if one is above 0.",
        TABLES,
        _best_images,
    ),
    Claim(
        "Bernoulli on grey values does badly on colour images; among discrete decoders the full "
        "categorical has the best NLL.",
        "Badly: bits/dim and each Frechet distance above the median of the other decoders of the "
        "same seed, where the sample images have three channels. Best: bits/dim below that of "
        "every other mass, as in claim 6, on any data.",
        TABLES,
        _discrete,
    ),
)

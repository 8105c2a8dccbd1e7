"""The claims: how each is judged, and where its evidence is looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest, fisher_exact

from reports.analysis.collapse import COLLAPSED
from reports.analysis.groups import Entry, Group
from reports.analysis.images import channels
from reports.analysis.intervals import FEWEST, LEVEL, effect, paired
from reports.analysis.ranks import compared_metrics
from reports.analysis.speed import NLL, curves, log_ratios, reach
from reports.analysis.statistics import values
from reports.analysis.takeoff import PLATEAU
from reports.analysis.verdict import ABOVE, BELOW, Verdict
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
    without_a_code,
)
from reports.claims.sweep import (
    MARGIN_BITS,
    MARGIN_SHARE,
    near_best,
    not_worse,
    on_plateau,
    sweep_of,
)
from reports.content import Content, Status
from reports.metric import Metric
from reports.printing.words import listing, number, plural, short
from reports.published import (
    BERNOULLI,
    CATEGORICAL,
    OPTIMAL,
    PER_IMAGE,
    PER_PIXEL,
    SHARED,
    UNIT,
    floor,
)

OFTEN = 0.5
"""A share of diverged runs whose interval lies below this refutes claim 4."""


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
    finding = judge(quantity, paired(a.runs, b.runs, metric.key), BELOW, metric, a)
    trivial = without_a_code(b, metric)
    return noted(finding, trivial) if trivial else finding


def _matches_best_beta(content: Content, group: Group) -> Iterator[Finding]:
    for name in (SHARED, OPTIMAL):
        own = called(group, name)
        for metric in compared_metrics(group):
            quantity = f"{metric.label}: {own} − every β"
            yield piece(quantity, not_worse, content, group, name, metric)
        yield piece(f"log10(σ² of {own} / best β)", near_best, content, group, name)
    yield from _no_distance(group)


def _at_inflection(content: Content, group: Group) -> Iterator[Finding]:
    for name in (SHARED, OPTIMAL):
        quantity = f"log10(σ² / end of the plateau): {called(group, name)}"
        yield piece(quantity, on_plateau, content, group, name)


def _good_nll_poor_samples(content: Content, group: Group) -> Iterator[Finding]:
    densities = [entry for entry in group.entries if entry.measure == "density"]
    others = [entry for entry in densities if entry.decoder.name != PER_PIXEL]
    bounds = [metric for metric in compared_metrics(group) if not metric.headline]
    samples = group.measured(*(f"{metric.key}_samples" for metric in group.headlines))
    regions = dict.fromkeys(bounds, BELOW) | dict.fromkeys([*group.headlines, *samples], ABOVE)
    for metric, region in regions.items():
        quantity = f"{metric.label}: {called(group, PER_PIXEL)} − median of the other densities"
        yield piece(quantity, beside_median, group, PER_PIXEL, others, metric, side=region)
    yield from _no_distance(group)
    yield piece(f"diverged runs of {called(group, PER_PIXEL)} without bounds", _diverges, group)


def _diverges(quantity: str, group: Group) -> Finding:
    free = [e for e in group.entries if e.decoder.name == PER_PIXEL and unbounded(e)]
    held = [e for e in group.entries if e.decoder.name in (SHARED, OPTIMAL)]
    runs, shared = (_together(each) for each in (free, held))
    if runs.empty:
        raise Absent(f"no run of {called(group, PER_PIXEL)} without bounds")
    if shared.empty:
        raise Absent("no run of a shared variance")
    lost, never = ((each["status"] == Status.DIVERGED).sum() for each in (runs, shared))
    interval = binomtest(int(lost), len(runs)).proportion_ci(LEVEL, method="exact")
    counts = f"{lost} of {len(runs)} [{interval.low:.2f}, {interval.high:.2f}]"
    bounded = _together([e for e in group.entries if e.decoder.name == PER_PIXEL and e not in free])
    beside = {"collapsed": runs, "with bounds": bounded, "shared variance": shared}
    text = "; ".join([counts, *(_lost(name, each) for name, each in beside.items() if len(each))])
    if min(len(runs), len(shared)) < FEWEST:
        few = f"{plural(min(len(runs), len(shared)), 'run')}, {FEWEST} are needed"
        return Finding(quantity, text, Verdict.NOT_DECIDED, few)
    if never:
        return Finding(quantity, text, Verdict.REFUTED, "a shared variance diverged too")
    if lost:
        table = [[lost, len(runs) - lost], [0, len(shared)]]
        chance = float(fisher_exact(table).pvalue)
        reason = f"it did and no shared variance did, p = {chance:.2g}"
        verdict = Verdict.SUPPORTED if chance <= 1 - LEVEL else Verdict.NOT_DECIDED
        return Finding(quantity, text, verdict, reason)
    verdict = Verdict.REFUTED if interval.high < OFTEN else Verdict.NOT_DECIDED
    reason = f"none diverged in {plural(len(runs), 'run')}"
    rare = binomtest(int(lost), len(runs), OFTEN, alternative="less").pvalue
    return Finding(quantity, text, verdict, reason, refuted=min(1.0, 2 * float(rare)))


def _lost(name: str, runs: pd.DataFrame) -> str:
    """Return how many of some runs collapsed or diverged, as a clause."""
    if name == COLLAPSED:
        return f"{name}: {(runs[COLLAPSED] != '').sum()} of {len(runs)}"
    return f"{name}: {(runs['status'] == Status.DIVERGED).sum()} of {len(runs)}"


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
    if not ratios and first and second:
        raise Absent(_no_time(entries, (first, second), target))
    if not ratios:
        raise Absent("no seed has both validation curves")
    planned = {int(seed) for entry in entries for seed in entry.runs["seed"]}
    ratio = replace(effect(np.array(list(ratios.values()))), lost=len(planned) - len(ratios))
    finding = judge(f"{quantity} to an NLL of {short(target)}", ratio, BELOW)
    slower = int((ratio.mean or 0.0) < 0)
    least = _without_error(content, entries[slower])
    pair = (first, least) if slower else (least, second)
    ideal = effect(np.array(list(log_ratios(*pair, target).values())))
    if ideal.interval is None or BELOW.verdict(ideal.interval) is not finding.verdict:
        return finding
    steps = np.mean([at.steps for curve in least.values() if (at := reach(curve, target))])
    label = entries[slower].decoder.label
    start = f"with the σ² of {label}, a decoder without any error is not there before step"
    return undecided(finding, f"{start} {number(float(steps), 0)}: where its σ² starts decides")


def _no_time(
    entries: Sequence[Entry], held: Sequence[dict[int, pd.DataFrame]], target: float
) -> str:
    """Return why no seed has a time to a target."""
    at_once = [
        entry.decoder.label
        for entry, each in zip(entries, held, strict=True)
        if all(curve["value"].iloc[0] <= target for curve in each.values())
    ]
    if at_once:
        before = f"at the target, an NLL of {short(target)}, before any training"
        return f"{listing(at_once)} {'is' if len(at_once) == 1 else 'are'} {before}"
    return f"in no seed does either come down to the target, an NLL of {short(target)}"


def _without_error(content: Content, entry: Entry) -> dict[int, pd.DataFrame]:
    """Return the NLL that a decoder without error or code would have had, D/2 ln 2πσ², by seed.

    σ² is that of the runs during training, so that no decoder could have been at a target sooner.
    """
    sizes = values(entry.runs, "dimensions")[:1]
    return {
        seed: curve.assign(value=[floor(int(size), each) for each in curve["value"]])
        for seed, curve in curves(content, entry, "variance").items()
        for size in sizes
    }


def _target(content: Content, group: Group) -> float:
    """Return the validation NLL half way from the last of unit variance to that of the best β."""
    finals = []
    for entry in (entry_of(group, UNIT), sweep_of(group)):
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
        "Each of the two learned variances minus every β of the sweep, by each measure, since the "
        "best β by one is not the best by another; shown is the β that comes closest. Supported if "
        f"none has an NLL or bits/dim lower by {MARGIN_BITS} bits a value or more, nor a distance "
        f"lower by {MARGIN_SHARE:.0%} or more, and if σ² lies within half a step of the sweep "
        "(log10, towards σ²) of the variance of the β with the best validation NLL. No verdict on "
        "the place if that β lies at an end of the sweep or is not told below every other, and "
        "none on a variance that has not arrived.",
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
        "Where the plateau is at ln N, its end depends on N, and the verdict holds for this N. "
        "No verdict if fewer than two values lie on the plateau or σ² has not arrived.",
        ("information", "table-a"),
        _at_inflection,
    ),
    Claim(
        "A per-pixel variance gets a good NLL and poor samples; unbounded, it diverges where a "
        "shared one never does.",
        "Good: NLL and bits/dim below the median of the other densities of the same seed. Poor: "
        "the distances of decoder means and of samples x ~ p(x|z) above it. Runs without bounds: "
        f"supported if of at least {FEWEST} more diverged than of those of a shared variance, of "
        f"which none did (Fisher's exact test at {1 - LEVEL:.0%}); refuted if a shared one did, or "
        "if none did and the exact binomial interval of the share lies below "
        f"{OFTEN:g}. A run that collapsed did not diverge.",
        ("table-b", "differences"),
        _good_nll_poor_samples,
    ),
    Claim(
        "The optimal variance converges faster than the one learned by gradient.",
        "Steps until the validation NLL first comes down to a target that neither decides, half "
        "way from the last value of the unit-variance Gaussian to that of the best β: log ratio of "
        "the optimal variance to the one learned by gradient, supported below 0. One that does not "
        "get there is taken to be there at its last step. No verdict if either has not arrived, "
        "none by seconds, and none if the slower would be as late without any error: then where "
        "its σ² started decides, and not how fast it learned.",
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

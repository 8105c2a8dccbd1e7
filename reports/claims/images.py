"""Claims 4, 6 and 7: variances of each pixel and each image, and decoders of grey levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from scipy.stats import binomtest

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import FEWEST, LEVEL
from reports.analysis.verdict import ABOVE, BELOW, Region, Verdict
from reports.claims.decoders import (
    BERNOULLI,
    CATEGORICAL,
    PER_IMAGE,
    PER_PIXEL,
    SHARED,
    entry_of,
    lowest,
    no_frechet,
    unbounded,
)
from reports.claims.evidence import Absent, Claim, Finding, against_median, judge, piece, ranked
from reports.content import Content, Status
from reports.metric import Metric
from reports.printing.words import plural
from reports.published import OPTIMAL

OFTEN = 0.5
"""A share of diverged runs whose interval lies below this refutes claim 4."""


def _good_nll_poor_samples(content: Content, group: Group) -> Iterator[Finding]:
    del content
    densities = [entry for entry in group.entries if entry.measure == "density"]
    others = [entry for entry in densities if entry.decoder.name != PER_PIXEL]
    cases = [(group.metric("nll_nats"), BELOW)]
    cases += [(metric, ABOVE) for metric in group.headlines]
    for metric, region in cases:
        quantity = f"{metric.label}: {PER_PIXEL} − median of the other densities"
        yield piece(quantity, _beside_median, group, others, metric, region)
    yield from no_frechet(group)
    yield piece(f"diverged runs of {PER_PIXEL} without bounds", _diverges, group)


def _beside_median(
    quantity: str, group: Group, others: Sequence[Entry], metric: Metric, region: Region
) -> Finding:
    entry = entry_of(group, PER_PIXEL)
    finding = judge(quantity, against_median(entry, others, metric), region, metric.decimals)
    return ranked(finding, entry, others, metric)


def _diverges(quantity: str, group: Group) -> Finding:
    free = [e for e in group.entries if e.decoder.name == PER_PIXEL and unbounded(e)]
    held = [e for e in group.entries if e.decoder.name in (SHARED, OPTIMAL)]
    runs, shared = (_together(each) for each in (free, held))
    if runs.empty:
        raise Absent(f"no run of {PER_PIXEL} without bounds")
    if shared.empty:
        raise Absent("no run of a shared variance")
    lost, never = ((each["status"] == Status.DIVERGED).sum() for each in (runs, shared))
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


def _best_images(content: Content, group: Group) -> Iterator[Finding]:
    del content
    for metric in group.headlines:
        quantity = f"{metric.label}: {PER_IMAGE} − best other"
        yield piece(quantity, lowest, group, PER_IMAGE, group.entries, metric)
    yield from no_frechet(group)


def _discrete(content: Content, group: Group) -> Iterator[Finding]:
    bits = group.metric("bits_per_dim")
    for metric in (bits, *group.headlines):
        quantity = f"{metric.label}: {BERNOULLI} − median of the others, on colour"
        yield piece(quantity, _bernoulli, content, group, metric)
    masses = [entry for entry in group.entries if entry.measure == "mass"]
    quantity = f"{bits.label}: {CATEGORICAL} − best other mass"
    yield piece(quantity, lowest, group, CATEGORICAL, masses, bits)


def _bernoulli(quantity: str, content: Content, group: Group, metric: Metric) -> Finding:
    pictures = [
        content.samples[run] for run in map(str, group.runs["run"]) if run in content.samples
    ]
    if not pictures:
        raise Absent("no images tell whether the data have colour")
    if pictures[0].shape[-1] != 3:
        raise Absent("the images are grey")
    entry = entry_of(group, BERNOULLI)
    others = [each for each in group.entries if each is not entry and not each.runs.empty]
    finding = judge(quantity, against_median(entry, others, metric), ABOVE, metric.decimals)
    return ranked(finding, entry, others, metric)


GOOD_NLL_POOR_SAMPLES = Claim(
    "A per-pixel variance gets a good NLL and poor samples; unbounded, it diverges where a "
    "shared one never does.",
    "Good: an NLL below the median of the other densities of the same seed. Poor: each "
    "Frechet distance above it. Runs without bounds: supported if one of at least "
    f"{FEWEST} diverged and no run of a shared variance did; refuted if a shared one did, or "
    f"if none diverged and the exact binomial interval of the share lies below {OFTEN:g}.",
    ("table-b", "differences"),
    _good_nll_poor_samples,
)
BEST_IMAGES = Claim(
    "The per-image optimal variance gives the best image quality.",
    "Each Frechet distance minus that of every other decoder; shown is the difference from the "
    "best other. Supported if every difference is below 0; refuted if one is above 0.",
    ("table-b", "differences"),
    _best_images,
)
DISCRETE = Claim(
    "Bernoulli on grey values does badly on colour images; among discrete decoders the full "
    "categorical has the best NLL.",
    "Badly: bits/dim and each Frechet distance above the median of the other decoders of the "
    "same seed, where the sample images have three channels. Best: bits/dim below that of "
    "every other mass, as in claim 6, on any data.",
    ("table-b", "differences"),
    _discrete,
)

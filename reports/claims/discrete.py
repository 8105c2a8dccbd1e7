"""Claim 7: decoders of grey levels."""

from __future__ import annotations

from collections.abc import Iterator

from reports.analysis.groups import Group
from reports.analysis.verdict import ABOVE
from reports.claims.decoders import BERNOULLI, CATEGORICAL, entry_of, lowest
from reports.claims.evidence import (
    Absent,
    Claim,
    Finding,
    against_median,
    judge,
    piece,
    ranked,
)
from reports.content import Content
from reports.metric import Metric


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


DISCRETE = Claim(
    "Bernoulli on grey values does badly on colour images; among discrete decoders the full "
    "categorical has the best NLL.",
    "Badly: bits/dim and each Frechet distance above the median of the other decoders of the "
    "same seed, where the sample images have three channels. Best: bits/dim below that of "
    "every other mass, as in claim 6, on any data.",
    ("table-b", "differences"),
    _discrete,
)

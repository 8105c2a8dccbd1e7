"""What a claim is judged by: decoders of the paper, and effects over seeds with their verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from reports.analysis.groups import Entry, Group
from reports.analysis.intervals import LEVEL, Effect, by_seed, differences, effect, holm, paired
from reports.analysis.moving import AWAY, moving
from reports.analysis.ranks import WITHOUT_CODE, rank, separates, without_code
from reports.analysis.statistics import complete, estimate, finished, values
from reports.analysis.verdict import Region, Verdict
from reports.content import SMOKE, Content, run_options
from reports.metric import Metric
from reports.printing.cells import DAGGER, decimals_of, gap, outcome, with_interval
from reports.printing.words import listing, number, plural, short
from reports.published import TABLE_B

DECODERS = frozenset(name for column in TABLE_B.values() for name in column)
"""Those of the paper, which its claims are about."""


@dataclass(frozen=True)
class Finding:
    """One piece of evidence on one group."""

    quantity: str
    effect: str
    verdict: Verdict
    reason: str
    """Why there is this verdict."""
    measured: bool = True
    """Whether there was anything to judge by."""
    refuted: float | None = None
    """p-value of what the claim says; None where it was not tested."""
    metric: Metric | None = None
    """By which the decoders of a group are compared; None where it is something else."""
    only: str = ""
    """What the verdict is bound to, beside the data and the networks; "" if nothing."""


@dataclass(frozen=True)
class Claim:
    """One claim of the paper."""

    text: str
    rule: str
    """How it is judged, as printed."""
    evidence: tuple[str, ...]
    """Anchors of the sections that show its evidence."""
    look: Callable[[Content, Group], Iterator[Finding]]


class Absent(Exception):
    """There is no evidence; the message is the reason."""


def findings(claim: Claim, content: Content, group: Group) -> list[Finding]:
    """Return the evidence for a claim on a group; under the budget smoke it decides nothing.

    Nor does a metric by which no two decoders of the group are told apart.
    """
    evidence = list(claim.look(content, group))
    if content.budget == SMOKE:
        reason = f"the budget {SMOKE} is a test that everything runs; its numbers mean nothing"
        return [undecided(each, reason) for each in evidence]
    metrics = dict.fromkeys(each.metric for each in evidence if each.metric and each.refuted)
    blind = {metric for metric in metrics if not separates(group.entries, metric)}
    reason = "no two decoders are told apart by this measure"
    return [
        # It still counts as a piece in Holm's correction, or those left would be selected.
        replace(undecided(each, reason), refuted=1.0) if each.metric in blind else each
        for each in evidence
    ]


@dataclass(frozen=True)
class Judged:
    """The evidence for a claim, corrected for as many pieces as a verdict rests on."""

    by_group: Mapping[Group, list[Finding]]
    """Corrected for the pieces of each group, whose verdict no other data change."""
    together: list[Finding]
    """All of them, corrected for all: the evidence for the verdict on all data."""


def judged(claim: Claim, content: Content, groups: Sequence[Group]) -> Judged:
    """Return the evidence for a claim on the paper's decoders."""
    found = {group: findings(claim, content, of_the_paper(group)) for group in groups}
    together = corrected([each for evidence in found.values() for each in evidence])
    return Judged({group: corrected(each) for group, each in found.items()}, together)


def corrected(evidence: Sequence[Finding]) -> list[Finding]:
    """Return the pieces of one claim; those stay refuted that are after Holm's correction.

    One refuted piece refutes a claim, so the more there are the likelier one is by chance. Support
    needs every piece, and so no correction.
    """
    tested = [index for index, each in enumerate(evidence) if each.refuted is not None]
    p_values = holm([evidence[index].refuted or 0.0 for index in tested])
    chance = {index for index, each in zip(tested, p_values, strict=True) if each > 1 - LEVEL}
    reason = f"refuted alone, but not among {plural(len(tested), 'piece')} (Holm)"
    return [
        undecided(each, reason) if i in chance and each.verdict is Verdict.REFUTED else each
        for i, each in enumerate(evidence)
    ]


def overall(evidence: Sequence[Finding]) -> Verdict:
    """Return the verdict on all evidence: one refuted piece refutes; support needs every piece.

    Pieces for which nothing was measured do not count.
    """
    verdicts = {each.verdict for each in evidence if each.measured}
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.SUPPORTED if verdicts == {Verdict.SUPPORTED} else Verdict.NOT_DECIDED


def of_the_paper(group: Group) -> Group:
    """Return a group without the decoders that the paper does not have."""
    kept = tuple(entry for entry in group.entries if entry.decoder.name in DECODERS)
    return replace(group, entries=kept)


def entry_of(group: Group, name: str) -> Entry:
    """Return the entry of a likelihood, with default options where there are several.

    Raises:
        Absent: it was not run, no run finished, or no value of its sweep could be chosen.

    """
    named = [each for each in group.entries if each.decoder.name == name and len(each.every_run)]
    entries, label = [entry for entry in named if not unbounded(entry)], called(group, name)
    if not entries:
        raise Absent(f"{label} was not run")
    entry = min(entries, key=lambda each: bool(each.decoder.options))
    if finished(entry.every_run).empty:
        raise Absent(f"no run of {label} finished: {outcome(entry.every_run)}")
    if entry.collapsed:
        raise Absent(f"every run of {label} collapsed")
    if entry.undecided:
        raise Absent(f"no value of the sweep of {label} could be chosen")
    return entry


def called(group: Group, name: str) -> str:
    """Return what a likelihood is called in the report; its name if it is not in it."""
    rows = [entry.decoder for entry in group.entries if entry.decoder.name == name]
    return min(rows, key=lambda row: bool(row.options)).label if rows else name


def unbounded(entry: Entry) -> bool:
    """Tell whether the bounds of the scale were turned off."""
    if entry.every_run.empty:
        return False
    options = run_options(entry.every_run).iloc[0]
    return "bounds" in options and options["bounds"] in (None, "none", "None")


def measured(entry: Entry, metric: Metric) -> Entry:
    """Return an entry that has the metric.

    Raises:
        Absent: it was not measured.

    """
    if not values(entry.runs, metric.key).size:
        raise Absent(f"{metric.label} of {entry.decoder.label}: {gap(entry, metric)}")
    return entry


def settled(content: Content, entry: Entry) -> Entry:
    """Return an entry whose variance has arrived where it was learned.

    Raises:
        Absent: in some run it has not: its value is that of the optimiser's way.

    """
    if share := moving(content, entry):
        raise Absent(
            f"the variance of {entry.decoder.label} has not arrived in {share:.0%} of its runs: "
            f"{AWAY}"
        )
    return entry


def piece(
    quantity: str, make: Callable[..., Finding], *arguments: object, **named: object
) -> Finding:
    """Return the evidence that `make` finds for a quantity, or that there is none and why."""
    try:
        return make(quantity, *arguments, **named)
    except Absent as reason:
        return Finding(quantity, "none", Verdict.NOT_DECIDED, str(reason), measured=False)


def judge(
    quantity: str,
    judged: Effect,
    region: Region,
    by: Metric | None = None,
    own: Entry | None = None,
) -> Finding:
    """Return the verdict on an effect over seeds, marked where `own` is no better without a code.

    The effect has the decimals of the metric that it is `by`, and two by none.
    """
    if judged.mean is None:
        raise Absent(judged.why)
    text = with_interval(judged, decimals_of(by, [judged.mean]) if by else 2)
    text += f" {DAGGER}" if by and own and without_code(own, by) else ""
    interval = judged.interval
    if interval is None:
        return Finding(quantity, text, Verdict.NOT_DECIDED, judged.why, metric=by)
    if judged.lost:
        reason = f"only {judged.count} of {judged.count + judged.lost} seeds were measured in both"
        return Finding(quantity, text, Verdict.NOT_DECIDED, reason, metric=by)
    verdict = region.verdict(interval)
    edge = short(region.high if interval.high >= region.high else region.low)
    reasons = {
        Verdict.SUPPORTED: "the whole interval agrees",
        Verdict.REFUTED: "the whole interval disagrees",
        Verdict.NOT_DECIDED: f"the interval contains {edge}",
    }
    reason = f"{reasons[verdict]}, {plural(judged.count, 'seed')}"
    return Finding(quantity, text, verdict, reason, refuted=region.refuted(judged), metric=by)


def beside_median(
    quantity: str, group: Group, name: str, among: Sequence[Entry], metric: Metric, *, side: Region
) -> Finding:
    """Return how a decoder differs from the median of the others with the same seed."""
    entry = measured(entry_of(group, name), metric)
    others = [each for each in among if each is not entry]
    known = [each for each in others if complete(each.runs, metric.key)]
    if not known:
        raise Absent(f"no other decoder finished all its runs with {metric.label}")
    median = pd.concat([by_seed(each.runs, metric.key) for each in known], axis=1).dropna()
    difference = effect(differences(by_seed(entry.runs, metric.key), median.median(axis=1)))
    if not difference.count:
        raise Absent("no seed was measured in all")
    difference = replace(difference, lost=len(set(entry.runs["seed"])) - difference.count)
    return _ranked(judge(quantity, difference, side, metric, entry), entry, others, metric)


@dataclass(frozen=True, eq=False)
class Rival:
    """What a decoder is compared with, and by how much it may be behind it."""

    name: str
    runs: pd.DataFrame
    margin: float = 0.0


def none_below(
    quantity: str, own: Entry, rivals: Sequence[Rival], metric: Metric, others: Sequence[Entry] = ()
) -> Finding:
    """Return whether a decoder is below every rival, but for their margins; or is told above one.

    Support needs the interval of every difference, and so no correction. Any rival may be below by
    chance, so against all of them is refuted by Holm's. Shown is the rival that comes closest.

    Args:
        quantity: what is compared.
        own: the decoder.
        rivals: what it is compared with.
        metric: by what, lower being better.
        others: decoders among which its rank is shown; none for no rank.

    """
    pairs = [(rival, paired(own.runs, rival.runs, metric.key)) for rival in rivals]
    known = [(rival, each) for rival, each in pairs if each.mean is not None]
    if not known:
        raise Absent("no seed was measured in both")
    closest, difference = max(known, key=lambda pair: (pair[1].mean or 0.0) - pair[0].margin)
    margin = f", margin {short(closest.margin)}" if closest.margin else ""
    region = Region(high=closest.margin)
    finding = judge(f"{quantity} ({closest.name}{margin})", difference, region, metric, own)
    finding = _ranked(finding, own, others, metric) if others else finding
    tested = [(r, each) for r, each in pairs if each.interval and not each.lost]
    if not tested:
        return finding
    p_values = holm([Region(high=rival.margin).refuted(each) for rival, each in tested])
    above = [r.name for (r, _), p in zip(tested, p_values, strict=True) if p <= 1 - LEVEL]
    sure = {r.name for r, e in tested if Region(high=r.margin).supported(e) <= 1 - LEVEL}
    unsure = [rival.name for rival in rivals if rival.name not in sure]
    finding = replace(finding, refuted=float(min(p_values)))
    than = "by more than the margin" if closest.margin else "for sure"
    if above:
        reason = f"{listing(above)} {'is' if len(above) == 1 else 'are'} lower {than}"
        return replace(finding, verdict=Verdict.REFUTED, reason=reason)
    if not unsure:
        reason = "the whole interval of every difference agrees"
        return replace(finding, verdict=Verdict.SUPPORTED, reason=reason)
    than = "any other" if len(unsure) == len(rivals) > 1 else listing(unsure)
    return undecided(finding, f"not for sure below {than}")


def lowest(
    quantity: str, group: Group, name: str, among: Sequence[Entry], metric: Metric
) -> Finding:
    """Return whether a decoder is below every other that was measured."""
    entry = measured(entry_of(group, name), metric)
    others = [
        e
        for e in among
        if e.measure and values(e.runs, metric.key).size and e is not entry and not e.collapsed
    ]
    if not others:
        raise Absent(f"no other decoder was measured by {metric.label}")
    rivals = [Rival(each.decoder.label, each.runs) for each in others]
    return none_below(quantity, entry, rivals, metric, others)


def without_a_code(entry: Entry, metric: Metric) -> str:
    """Return by how much the mean image, which has no code, differs from a decoder; "" if unknown.

    What a constant does as well is no achievement of another decoder.
    """
    reference, mean = WITHOUT_CODE[0], estimate(entry.runs, metric.key)
    if mean is None or (metric.native and entry.measure != reference.measure):
        return ""
    reached = [value - mean.mean for value in reference.reached(entry.runs, metric)]
    decimals = decimals_of(metric, reached)
    return "".join(f"{reference.name}: {number(value, decimals)}" for value in reached)


def undecided(finding: Finding, reason: str) -> Finding:
    """Return a finding that decides nothing, for this reason."""
    return replace(finding, verdict=Verdict.NOT_DECIDED, reason=reason)


def noted(finding: Finding, note: str) -> Finding:
    """Return a finding with a note on its effect."""
    return replace(finding, effect=f"{finding.effect}; {note}")


def _ranked(finding: Finding, entry: Entry, others: Sequence[Entry], metric: Metric) -> Finding:
    """Return a finding with the rank of an entry among others, such as "rank 2 of 5", by means."""
    placed = rank(entry, others, metric, lost_last=False)
    return noted(finding, f"rank {placed[0]:g} of {placed[1]}") if placed else finding

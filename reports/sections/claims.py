"""What the results say of the paper's claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.analysis.groups import decisive, of_fixed_rate
from reports.analysis.intervals import FEWEST, LEVEL
from reports.analysis.verdict import Verdict
from reports.claims import CLAIMS, Claim, Finding, Judged, findings, judged, of_the_paper, overall
from reports.content import PAPER
from reports.printing.cells import DAGGER
from reports.printing.markup import LEFT, bold, escape, fold, paragraphs, table
from reports.printing.words import listing
from reports.sections.section import Subject, section


def claims_in_short(subject: Subject) -> str:
    """Return the verdict on each claim, in one line where none is judged."""
    groups = decisive(subject.content, subject.groups)
    evidence = [judged(claim, subject.content, groups) for claim in CLAIMS]
    if not groups:
        return ""
    link = "[Rules and evidence](#claims)."
    if why := _undecided(evidence):
        return section("The paper's claims", f"No claim is judged: {escape(why)}. {link}")
    rows = [[text, _overall(each)] for text, each in zip(_TEXTS, evidence, strict=True)]
    shown = table(["claim", "on all data"], rows, [LEFT] * 2)
    return section("The paper's claims", paragraphs(shown, link))


def claims(subject: Subject) -> str:
    """Return a verdict on each claim, with the evidence of each group."""
    title = "The paper's claims on this data"
    if not subject.groups:
        return section(title, "There are no runs, so nothing is said of any claim.", "claims")
    groups = decisive(subject.content, subject.groups)
    evidence = [judged(claim, subject.content, groups) for claim in CLAIMS]
    details = [
        fold(f"Claim {number}: {claim.text}", *_details(subject, claim, each))
        for number, (claim, each) in enumerate(zip(CLAIMS, evidence, strict=True), start=1)
    ]
    if why := _undecided(evidence):
        line = f"**No claim is judged: {escape(why)}.** The rules, and what there is of evidence:"
        return section(title, paragraphs(line, *details), "claims")
    rows = [
        [text, *(_verdict(each.by_group[group]) for group in groups), _overall(each)]
        for text, each in zip(_TEXTS, evidence, strict=True)
    ]
    headings = ["claim", *(escape(group.heading) for group in groups), "on all data"]
    shown = table(headings, rows, [LEFT] * len(headings))
    return section(title, paragraphs(_reading(subject), shown, *details), "claims")


_TEXTS = [f"{number}. {claim.text}" for number, claim in enumerate(CLAIMS, start=1)]


def _overall(evidence: Judged) -> str:
    verdict = overall(evidence.together)
    decided = bold(verdict) + _only(verdict, evidence.together)
    if verdict is Verdict.SUPPORTED and not all(each.measured for each in evidence.together):
        decided += ", of the parts that were measured"
    return decided


def _undecided(evidence: Sequence[Judged]) -> str:
    """Return the most frequent reason why nothing is decided; "" if something is."""
    every = [each for judged in evidence for here in judged.by_group.values() for each in here]
    if any(each.verdict is not Verdict.NOT_DECIDED for each in every):
        return ""
    reasons = [each.reason for each in every if each.measured]
    if not reasons:
        common = {each.reason for each in every}
        reasons = [*common] if len(common) == 1 else ["nothing was measured"]
    return max(reasons, key=reasons.count)


def _reading(subject: Subject) -> str:
    scope = (
        "made by the published protocol"
        if subject.content.budget == PAPER
        else f"of the budget {escape(subject.content.budget)}, not of the published protocol"
    )
    return (
        f"Verdicts on these data and networks, {scope}; data in place of others say "
        "nothing of those. Only the decoders of the paper count. Every effect is a mean over "
        f"seeds, paired by seed, with its [{LEVEL:.0%} interval] (Student's t), which needs "
        f"{FEWEST} seeds. "
        "**Supported**: the whole interval lies where the claim says. **Refuted**: it lies wholly "
        "elsewhere. **Not decided**: neither, or there is no interval; the reason stands beside "
        "it. A claim of several parts is refuted by one, after Holm's correction for all of its "
        "parts on these data (in the last column on all data), and supported only by all that were "
        "measured. Where learning rates "
        "were tuned, the tuned column is judged; elsewhere one rate is set for all, and a verdict "
        f"is one at that rate. {DAGGER} marks a number that is no better than a row without a code."
    )


def _verdict(evidence: list[Finding]) -> str:
    """Return the verdict on one group; one that is not decided tells why if there is one reason."""
    verdict = overall(evidence)
    open_ = [each for each in evidence if each.verdict is Verdict.NOT_DECIDED]
    measured = [each for each in open_ if each.measured] or open_
    reasons = list(dict.fromkeys(each.reason for each in measured))
    if verdict is Verdict.NOT_DECIDED and len(reasons) == 1:
        return f"{verdict}: {escape(reasons[0])}"
    return f"{verdict}{_only(verdict, evidence)}"


def _only(verdict: Verdict, evidence: Sequence[Finding]) -> str:
    """Return what a verdict on several pieces is bound to, to stand behind it; "" if nothing."""
    bound = dict.fromkeys(each.only for each in evidence if each.only and each.verdict is verdict)
    return f" for {escape(listing(list(bound)))}" if bound else ""


def _details(subject: Subject, claim: Claim, evidence: Judged) -> Iterator[str]:
    links = listing([f"[{_SHOWN[anchor]}](#{anchor})" for anchor in claim.evidence])
    yield f"*{claim.rule}* Evidence: {links}."
    headings = ["quantity", f"effect [{LEVEL:.0%} interval]", "verdict", "reason"]
    for group, every in evidence.by_group.items():
        rows = [
            [escape(word) for word in (each.quantity, each.effect, each.verdict, each.reason)]
            for each in every
        ]
        yield bold(escape(group.heading))
        yield table(headings, rows, [LEFT] * len(headings))
        if fixed := of_fixed_rate(subject.content, subject.groups, group):
            beside = findings(claim, subject.content, of_the_paper(fixed))
            shown = [[escape(word) for word in (each.quantity, each.effect)] for each in beside]
            yield f"The same at one learning rate for all, not judged ({escape(fixed.heading)}):"
            yield table(headings[:2], shown, [LEFT] * 2)


_SHOWN = {
    "table-a": "Table A",
    "table-b": "results",
    "differences": "differences from the best",
    "information": "information plot",
    "speed": "convergence speed",
    "convergence": "convergence",
}
"""Anchor of a section -> what a link to it says."""

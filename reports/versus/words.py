"""A comparison in words: one paragraph, every fact of which stands in the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.cells import BITS, ranking
from reports.comparison import Entry
from reports.evidence import MEANINGLESS
from reports.markup import listing, number, plural
from reports.uncertainty import LEVEL, Effect
from reports.versus.pairs import Difference, Match, Verdict, rank
from reports.versus.tables import seconds_ratio

MOST = 3
"""Baselines up to which each is told; of more, the best one and how many are how."""
UNIT, DECIMALS = "bits/dim", 3


def summary(matches: Sequence[Match]) -> str:
    """Return what came out, group by group, in bits/dim and seconds."""
    if not matches:
        return "There are no runs, so nothing was compared."
    sentences = [sentence for match in matches for sentence in _on(match)]
    if matches[0].content.budget == MEANINGLESS:
        sentences.append(
            f"The budget {MEANINGLESS} is a test that everything runs: its numbers mean nothing."
        )
    return " ".join(sentences)


def _on(match: Match) -> Iterator[str]:
    where = f"On {match.group.data_set} ({match.group.model}"
    if match.group.named:
        where += f", {listing([column.heading for column in match.group.columns])}"
    name = match.new.label
    seeds = len(set(match.new.runs["seed"])) if len(match.new.runs) else 0
    found = {e: match.difference(e, BITS) for e in match.baselines}
    measured = {entry: each for entry, each in found.items() if each.measured}
    if not measured:
        reasons = dict.fromkeys(each.effect.why for each in found.values())
        yield f"{where}), {name} has no difference in {UNIT}: {'; '.join(reasons)}."
        return
    told = _told(measured)
    clauses = listing([_clause(entry, measured[entry]) for entry in told])
    placed = rank(match, BITS)
    ranked = f", and ranks {placed[0]:g} of {placed[1]} in {UNIT}" if placed else ""
    some, ranked_first = len(told) < len(measured), bool(ranking(told, BITS))
    best = f", the best of {len(measured)} baselines" if some and ranked_first else ""
    yield f"{where}, {plural(seeds, 'seed')}), {name} has {clauses}{best}{ranked}."
    if some:
        yield _counts(name, list(measured.values()))
    yield from _at_equal_seconds(match, told)
    yield from _costs(match, told)


def _told(measured: dict[Entry, Difference]) -> list[Entry]:
    if len(measured) <= MOST:
        return list(measured)
    best = ranking(list(measured), BITS)
    return [best[0][0]] if best else list(measured)[:1]


def _clause(entry: Entry, found: Difference) -> str:
    """Return such as "0.12 bits/dim less than wide (95% interval 0.10 to 0.14)"."""
    text = f"{amount(found.effect)} {entry.label}"
    if found.verdict == Verdict.EVEN:
        return f"{text} ({_interval(found.effect)}, which contains 0: not told apart)"
    if found.verdict == Verdict.NONE:
        interval = f"{_interval(found.effect)}; " if found.effect.interval else ""
        return f"{text} ({interval}no verdict: {found.why})"
    return f"{text} ({_interval(found.effect)})"


def amount(found: Effect) -> str:
    """Return such as "0.120 bits/dim less than"."""
    mean = found.mean or 0.0
    printed = number(abs(mean), DECIMALS)
    if float(printed.replace(",", "").replace("∞", "inf")) == 0:
        return f"the same {UNIT} to {DECIMALS} decimals as"
    return f"{printed} {UNIT} {'less' if mean < 0 else 'more'} than"


def _interval(found: Effect) -> str:
    if found.interval is None or found.mean is None:
        return "no interval"
    low, high = found.interval.low, found.interval.high
    if found.mean < 0:  # told as an amount that is less
        low, high = -high, -low
    return f"{LEVEL:.0%} interval {number(low, DECIMALS)} to {number(high, DECIMALS)}"


def _counts(name: str, found: Sequence[Difference]) -> str:
    counts = [
        f"{words} {sum(each.verdict == verdict for each in found)}"
        for verdict, words in (
            (Verdict.BETTER, "better than"),
            (Verdict.WORSE, "worse than"),
            (Verdict.EVEN, "not told apart from"),
            (Verdict.NONE, "without a verdict against"),
        )
        if any(each.verdict == verdict for each in found)
    ]
    return f"Of these {len(found)}, {name} is {listing(counts)}."


def _at_equal_seconds(match: Match, told: Sequence[Entry]) -> Iterator[str]:
    found = [(entry, match.equal(entry)) for entry in told]
    clauses = [
        f"{amount(each.seconds)} {entry.label}{_aside(each.seconds)}"
        for entry, each in found
        if each.seconds.mean is not None
    ]
    if clauses:
        yield f"At equal seconds of training, on validation images, it has {listing(clauses)}."


def _aside(found: Effect) -> str:
    if found.interval is None:
        return ""
    contains = "" if found.interval.excludes(0.0) else ", which contains 0"
    return f" ({_interval(found)}{contains})"


def _costs(match: Match, told: Sequence[Entry]) -> Iterator[str]:
    ratios = [(entry, seconds_ratio(match.new, entry)) for entry in told]
    clauses = [
        f"{number(ratio, 2)} times the seconds of {entry.label}" for entry, ratio in ratios if ratio
    ]
    if clauses:
        yield f"Its training takes {listing(clauses)}."

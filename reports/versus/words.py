"""A comparison in words: one paragraph, every fact of which stands in the tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.analysis.groups import Entry
from reports.analysis.intervals import LEVEL, Effect
from reports.analysis.ranks import rank, ranking
from reports.content import SMOKE
from reports.metric import Metric
from reports.printing.markup import listing, number, plural
from reports.versus.pairs import EVEN, NONE, WORDS, Difference, Match
from reports.versus.tables import seconds_ratio

MOST = 3
"""Baselines up to which each is named; of more, the best one and how many are how."""


def summary(matches: Sequence[Match]) -> str:
    """Return what came out, group by group, in bits/dim and seconds."""
    if not matches:
        return "There are no runs, so nothing was compared."
    sentences = [sentence for match in matches for sentence in _on(match)]
    if matches[0].content.budget == SMOKE:
        sentences.append(
            f"The budget {SMOKE} is a test that everything runs: its numbers mean nothing."
        )
    return " ".join(sentences)


def _on(match: Match) -> Iterator[str]:
    where = f"On {match.group.data_set} ({match.group.model}"
    if match.group.named:
        where += f", {listing([column.heading for column in match.group.columns])}"
    name, bits = match.new.label, match.bits
    seeds = len(set(match.new.runs["seed"])) if len(match.new.runs) else 0
    pairs = {e: match.difference(e, bits) for e in match.baselines}
    measured = {entry: each for entry, each in pairs.items() if each.measured}
    if not measured:
        reasons = dict.fromkeys(each.effect.why for each in pairs.values())
        yield f"{where}), {name} has no difference in {bits.label}: {'; '.join(reasons)}."
        return
    named = _named(measured, bits)
    clauses = listing([_clause(entry, measured[entry], bits) for entry in named])
    placed = rank(match.new, match.everyone[1:], bits)
    ranked = f", and ranks {placed[0]:g} of {placed[1]} in {bits.label}" if placed else ""
    shortened, ranked_first = len(named) < len(measured), bool(ranking(named, bits))
    best = f", the best of {len(measured)} baselines" if shortened and ranked_first else ""
    yield f"{where}, {plural(seeds, 'seed')}), {name} has {clauses}{best}{ranked}."
    if shortened:
        yield _counts(name, list(measured.values()))
    yield from _at_equal_seconds(match, named)
    yield from _costs(match, named)


def _named(measured: dict[Entry, Difference], bits: Metric) -> list[Entry]:
    if len(measured) <= MOST:
        return list(measured)
    best = ranking(list(measured), bits)
    return [best[0][0]] if best else list(measured)[:1]


def _clause(entry: Entry, difference: Difference, bits: Metric) -> str:
    """Return such as "0.12 bits/dim less than wide (95% interval 0.10 to 0.14)"."""
    effect = difference.effect
    text, interval = f"{amount(effect, bits)} {entry.label}", _interval(effect, bits)
    if difference.words == EVEN:
        return f"{text} ({interval}, which contains 0: {EVEN})"
    if difference.words == NONE:
        stated = f"{interval}; " if effect.interval else ""
        return f"{text} ({stated}{NONE}: {difference.why})"
    return f"{text} ({interval})"


def amount(effect: Effect, metric: Metric) -> str:
    """Return such as "0.120 bits/dim less than"."""
    mean, decimals = effect.mean or 0.0, metric.decimals or 0
    printed = number(abs(mean), decimals)
    if float(printed.replace(",", "").replace("∞", "inf")) == 0:
        return f"the same {metric.label} to {decimals} decimals as"
    return f"{printed} {metric.label} {'less' if mean < 0 else 'more'} than"


def _interval(effect: Effect, metric: Metric) -> str:
    if effect.interval is None or effect.mean is None:
        return "no interval"
    low, high = effect.interval.low, effect.interval.high
    if effect.mean < 0:  # told as an amount that is less
        low, high = -high, -low
    decimals = metric.decimals or 0
    return f"{LEVEL:.0%} interval {number(low, decimals)} to {number(high, decimals)}"


def _counts(name: str, differences: Sequence[Difference]) -> str:
    words = [each.words for each in differences]
    better, worse = WORDS.values()
    counts = [
        f"{text} {words.count(verdict)}"
        for verdict, text in (
            (better, "better than"),
            (worse, "worse than"),
            (EVEN, "not told apart from"),
            (NONE, "without a verdict against"),
        )
        if verdict in words
    ]
    return f"Of these {len(differences)}, {name} is {listing(counts)}."


def _at_equal_seconds(match: Match, named: Sequence[Entry]) -> Iterator[str]:
    timed = [(entry, match.equal(entry).seconds) for entry in named]
    clauses = [
        f"{amount(seconds, match.bits)} {entry.label}{_aside(seconds, match.bits)}"
        for entry, seconds in timed
        if seconds.mean is not None
    ]
    if clauses:
        yield f"At equal seconds of training, on validation images, it has {listing(clauses)}."


def _aside(effect: Effect, metric: Metric) -> str:
    if effect.interval is None:
        return ""
    contains = "" if effect.interval.excludes(0.0) else ", which contains 0"
    return f" ({_interval(effect, metric)}{contains})"


def _costs(match: Match, named: Sequence[Entry]) -> Iterator[str]:
    ratios = [(entry, seconds_ratio(match.new, entry)) for entry in named]
    clauses = [
        f"{number(ratio, 2)} times the seconds of {entry.label}" for entry, ratio in ratios if ratio
    ]
    if clauses:
        yield f"Its training takes {listing(clauses)}."

"""A comparison in words: a paragraph, every fact of which the tables hold; missing runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from reports.analysis.groups import Entry
from reports.analysis.intervals import LEVEL, Effect
from reports.analysis.ranks import rank, ranking
from reports.content import SMOKE, Content, Row
from reports.metric import Metric
from reports.printing.markup import bullets, escape
from reports.printing.words import listing, number, plural
from reports.versus.choice import Choice
from reports.versus.pairs import EVEN, NONE, WORDS, Difference, Match
from reports.versus.tables import seconds_ratio

MOST = 3
"""Baselines up to which each is named; of more, the best one and how many are how."""
Command = Callable[[Row, int], str]
"""The command that runs a decoder with the seeds 0 to n - 1 on all data of the results."""


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
    pairs = dict(zip(match.baselines, match.differences[bits], strict=True))
    measured = {entry: each for entry, each in pairs.items() if each.measured}
    if not measured:
        reasons = dict.fromkeys(each.effect.why for each in pairs.values())
        yield f"{where}), {name} has no difference in {bits.label}: {'; '.join(reasons)}."
        return
    entries = list(measured)
    first = [entry for entry, _ in ranking(entries, bits)] or entries
    named = entries if len(entries) <= MOST else first[:1]
    clauses = listing([_clause(entry, measured[entry], bits) for entry in named])
    placed = rank(match.new, match.everyone[1:], bits)
    ranked = f", and ranks {placed[0]:g} of {placed[1]} in {bits.label}" if placed else ""
    shortened, ranked_first = len(named) < len(measured), bool(ranking(named, bits))
    best = f", the best of {len(measured)} baselines" if shortened and ranked_first else ""
    yield f"{where}, {plural(seeds, 'seed')}), {name} has {clauses}{best}{ranked}."
    if shortened:
        verdicts = Counter(each.words for each in measured.values())
        texts = {each: f"{each} than" for each in WORDS.values()}
        texts |= {EVEN: f"{EVEN} from", NONE: "without a verdict against"}
        counts = [f"{text} {verdicts[each]}" for each, text in texts.items() if verdicts[each]]
        yield f"Of these {len(measured)}, {name} is {listing(counts)}."
    yield from _at_equal_seconds(match, named)
    ratios = [(e.label, ratio) for e in named if (ratio := seconds_ratio(match.new, e))]
    if ratios:
        costs = [f"{number(each, 2)} times the seconds of {label}" for label, each in ratios]
        yield f"Its training takes {listing(costs)}."


def _clause(entry: Entry, difference: Difference, bits: Metric) -> str:
    """Return such as "0.12 bits/dim less than wide (95% interval 0.10 to 0.14)"."""
    effect = difference.effect
    text, interval = f"{amount(effect, bits)} {entry.label}", _interval(effect, bits)
    if difference.words == EVEN:
        inside = effect.interval and not effect.interval.excludes(0.0)
        why = "which contains 0" if inside else "beside the other baselines"
        return f"{text} ({interval}, {why}: {EVEN})"
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


def _at_equal_seconds(match: Match, named: Sequence[Entry]) -> Iterator[str]:
    clauses = []
    for entry in named:
        effect = match.timed[entry].seconds
        if effect.mean is not None:
            contains = effect.interval and not effect.interval.excludes(0.0)
            inside = f"{_interval(effect, match.bits)}{', which contains 0' if contains else ''}"
            aside = f" ({inside})" if effect.interval else ""
            clauses.append(f"{amount(effect, match.bits)} {entry.label}{aside}")
    if clauses:
        yield f"At equal seconds of training, on validation images, it has {listing(clauses)}."


def missing(
    content: Content, choices: Sequence[Choice], matches: Sequence[Match], command: Command | None
) -> str:
    """Return a list of the missing runs with the commands that make them; "" if there are none."""
    missing_: dict[tuple[Row, int], list[str]] = {}
    for match in matches:
        for entry, seeds in _lacking(match):
            count = len(_seeds(entry))
            so_far = f"{plural(count, 'seed')} so far" if count else "no runs"
            where = f"{escape(match.group.title)} ({so_far})"
            missing_.setdefault((entry.decoder, seeds), []).append(where)
    seeds = 1 + max(map(int, content.results.get("seed", ())), default=0)
    ran = {id(column) for match in matches for column in match.group.columns}
    for column in content.columns:
        if not column.not_run and id(column) not in ran:
            for choice in choices:
                where = f"{escape(column.heading)} (no runs)"
                missing_.setdefault((choice.decoder, seeds), []).append(where)
    return bullets(
        f"{escape(row.label)}, on {listing(places)}: "
        + (f"`{command(row, seeds)}`" if command else f"`{row.name}` with {plural(seeds, 'seed')}")
        for (row, seeds), places in missing_.items()
    )


def _lacking(match: Match) -> Iterator[tuple[Entry, int]]:
    """Yield each entry that lacks seeds which the other side has, and how many it should have."""
    own = _seeds(match.new)
    theirs = {seed for each in match.baselines for seed in _seeds(each)}
    everybody = {int(seed) for seed in match.group.runs["seed"]}
    for entry, others in ((match.new, theirs), *((each, own) for each in match.baselines)):
        # Where the other side has none either, as many as the rest of the group.
        seeds = _seeds(entry)
        needed = others or (set() if seeds else everybody)
        if needed - seeds:
            yield entry, 1 + max(needed)


def _seeds(entry: Entry) -> set[int]:
    return {int(seed) for seed in entry.every_run.get("seed", ())}

"""The comparison of one decoder with others, as a document: words, tables, figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure

from reports.analysis.groups import Entry
from reports.analysis.intervals import LEVEL, Effect
from reports.analysis.ranks import rank, ranking
from reports.content import SMOKE, Content, Row
from reports.document import Document
from reports.figures import curves, panels
from reports.metric import Metric
from reports.printing.markup import bullets, escape, paragraphs
from reports.printing.words import listing, number, plural
from reports.sections import Subject, budget
from reports.sections.differences import CHANCE, INTERVAL
from reports.sections.training import mixed
from reports.versus import tables
from reports.versus.choice import Choice, choose
from reports.versus.pairs import EVEN, NONE, WORDS, Difference, Match

MOST = 3
"""Baselines up to which each is named; of more, the best one and how many are how."""
Command = Callable[[Row, int], str]
"""The command that runs a decoder with the seeds 0 to n - 1 on all data of the results."""
MISSING = (
    "Finished runs are never computed again: each command makes only what is missing, on all data "
    "of these results."
)


@dataclass(frozen=True)
class Comparison:
    """One decoder compared with others."""

    summary: str
    """One paragraph, plain text."""
    document: Document
    """README.md, figures, and differences.csv: a row for each group, baseline and metric."""


def compare(
    content: Content, new: str, against: Sequence[str] = (), command: Command | None = None
) -> Comparison:
    """Return the comparison of the decoder `new` with those that `against` matches.

    `new` is a name, name(option=value) or label of a decoder; `against` are patterns of names, as
    in a shell; none means all others. `command` is how missing runs are made; None names them only.

    Raises:
        ReportError: there is no such decoder, or a pattern matches none.

    """
    subject = Subject(content)
    one, others = choose(content, new, against)
    matches = [
        Match(content, group, one.entry(group), tuple(each.entry(group) for each in others))
        for group in subject.groups
    ]
    said = _summary(matches)
    parts = [paragraphs(*_on(subject, each)) for each in matches]
    named = listing([escape(each.label) for each in others])
    commands = _missing(content, [one, *others], matches, command)
    readme = paragraphs(
        f"# {escape(one.label)} against {named if len(others) <= 3 else f'{len(others)} others'}",
        budget(subject),
        "## Summary",
        escape(said),
        "## How to read it",
        _reading(content, escape(one.label)),
        *parts,
        "## Missing runs",
        MISSING if commands else "None: on all data, both sides have the same seeds.",
        commands,
    )
    table = tables.differences(matches).to_csv(index=False, lineterminator="\n")
    return Comparison(said, Document(readme + "\n", subject.figures, {"differences.csv": table}))


def write_comparison(comparison: Comparison, output: Path) -> Path:
    """Write README.md, differences.csv and figures/; return the README: see Document.write."""
    return comparison.document.write(output)


def _reading(content: Content, name: str) -> str:
    lines = [
        f"Δ is the value of {name} minus that of the baseline, paired by seed: mean and "
        f"{INTERVAL}. **Where ↓ marks a metric, such as bits/dim, a negative Δ is better for "
        f"{name}**; where ↑ marks it, a positive one.",
        "A difference is bold, and called better or worse, only if it is one after Holm's "
        "correction for all baselines of the table, and every run of both finished. The interval "
        "is that of one difference and is not corrected.",
        CHANCE,
        "NLL is in the decoder's own measure: a density and a mass do not compare. Bits/dim is the "
        "one unit that all share.",
        "The metrics are of test images at the end of training, and all decoders of a group train "
        "for the same number of steps: they compare at equal steps. The tables of equal seconds "
        "are of *validation* images, measured during training.",
    ]
    link = content.metrics_document
    definitions = f"Definitions of all numbers: [metrics.md]({link})." if link else ""
    return paragraphs(bullets(lines), definitions)


def _on(subject: Subject, matched: Match) -> Iterator[str]:
    group = matched.group
    yield f"## {escape(group.heading)}, model {escape(group.model)}"
    words = f"Differences on {group.heading}"
    if shows := subject.picture(group, "differences", _forest(subject, matched), words):
        yield shows
        yield (
            "A line is the interval of the difference, hidden where it is narrower than the "
            "marker; a hollow marker is one that has no interval or whose interval contains 0."
        )
    for metric in matched.metrics:
        yield f"### {escape(group.heading)}: {metric.label}"
        yield tables.metric_table(matched, metric)
    yield f"### {escape(group.heading)}: ranks"
    yield (
        "Among all decoders of the group (by NLL, of the same measure), 1 the best; one that lost "
        "a run ranks behind all that did not."
    )
    yield tables.rank_table(matched)
    yield f"### {escape(group.heading)}: equal steps and equal seconds"
    yield from _equal(subject, matched)
    yield f"### {escape(group.heading)}: costs"
    yield (
        "Wall-clock seconds of one run; they compare only if nothing else ran on the machine. The "
        f"ratio is the training of {escape(matched.new.label)} over that of the baseline."
    )
    yield mixed(subject.content)
    yield tables.cost_table(matched)


def _equal(subject: Subject, matched: Match) -> Iterator[str]:
    table = tables.equal_table(matched)
    if table:
        yield (
            "Bits/dim ↓ of **validation** images, measured during training. *Equal steps*: both at "
            "the end. *Equal seconds*: both at the training time of the faster of the two (column "
            "*at*, mean over seeds), the slower one on a straight line between its measurements. "
            "*Target*: the median over all other decoders of the group of their final values, "
            f"which neither decides. *Ratio*: steps until {escape(matched.new.label)} is first "
            "there, over those of the baseline, geometric mean over seeds; below 1, it is there "
            "sooner. One that never is there counts with its last step."
        )
    yield table or "No pair of finished runs has curves of bits/dim that compare."
    short = dict.fromkeys(label for each in matched.timed.values() for label in each.short)
    if short:
        yield (
            "The history is too short, and nothing is extrapolated, for some run of "
            f"{listing([escape(label) for label in short])}."
        )
    compared = replace(matched.group, entries=(matched.new, *matched.baselines))
    drawn = curves.convergence(matched.content, compared, subject.styles)
    yield subject.picture(compared, "convergence", drawn, f"Convergence on {compared.heading}")


def _forest(subject: Subject, matched: Match) -> Figure | None:
    drawn = []
    for metric, each in matched.differences.items():
        side = "left" if metric.best == "lowest" else "right"
        drawn.append((f"Δ {metric.label}\n(better on the {side})", [d.effect for d in each]))
    title = f"{matched.new.label} minus each baseline: {matched.group.heading}"
    names = [entry.label for entry in matched.baselines]
    return panels.forest(
        title, names, [subject.styles[e.decoder] for e in matched.baselines], drawn
    )


def _summary(matches: Sequence[Match]) -> str:
    """Return what came out, group by group, in bits/dim and seconds."""
    if not matches:
        return "There are no runs, so nothing was compared."
    sentences = [sentence for match in matches for sentence in _sentences(match)]
    if matches[0].content.budget == SMOKE:
        sentences.append(
            f"The budget {SMOKE} is a test that everything runs: its numbers mean nothing."
        )
    return " ".join(sentences)


def _sentences(match: Match) -> Iterator[str]:
    where = f"On {match.group.data_set} ({match.group.model}"
    if match.group.named:
        where += f", {listing([column.heading for column in match.group.columns])}"
    name, bits = match.new.label, match.bits
    seeds = len(set(match.new.runs["seed"])) if len(match.new.runs) else 0
    pairs = dict(zip(match.baselines, match.differences[bits], strict=True))
    measured = {entry: each for entry, each in pairs.items() if each.effect.mean is not None}
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
    ratios = [(e.label, ratio) for e in named if (ratio := tables.seconds_ratio(match.new, e))]
    if ratios:
        costs = [f"{number(each, 2)} times the seconds of {label}" for label, each in ratios]
        yield f"Its training takes {listing(costs)}."


def _clause(entry: Entry, difference: Difference, bits: Metric) -> str:
    """Return such as "0.12 bits/dim less than wide (95% interval 0.10 to 0.14)"."""
    effect = difference.effect
    text, interval = f"{_amount(effect, bits)} {entry.label}", _interval(effect, bits)
    if difference.words == EVEN:
        inside = effect.interval and not effect.interval.excludes(0.0)
        why = "which contains 0" if inside else "beside the other baselines"
        return f"{text} ({interval}, {why}: {EVEN})"
    if difference.words == NONE:
        stated = f"{interval}; " if effect.interval else ""
        return f"{text} ({stated}{NONE}: {difference.why})"
    return f"{text} ({interval})"


def _amount(effect: Effect, metric: Metric) -> str:
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
            clauses.append(f"{_amount(effect, match.bits)} {entry.label}{aside}")
    if clauses:
        yield f"At equal seconds of training, on validation images, it has {listing(clauses)}."


def _missing(
    content: Content, choices: Sequence[Choice], matches: Sequence[Match], command: Command | None
) -> str:
    """Return a list of the missing runs with the commands that make them; "" if there are none."""
    places: dict[tuple[Row, int], list[str]] = {}
    for match in matches:
        for entry, seeds in _lacking(match):
            count = len(_seeds(entry))
            so_far = f"{plural(count, 'seed')} so far" if count else "no runs"
            where = f"{escape(match.group.heading)} ({so_far})"
            places.setdefault((entry.decoder, seeds), []).append(where)
    seeds = 1 + max(map(int, content.results.get("seed", ())), default=0)
    ran = {id(column) for match in matches for column in match.group.columns}
    for column in content.columns:
        if not column.not_run and id(column) not in ran:
            for choice in choices:
                where = f"{escape(column.heading)} (no runs)"
                places.setdefault((choice.decoder, seeds), []).append(where)
    return bullets(
        f"{escape(row.label)}, on {listing(where)}: "
        + (f"`{command(row, seeds)}`" if command else f"`{row.name}` with {plural(seeds, 'seed')}")
        for (row, seeds), where in places.items()
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

"""Which runs a comparison lacks, and the commands that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reports.analysis.groups import Entry
from reports.content import Column, Content, Row
from reports.printing.markup import bullets, escape, listing, plural
from reports.versus.choice import Choice
from reports.versus.pairs import Match

Command = Callable[[Row, int], str]
"""The command that runs a decoder with the seeds 0 to n - 1 on all data of the results."""


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
    for column in _never_run(content, matches):
        for choice in choices:
            where = f"{escape(column.heading)} (no runs)"
            missing_.setdefault((choice.decoder, seeds), []).append(where)
    return bullets(
        f"{escape(row.label)}, on {listing(places)}: "
        + (f"`{command(row, seeds)}`" if command else f"`{row.name}` with {plural(seeds, 'seed')}")
        for (row, seeds), places in missing_.items()
    )


def _never_run(content: Content, matches: Sequence[Match]) -> Iterator[Column]:
    """Yield the columns on which no decoder at all was run, though they should have been."""
    ran = {id(column) for match in matches for column in match.group.columns}
    yield from (each for each in content.columns if not each.not_run and id(each) not in ran)


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

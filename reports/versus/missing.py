"""Which runs a comparison lacks, and the commands that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reports.comparison import Entry
from reports.content import Row
from reports.markup import bullets, escape, listing, plural
from reports.versus.pairs import Match

Command = Callable[[Row, int], str]
"""The command that runs a decoder with the seeds 0 to n - 1 on all data of the results."""


def missing(matches: Sequence[Match], command: Command | None) -> str:
    """Return a list of the missing runs with the commands that make them; "" if there are none."""
    found: dict[tuple[Row, int], list[str]] = {}
    for match in matches:
        for entry, seeds in _lacking(match):
            where = f"{escape(match.group.title)} ({_what(entry)})"
            found.setdefault((entry.decoder, seeds), []).append(where)
    return bullets(
        f"{escape(row.label)}, on {listing(places)}: "
        + (f"`{command(row, seeds)}`" if command else f"`{row.name}` with {plural(seeds, 'seed')}")
        for (row, seeds), places in found.items()
    )


def _lacking(match: Match) -> Iterator[tuple[Entry, int]]:
    """Yield each entry that lacks seeds which the other side has, and how many it should have."""
    own = _seeds(match.new)
    theirs = {seed for each in match.baselines for seed in _seeds(each)}
    everybody = {int(seed) for seed in match.group.runs["seed"]}
    for entry, wanted in ((match.new, theirs), *((each, own) for each in match.baselines)):
        # Where the other side has none either, as many as the rest of the group.
        seeds = _seeds(entry)
        needed = wanted or (set() if seeds else everybody)
        if needed - seeds:
            yield entry, 1 + max(needed)


def _seeds(entry: Entry) -> set[int]:
    return {int(seed) for seed in entry.every_run.get("seed", ())}


def _what(entry: Entry) -> str:
    count = len(_seeds(entry))
    return f"{plural(count, 'seed')} so far" if count else "no runs"

"""Which decoder the results recommend, by kind of data and goal.

The rules are stated in docs/metrics.md, "Which decoder". The statistics are those of the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reports.analysis.groups import Entry, Group, decisive, tuned
from reports.analysis.images import channels
from reports.analysis.intervals import FEWEST, Effect, paired, too_few
from reports.analysis.moving import moving
from reports.analysis.ranks import level, ranking, without_code
from reports.analysis.speed import BITS, curves, machines, reach, targets
from reports.analysis.statistics import complete, estimate
from reports.content import SMOKE, Content, Row
from reports.metric import Metric

KINDS = ("grey images", "colour images", "video")
UNKNOWN_KIND = "images"
"""Where no image was kept that could tell."""


class Goal(StrEnum):
    """What somebody may want of a decoder."""

    DENSITY = "density: bits/dim"
    QUALITY = "images: decoder means"
    UNTUNED = "no tuning: bits/dim"
    SPEED = "speed of training"


@dataclass(frozen=True, eq=False)
class Contest:
    """The decoders of a group by one metric."""

    group: Group
    metric: Metric
    level: tuple[Entry, ...] = ()
    """The first and those level with it; the first alone below FEWEST seeds."""
    second: Entry | None = None
    lead: Effect | None = None
    """By how much the first is better than the second; None without one."""
    count: int = 0
    """Seeds of the first."""
    ahead: tuple[Entry, ...] = ()
    """Whose mean is better than that of the first, and which may not be recommended."""
    why: str = ""
    """Why nothing is known; "" if something is."""


@dataclass(frozen=True, eq=False)
class Recommendation:
    """What the results say to somebody with this kind of data and this goal."""

    kind: str
    goal: Goal
    contests: tuple[Contest, ...]

    @property
    def why(self) -> str:
        """Why nothing is known; "" if something is."""
        reasons = [contest.why for contest in self.contests if contest.why]
        if reasons or not self.contests:
            return reasons[0] if reasons else "nothing was measured"
        return "" if self.decoders else "the data or the measures disagree"

    @property
    def decoders(self) -> list[Row]:
        """The decoders that are first, or level with the first, in every contest."""
        first, *others = ([each.decoder for each in contest.level] for contest in self.contests)
        return [row for row in first if all(row in other for other in others)]


def recommendations(content: Content, groups: Sequence[Group]) -> list[Recommendation]:
    """Return one for each kind of data that was run and each goal, in the order of both."""
    kinds = {group: kind_of(content, group) for group in groups}
    fixed = [group for group in groups if not tuned(content, group)]
    made = []
    for kind in [kind for kind in (*KINDS, UNKNOWN_KIND) if kind in kinds.values()]:
        for goal in Goal:
            judged = fixed if goal is Goal.UNTUNED else decisive(content, groups)
            contests = (_contests(content, each, goal) for each in judged if kinds[each] == kind)
            made.append(Recommendation(kind, goal, tuple(c for each in contests for c in each)))
    return made


def kind_of(content: Content, group: Group) -> str:
    """Return which kind of data a group has."""
    if group.video:
        return "video"
    return {1: "grey images", 3: "colour images"}.get(channels(content, group) or 0, UNKNOWN_KIND)


def _contests(content: Content, group: Group, goal: Goal) -> Iterator[Contest]:
    bits = group.metric(BITS)
    if goal is Goal.SPEED:
        yield _fastest(content, group)
    elif goal is Goal.QUALITY:
        # The value of a sweep that has the best density is not the one with the best images.
        every = tuple(value for entry in group.entries for value in entry.every_value)
        apart = replace(group, entries=every)
        yield from (contest(content, apart, metric) for metric in group.headlines)
    elif goal is Goal.UNTUNED:
        alone = tuple(entry for entry in group.entries if not entry.settings)
        yield contest(content, replace(group, entries=alone), bits)
    else:
        yield contest(content, group, bits)


def contest(content: Content, group: Group, metric: Metric) -> Contest:
    """Return who leads a group by a metric, and who is level with the leader."""
    if content.budget == SMOKE:
        return Contest(group, metric, why=f"the budget {SMOKE} is a test that everything runs")
    every = ranking(group.entries, metric)
    ranked = [pair for pair in every if not barred(content, pair[0], metric)]
    if not ranked:
        return Contest(group, metric, why="no decoder may be recommended")
    (first, best), *others = ranked
    second, sign = others[0][0] if others else None, -1 if metric.best == "highest" else 1
    pair = (first, second) if metric.best == "highest" else (second, first)
    lead = paired(pair[0].runs, pair[1].runs, metric.key) if pair[0] and pair[1] else None
    means = {each: estimate(each.runs, metric.key) for each in group.entries}
    ahead = tuple(e for e, mean in means.items() if mean and sign * (mean.mean - best.mean) < 0)
    if best.count < FEWEST:
        why = too_few(best.count)
        return Contest(group, metric, (first,), second, lead, best.count, ahead, why)
    # Over all pairs that compete, as for bold print.
    tied, allowed = level(every, metric, first), [entry for entry, _ in ranked]
    equal = others and len(tied) == len(every) - every.index(ranked[0])
    why = "no decoder is told apart from the best" if equal else ""
    kept = tuple(entry for entry in tied if entry in allowed)
    return Contest(group, metric, kept, second, lead, best.count, ahead, why)


def barred(content: Content, entry: Entry, metric: Metric) -> str:
    """Return why a decoder is never recommended by a metric; "" if it may be."""
    if entry.collapsed or not complete(entry.runs, metric.key):
        return "not every run is sound and measured"
    if moving(content, entry):
        return "its variance has not arrived"
    return "no better than a row without a code" if without_code(entry, metric) else ""


def _fastest(content: Content, group: Group) -> Contest:
    """Return who first comes down to the median final bits/dim of the decoders, in seconds."""
    target = targets(content, group, BITS)
    name = f"seconds to {target.median:.3g} bits/dim" if target else "seconds"
    metric = Metric("seconds_to_target", name, "seconds of training to a target", best="lowest")
    several = len(machines(content)) > 1
    shared = "runs were timed on several machines or versions" if several else content.shared
    easy = "half of the decoders end no better than what needs no training"
    if target is None or shared or target.median >= target.untrained:
        why = shared or (easy if target else "no curve was recorded")
        return Contest(group, metric, why=why)
    timed = []
    for entry in group.entries:
        reached = {
            seed: at.seconds
            for seed, curve in curves(content, entry, BITS).items()
            if (at := reach(curve, target.median))
        }
        seconds = entry.runs["seed"].map(reached).astype(float)
        timed.append(replace(entry, runs=entry.runs.assign(**{metric.key: seconds})))
    return contest(content, replace(group, entries=tuple(timed)), metric)

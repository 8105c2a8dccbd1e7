"""The results, arranged: a group for each column, an entry for each decoder in it.

Two rules are applied here and stated in the report:

- Columns that use the same data set, model and protocol (equal stand-ins) are one group.
- The row of a swept option shows one value of it, chosen on validation data: among the values
  with the largest number of sound runs (one that lost a seed cannot win on its lucky ones),
  the one with the lowest mean `validation_nll_nats` over seeds. Where that was not measured,
  `validation_bits_per_dim` decides. Test data have no say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from reports.analysis.collapse import with_collapse
from reports.analysis.statistics import estimate, finished, sound, values
from reports.content import (
    LACKING,
    PAPER,
    REQUIRED,
    Column,
    Content,
    ReportError,
    Row,
    Status,
    run_options,
)
from reports.metric import Metric, described
from reports.published import TABLE_B

SELECTORS = ("validation_nll_nats", "validation_bits_per_dim")


@dataclass(frozen=True, eq=False)
class Setting:
    """One value of a swept option, and its runs."""

    value: float
    runs: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Entry:
    """One decoder on the data of one group."""

    decoder: Row
    runs: pd.DataFrame
    """The runs shown: those of the chosen value where an option was swept; where none could be
    chosen, those that did not finish. Empty if not run."""
    settings: tuple[Setting, ...] = ()
    """All values of the sweep, ascending; empty where nothing was swept."""
    chosen: float | None = None
    """The value of the swept option that was chosen."""

    @property
    def undecided(self) -> bool:
        """Whether a sweep was run but no value of it could be chosen."""
        return bool(self.settings) and self.chosen is None

    @property
    def collapsed(self) -> bool:
        """Whether every run that finished is collapsed: its numbers decide nothing."""
        return sound(self.runs).empty and not finished(self.runs).empty

    @property
    def measure(self) -> str | None:
        """What the native NLL is of: density, mass or unnormalised; None if not recorded."""
        return recorded(self.every_run, "measure")

    def bounds(self, metric: Metric) -> bool:
        """Tell whether the mass that a metric rests on is a bound of this decoder's."""
        return metric.of_mass and recorded(self.every_run, "mass_is_bound") == str(True)

    @property
    def every_run(self) -> pd.DataFrame:
        """The runs of all values of the sweep."""
        return pd.concat([each.runs for each in self.settings]) if self.settings else self.runs

    @property
    def label(self) -> str:
        """What is printed, with the chosen value of the sweep."""
        return self.decoder.label if self.chosen is None else self._labelled(self.chosen)

    @property
    def every_value(self) -> tuple[Entry, ...]:
        """An entry for each value of the sweep, as decoders of their own; itself without one."""
        if not self.settings:
            return (self,)
        rows = [replace(self.decoder, label=self._labelled(s.value)) for s in self.settings]
        return tuple(Entry(row, s.runs) for row, s in zip(rows, self.settings, strict=True))

    def _labelled(self, value: float) -> str:
        return f"{self.decoder.label} ({self.decoder.sweep} = {value:g})"


@dataclass(frozen=True, eq=False)
class Group:
    """One data set, model and protocol: what may be compared with each other."""

    data_set: str
    model: str
    columns: tuple[Column, ...]
    entries: tuple[Entry, ...]
    """One for each decoder of the report, in its order."""
    named: bool = False
    """Whether its data and model do not name it, because another group has the same."""
    described: Mapping[str, Sequence[Metric]] = field(default_factory=dict)
    """Key of a metric of the content -> what the results hold of it, as tables here print it."""

    @property
    def heading(self) -> str:
        """The columns by the data that they really used."""
        return "; ".join(column.title for column in self.columns)

    @property
    def slug(self) -> str:
        """The group in a file name."""
        names = [self.data_set, self.model, *(c.heading for c in self.columns if self.named)]
        return slug(" ".join(names))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """All runs of the group."""
        every = [entry.every_run for entry in self.entries]
        return pd.concat(every) if every else pd.DataFrame(columns=list(REQUIRED))

    @cached_property
    def video(self) -> bool:
        """Whether the images are the predicted frames of videos."""
        return bool(values(self.runs, "predicted_frames").size)

    def metric(self, key: str) -> Metric:
        """Return a metric that a table shows whether or not it was measured here.

        Raises:
            ReportError: the content does not describe it.

        """
        if key not in self.described:
            raise ReportError(f"no metric describes {key!r}, which a report needs")
        return next(iter(self.described[key]))

    def measured(self, *keys: str) -> list[Metric]:
        """Return those of these metrics that some run of the group holds."""
        metrics = [metric for key in keys for metric in self.described.get(key, ())]
        return [metric for metric in metrics if values(self.runs, metric.key).size]

    @property
    def headlines(self) -> list[Metric]:
        """The headline metrics that some run of the group holds."""
        keys = [key for key, (first, *_) in self.described.items() if first.headline]
        return self.measured(*keys)

    @property
    def shown_frames(self) -> list[str]:
        """The numbers of the frames in a row of pictures, counted from 1; none but for video."""
        return (recorded(self.runs, "shown_frames") or "").split(", ") if self.video else []

    def published(self, budget: str) -> str | None:
        """Return the key of the published numbers that may stand beside this group, if any.

        Only the paper's protocol on the paper's data may be compared with the paper's numbers.
        """
        if budget != PAPER:
            return None
        keys = [column.published for column in self.columns if column.stands_for is None]
        return next((key for key in keys if key in TABLE_B), None)


def slug(text: str) -> str:
    """Return a text as a part of the name of a file."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def tuned(content: Content, group: Group) -> bool:
    """Tell whether the learning rate of each decoder of a group was chosen by trials."""
    return bool({column.key for column in group.columns} & {*content.trials.get("column_key", ())})


def decisive(content: Content, groups: Sequence[Group]) -> list[Group]:
    """Return the groups that are judged: one of a fixed rate gives way to its tuned one.

    Both share runs, so that they would count twice, and could contradict each other.
    """
    better = {(group.data_set, group.model) for group in groups if tuned(content, group)}
    return [g for g in groups if tuned(content, g) or (g.data_set, g.model) not in better]


def of_fixed_rate(content: Content, groups: Sequence[Group], group: Group) -> Group | None:
    """Return the group of the same data and model at one rate for all, of a tuned group."""
    place = (group.data_set, group.model)
    same = [g for g in groups if (g.data_set, g.model) == place and not tuned(content, g)]
    return same[0] if same and tuned(content, group) else None


def recorded(runs: pd.DataFrame, key: str) -> str | None:
    """Return the first text that the runs hold in a column; None if there is none."""
    texts = runs.get(key, pd.Series(dtype=str)).dropna()
    return str(texts.iloc[0]) if len(texts) else None


def lacking(runs: pd.DataFrame, measurement: str) -> str | None:
    """Return the reason that runs record why a measurement is not there; None if there is none."""
    parts = "; ".join(runs.get(LACKING, pd.Series(dtype=str)).dropna().astype(str)).split("; ")
    reasons = (part.partition(": ") for part in parts)
    stated = next((reason for name, _, reason in reasons if name == measurement), None)
    return recorded(runs, f"{measurement}_absent") or stated


def decoders(content: Content) -> tuple[Row, ...]:
    """Return every decoder of the report: the rows, then likelihoods that no row names.

    Runs with different options are never averaged: a row whose runs differ in more than the swept
    option becomes one row for each set of options.
    """
    if content.results.empty:
        return tuple(content.rows)
    names = {row.name for row in content.rows}
    others = sorted(set(content.results["likelihood"].astype(str)) - names)
    rows = [*content.rows, *(Row(name, name) for name in others)]
    return tuple(decoder for row in rows for decoder in _split(row, content.results))


def groups(content: Content) -> tuple[Group, ...]:
    """Return the groups that hold at least one run, in the order of the columns.

    Runs that no column asks for make groups of their own at the end, rather than vanish.
    """
    if content.results.empty:
        return ()
    results, rows = with_collapse(content.results), decoders(content)
    keys = results.get("column_key", pd.Series("", index=results.index))
    parts = [part.astype(str) for part in (results["data_set"], results["model"], keys)]
    runs_at: dict[Any, pd.DataFrame] = dict(list(results.groupby(parts)))
    held: dict[tuple[str, str, str], list[Column]] = {}
    for column in content.columns:
        place = (column.data_set, column.model, column.key)
        if column.not_run is None and place in runs_at:
            held.setdefault(place, []).append(column)
    for place in [each for each in runs_at if each not in held]:
        data_set, model, key = place
        heading = f"{model} {key}".strip()
        held[place] = [Column(heading, data_set, model, "", None, None, None, key=key)]
    pairs = [place[:2] for place in held]
    known = described(content.metrics, map(str, results))
    known = {metric.key: known[metric.key] or [metric] for metric in content.metrics}
    of_frames = {
        key: [replace(each, unit=each.unit.replace("/image", "/frame")) for each in metrics]
        for key, metrics in known.items()
    }
    made = (
        Group(
            *place[:2],
            tuple(columns),
            tuple(entry(row, runs_at[place]) for row in rows),
            named=pairs.count(place[:2]) > 1,
            described=known,
        )
        for place, columns in held.items()
    )
    return tuple(replace(each, described=of_frames) if each.video else each for each in made)


def learned(content: Content, group: Group) -> tuple[Entry, ...]:
    """Return the entries whose shared variance was learned, by what their runs recorded.

    These hold a finite `variance`, were not swept, and their variance moved during training: one
    that stays the same through a history is a constant of the decoder.
    """

    def moved(run: str) -> bool:
        history = content.histories.get(run, pd.DataFrame())
        measured = history.get("variance", pd.Series(dtype=float)).dropna()
        return len(measured) < 2 or bool((measured != measured.iloc[0]).any())

    return tuple(
        entry
        for entry in group.entries
        if entry.decoder.sweep is None
        and np.isfinite(values(entry.runs, "variance")).any()
        and any(moved(str(run)) for run in finished(entry.runs)["run"])
    )


def _split(row: Row, results: pd.DataFrame) -> Iterator[Row]:
    options = run_options(results[results["likelihood"] == row.name])
    own = [{name: each[name] for name in each if name != row.sweep} for each in options]
    texts = {json.dumps(each, sort_keys=True) for each in own}
    if row.options is not None or len(texts) < 2:
        yield row
        return
    for text in sorted(texts):
        label = text.strip("{}").replace('"', "").replace(": ", " = ") or "default options"
        yield replace(row, label=f"{row.label} ({label})", options=json.loads(text))


def entry(row: Row, runs: pd.DataFrame) -> Entry:
    """Return the runs of a decoder among those of a group, with the value of its sweep chosen."""
    pairs = zip(runs["likelihood"], run_options(runs), strict=True)
    runs = runs[[row.holds(name, options) for name, options in pairs]]
    swept = runs.get(f"option_{row.sweep}", pd.Series(np.nan, index=runs.index))
    tried = pd.to_numeric(swept, errors="coerce")
    if row.sweep is None or runs.empty or tried.isna().all():
        return Entry(row, runs)
    by_value = runs.groupby(tried, sort=True)
    settings = tuple(Setting(float(str(value)), each) for value, each in by_value)
    for key in SELECTORS:  # see the head of this module
        measured = [(each, mean) for each in settings if (mean := estimate(each.runs, key))]
        if measured:
            chosen, _ = min(measured, key=lambda pair: (-len(sound(pair[0].runs)), pair[1].mean))
            return Entry(row, chosen.runs, settings, chosen.value)
    return Entry(row, runs[runs["status"] != Status.FINISHED], settings)

"""The results, arranged: a group for each column, an entry for each decoder in it.

Two rules are applied here and stated in the report:

- Columns that use the same data set, model and protocol (equal stand-ins) are one group.
- The row of a swept option shows one value of it, chosen on validation data: among the values
  with the largest number of finished runs (one that lost a seed cannot win on its lucky ones),
  the one with the lowest mean `validation_nll_nats` over seeds. Where that was not measured,
  `validation_bits_per_dim` decides. Test data have no say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from reports.content import PAPER, REQUIRED, Column, Content, Row
from reports.published import TABLE_B
from reports.statistics import FINISHED, estimate, finished, values

Place = tuple[str, str, str]
"""Data set, model, and key of a column: what a group is made of."""

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
    def measure(self) -> str | None:
        """What the native NLL is of: density, mass or unnormalised; None if not recorded."""
        return recorded(self.every_run, "measure")

    @property
    def every_run(self) -> pd.DataFrame:
        """The runs of all values of the sweep."""
        return pd.concat([each.runs for each in self.settings]) if self.settings else self.runs

    @property
    def label(self) -> str:
        """What is printed, with the chosen value of the sweep."""
        if self.chosen is None:
            return self.decoder.label
        return f"{self.decoder.label} ({self.decoder.sweep} = {self.chosen:g})"


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

    @property
    def heading(self) -> str:
        """The columns by name, each with the data set that it really used."""
        return "; ".join(
            f"{column.heading} ({'stand-in: ' if column.stands_for else ''}{column.data_set})"
            for column in self.columns
        )

    @property
    def title(self) -> str:
        """The group in the title of a figure."""
        return ", ".join(self._names)

    @property
    def slug(self) -> str:
        """The group in a file name."""
        return re.sub(r"[^a-z0-9]+", "-", " ".join(self._names).lower()).strip("-")

    @property
    def _names(self) -> list[str]:
        headings = [column.heading for column in self.columns] if self.named else []
        return [self.data_set, self.model, *headings]

    @property
    def runs(self) -> pd.DataFrame:
        """All runs of the group."""
        every = [entry.every_run for entry in self.entries]
        return pd.concat(every) if every else pd.DataFrame(columns=list(REQUIRED))

    @property
    def video(self) -> bool:
        """Whether the images are the predicted frames of videos."""
        return bool(values(self.runs, "predicted_frames").size)

    @property
    def unit(self) -> str:
        """What one image is called."""
        return "frame" if self.video else "image"

    @property
    def shown_frames(self) -> list[str]:
        """The numbers of the frames in a row of pictures, counted from 1; none but for video."""
        return (recorded(self.runs, "shown_frames") or "").split(", ") if self.video else []

    @property
    def without_information(self) -> str:
        """Why I_e(x;z) and KL(m‖p) were not measured, as a sentence; "" if they were."""
        reason = recorded(self.runs, "information_absent")
        return f"I_e(x;z) and KL(m‖p) were not measured: {reason}." if reason else ""

    def published(self, budget: str) -> str | None:
        """Return the key of the published numbers that may stand beside this group, if any.

        Only the paper's protocol on the paper's data may be compared with the paper's numbers.
        """
        if budget != PAPER:
            return None
        keys = [column.published for column in self.columns if column.stands_for is None]
        return next((key for key in keys if key in TABLE_B), None)


def recorded(runs: pd.DataFrame, column: str) -> str | None:
    """Return the first text that the runs hold in `column`; None if there is none."""
    if column not in runs or runs[column].isna().all():
        return None
    return str(runs[column].dropna().iloc[0])


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
    rows = decoders(content)
    found: dict[Place, list[Column]] = {}
    for column in (*content.columns, *_unnamed(content)):
        if column.not_run is None:
            found.setdefault((column.data_set, column.model, column.key), []).append(column)
    places = _places(content.results)
    held = {place: columns for place, columns in found.items() if (places == place).any()}
    pairs = [place[:2] for place in held]
    return tuple(
        Group(
            place[0],
            place[1],
            tuple(columns),
            tuple(_entry(row, content.results[places == place]) for row in rows),
            named=pairs.count(place[:2]) > 1,
        )
        for place, columns in held.items()
    )


def learned(content: Content, group: Group) -> tuple[Entry, ...]:
    """Return the entries whose shared variance was learned, told by their columns alone.

    These hold a finite `variance`, were not swept, and their variance moved during training: one
    that stays the same through a history is a constant of the decoder.
    """
    return tuple(
        entry
        for entry in group.entries
        if entry.decoder.sweep is None
        and np.isfinite(values(entry.runs, "variance")).any()
        and any(_moved(content.histories.get(str(run))) for run in finished(entry.runs)["run"])
    )


def _moved(history: pd.DataFrame | None) -> bool:
    if history is None or "variance" not in history:
        return True
    measured = history["variance"].dropna()
    return len(measured) < 2 or bool((measured != measured.iloc[0]).any())


def _unnamed(content: Content) -> list[Column]:
    named = {(each.data_set, each.model, each.key) for each in content.columns if not each.not_run}
    return [
        Column(f"{model} {key}".strip(), data_set, model, "", None, None, None, key)
        for data_set, model, key in sorted(set(_places(content.results)) - named)
    ]


def _places(results: pd.DataFrame) -> pd.Series[Any]:
    """Return the place of each run."""
    columns = results[["data_set", "model"]].astype(str)
    keys = results.get("column_key", pd.Series("", index=results.index)).astype(str)
    places = list(zip(columns["data_set"], columns["model"], keys, strict=True))
    return pd.Series(places, index=results.index, dtype=object)


def _split(row: Row, results: pd.DataFrame) -> Iterator[Row]:
    found = sorted(set(_options(row, results[results["likelihood"] == row.name])))
    if row.options is not None or len(found) < 2:
        yield row
        return
    for text in found:
        yield replace(row, label=f"{row.label} ({_readable(text)})", options=text)


def _options(row: Row, runs: pd.DataFrame) -> pd.Series[str]:
    """Return the options of each run without the swept one, as canonical JSON text."""
    if "options" not in runs:
        return pd.Series("{}", index=runs.index)
    return runs["options"].fillna("{}").astype(str).map(lambda text: _canonical(text, row.sweep))


def _canonical(text: str, without: str | None = None) -> str:
    try:
        options = json.loads(text)
    except json.JSONDecodeError:
        return text
    if not isinstance(options, dict):
        return text
    return json.dumps({k: v for k, v in options.items() if k != without}, sort_keys=True)


def _readable(text: str) -> str:
    return text.strip("{}").replace('"', "").replace(": ", " = ") or "default options"


def _entry(row: Row, runs: pd.DataFrame) -> Entry:
    runs = runs[runs["likelihood"] == row.name]
    if row.options is not None:
        runs = runs[_options(row, runs) == _canonical(row.options, row.sweep)]
    if row.sweep is None or runs.empty or (tried := _tried(row.sweep, runs)).isna().all():
        return Entry(row, runs)
    by_value = runs.groupby(tried, sort=True)
    settings = tuple(Setting(float(str(value)), each) for value, each in by_value)
    chosen = _choose(settings)
    if chosen is None:
        return Entry(row, runs[runs["status"] != FINISHED], settings)
    return Entry(row, chosen.runs, settings, chosen.value)


def _tried(option: str, runs: pd.DataFrame) -> pd.Series[float]:
    """Return the value of the swept option of each run, NaN where it is not a number."""
    found = runs.get(f"option_{option}", pd.Series(np.nan, index=runs.index))
    return pd.to_numeric(found, errors="coerce")


def _choose(settings: tuple[Setting, ...]) -> Setting | None:
    """Return the setting that is best on validation data; see the head of this module."""
    for column in SELECTORS:
        measured = [(each, found) for each in settings if (found := estimate(each.runs, column))]
        if measured:
            most = max(found.count for _, found in measured)
            candidates = [pair for pair in measured if pair[1].count == most]
            return min(candidates, key=lambda pair: pair[1].mean)[0]
    return None

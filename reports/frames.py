"""Results as tables of pandas: runs, histories, values of each test image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path

import pandas as pd

from reports.analysis.collapse import COLLAPSED
from reports.analysis.groups import Entry, Group, groups
from reports.content import IDENTIFICATION, PLACE, Content, ReportError
from reports.metric import Metric, described

KEY = ["run", "column_key"]
"""Columns that name a row of the results."""


@dataclass(frozen=True, eq=False)
class Frames:
    """What a results folder, or a results.csv alone, holds."""

    runs: pd.DataFrame
    """One row a run and column, as in results.csv."""
    content: Content | None = None
    """None: it was read from a results.csv."""

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row a run and point of its convergence curve: run, step, seconds, validation metrics.

        Raises:
            ReportError: a results.csv has no histories.

        """
        parts = self._whole.histories.items()
        frames = [history.assign(run=run) for run, history in parts]
        return _run_first(frames) if frames else pd.DataFrame(columns=["run", "step", "seconds"])

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """One row a run and test image (of video: sequence): run, image, metrics by their keys.

        The number of an image is the same in all runs of one evaluation.

        Raises:
            ReportError: a results.csv has no values of images.

        """
        parts = self._whole.per_image.items()
        frames = [
            pd.DataFrame(dict(values)).rename_axis("image").reset_index().assign(run=run)
            for run, values in parts
            if values
        ]
        return _run_first(frames) if frames else pd.DataFrame(columns=["run", "image"])

    @property
    def _whole(self) -> Content:
        if self.content is None:
            raise ReportError(
                "a results.csv holds runs alone: histories and values of each image are in the "
                "results folder"
            )
        return self.content


def _run_first(frames: list[pd.DataFrame]) -> pd.DataFrame:
    every = pd.concat(frames, ignore_index=True)
    return every[["run", *(key for key in every if key != "run")]]


def as_frames(content: Content) -> Frames:
    """Return what a content holds; its runs are what results.csv would hold."""
    return Frames(_parsed(StringIO(as_csv(results_table(content)))), content)


def read(path: Path) -> Frames:
    """Return what a results.csv holds.

    Raises:
        ReportError: it cannot be read, or is of a version that did not say what `PLACE` says.

    """
    try:
        runs = _parsed(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise ReportError(f"{str(path)!r} cannot be read as a results.csv: {reason}") from error
    if lacking := [name for name in ("run", *PLACE) if name not in runs]:
        raise ReportError(
            f"{str(path)!r} has no column {lacking[0]!r}: it is no results.csv, or of an earlier "
            "version; `python -m bench report` writes it again"
        )
    return Frames(runs)


def as_csv(table: pd.DataFrame) -> str:
    """Return a table as a CSV file holds it."""
    return table.to_csv(index=False, lineterminator="\n")


def as_parquet(table: pd.DataFrame) -> bytes:
    """Return a table as a Parquet file with the same columns, types and values as the CSV file.

    Raises:
        ReportError: pyarrow is not installed.

    """
    try:
        return _parsed(StringIO(as_csv(table))).to_parquet(None, engine="pyarrow", index=False)
    except ImportError as error:
        raise ReportError("Parquet needs pyarrow, which is not installed") from error


def _parsed(file: StringIO | Path) -> pd.DataFrame:
    # A collapsed run has a reason, any other none: no number is missing there.
    table = pd.read_csv(file, low_memory=False)
    texts = [name for name in (COLLAPSED, "stands_for") if name in table]
    return table.assign(**{name: table[name].astype(object).fillna("") for name in texts})


def results_table(content: Content) -> pd.DataFrame:
    """Return the results as results.csv holds them: what identifies a run, then every metric.

    Metrics are in the order of their descriptions; what nothing describes follows.
    """
    if content.results.empty:
        return pd.DataFrame(columns=["run", *PLACE])
    key = [name for name in KEY if name in content.results]
    held = content.results.drop(columns=[*PLACE, COLLAPSED], errors="ignore")
    results = held.merge(_places(content, key), how="left", on=key)
    results["chosen"] = results["chosen"].eq(True)  # one that no row shows is not
    identification = [Metric(key, key, "which run it is") for key in IDENTIFICATION]
    known = described([*identification, *content.metrics], map(str, results))
    order = [each.key for own in known.values() for each in own]
    ordered = results[[*order, *(key for key in map(str, results) if key not in order)]]
    return ordered.sort_values(key)


def _places(content: Content, key: list[str]) -> pd.DataFrame:
    """Return where the report shows each run; of several rows, the first."""
    parts = [_place(group, each, key) for group in groups(content) for each in group.entries]
    nothing = pd.DataFrame(columns=[*key, *PLACE, COLLAPSED])
    return pd.concat([part for part in parts if len(part)] or [nothing]).drop_duplicates(key)


def _place(group: Group, entry: Entry, key: list[str]) -> pd.DataFrame:
    stands_for = dict.fromkeys(each.stands_for for each in group.columns if each.stands_for)
    every = entry.every_run
    return every[[*key, COLLAPSED]].assign(
        heading=group.heading,
        stands_for="; ".join(stands_for),
        label=entry.decoder.label,
        chosen=not entry.undecided and every["run"].isin(entry.runs["run"]),
    )

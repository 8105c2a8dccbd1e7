"""The columns of a comparison: which of them are run, and on which data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

import datasets
import likelihoods
from bench import models
from bench.errors import UsageError, unknown
from bench.progress import say
from bench.suite.rows import made
from bench.suite.schema import Protocol, Suite, SuiteColumn, SuiteRow

MOST_POINTS = 10_000
"""Of a history."""


@dataclass(frozen=True)
class ColumnData:
    """What a plan has to know of a data set."""

    name: str
    checksum: str
    """"" while the data are not here."""
    description: str
    shape: tuple[int, ...]
    training_items: int


def columns(suite: Suite, names: Sequence[str]) -> list[SuiteColumn]:
    """Return the suite's columns, narrowed to data sets of these names.

    A data set that no column offers brings the column that stands for it onto its own data, if
    there is one. Any other gets a column with the model and the training, as on a stand-in, of the
    first column that is run.

    Raises:
        UsageError: no such data set, or no column could run it.
    """
    for name in names:
        if name not in datasets.names():
            raise unknown("data set", name, datasets.names())
    if not names:
        return suite.columns
    offering = [
        column.model_copy(update={"data": data})
        for column in suite.columns
        if (data := [name for name in column.data if name in names])
    ]
    offered = {name for column in offering for name in column.data}
    others = [name for name in dict.fromkeys(names) if name not in offered]
    return offering + [_column_for(suite, name) for name in others]


def _column_for(suite: Suite, name: str) -> SuiteColumn:
    """A column on a data set that none offers."""
    run = [column for column in suite.columns if column.not_run is None]
    for column in run:
        if column.stands_for == name:
            return column.model_copy(update={"data": [name]})
    if not run:
        raise UsageError(f"suite {suite.name!r} has no column that could run {name!r}")
    changes = {
        "heading": f"{name} {run[0].model.upper()}",
        "data": [name],
        "stands_for": None,
        "published": None,
    }
    return run[0].model_copy(update=changes)


def column_data(column: SuiteColumn, *, fetch: bool) -> ColumnData:
    """Return the first data set of a column that can be had.

    Only what is absent has a stand-in: data that are there and damaged are the user's to mend.

    Args:
        column: its data sets by preference.
        fetch: whether absent data are fetched; else the first data set that could be is returned
            without a checksum.

    Raises:
        datasets.DataError: data that are corrupt, or cannot be had and have no stand-in.
    """
    failures = []
    for name in column.data:
        try:
            status = datasets.status(name)
            if not status.present and not fetch and status.automatic:
                description = "not fetched yet"
                return ColumnData(name, "", description, status.shape, status.train)
            if not status.present:
                datasets.fetch(name, limit=datasets.AUTOMATIC)
        except datasets.DataError as error:
            if name not in datasets.names():
                raise
            failures.append(str(error))
            if name != column.data[-1]:
                say(f"{column.heading} goes on with a stand-in: {error}")
            continue
        data = datasets.load(name)
        return ColumnData(name, data.checksum, data.description, data.shape, len(data.train))
    raise datasets.DataError(f"no data for column {column.heading!r}: {'; '.join(failures)}")


def check_column(column: SuiteColumn, data: ColumnData, row: SuiteRow, protocol: Protocol) -> None:
    """Fail on a wrong option, or on data that the model cannot take, before anything is trained.

    Raises:
        UsageError: the data, an option or the batch size does not suit the model.
    """
    for name in (*column.sweeps, *column.may_not_fit):
        likelihoods.get(name)
    video = models.get(column.model).video
    if (len(data.shape) == 4) is not video:
        kinds = ("images", "video")
        raise UsageError(
            f"model {column.model!r} takes {kinds[video]}, and data set {data.name!r} is "
            f"{kinds[not video]}"
        )
    if protocol.history.points > MOST_POINTS:
        raise UsageError(
            f"column {column.heading!r}: points {protocol.history.points} is more than a history "
            f"may have, {MOST_POINTS}"
        )
    batch = protocol.training.batch_size
    if batch > data.training_items:
        raise UsageError(
            f"column {column.heading!r}: batch_size {batch} is more than the {data.training_items} "
            f"training items of {data.name!r}"
        )
    channels, height, width = data.shape[-3:]
    likelihood = made(row.likelihood, (channels, height, width), row.variants()[0])
    try:
        with torch.device("meta"):  # shapes alone: no weight is drawn or takes memory
            models.create(column.model, likelihood, seed=0, **protocol.options)
    except (RuntimeError, ArithmeticError) as error:
        raise UsageError(f"model {column.model}: {likelihoods.described(error)}") from error

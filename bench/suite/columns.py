"""The columns of a comparison: which of them are run, and on which data."""

from __future__ import annotations

import re
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


def columns(
    suite: Suite, names: Sequence[str], model: models.NamedModel | None = None
) -> list[SuiteColumn]:
    """Return the suite's columns, narrowed to data sets of these names, on a model of a user's.

    A data set that no column offers brings the column that stands for it onto its own data, if
    there is one. Any other gets a column with the model and the training, as on a stand-in, of the
    first column that is run on such items, images or video.

    Raises:
        UsageError: no such data set, or no column could run it.
    """
    for name in names:
        if name not in datasets.names():
            raise unknown("data set", name, datasets.names())
    every = suite.columns if model is None else _on_model(suite, model)
    if not names:
        return every
    offering = [
        column.model_copy(update={"data": data})
        for column in every
        if (data := [name for name in column.data if name in names])
    ]
    offered = {name for column in offering for name in column.data}
    others = [name for name in dict.fromkeys(names) if name not in offered]
    return offering + [_column_for(suite.name, every, name) for name in others]


def _on_model(suite: Suite, model: models.NamedModel) -> list[SuiteColumn]:
    """The columns of the model's kind of items, with their data and training, on that model."""
    video, found = models.get(model.name).video, dict[str, SuiteColumn]()
    for column in suite.columns:
        if column.not_run is not None:
            continue
        if models.get(column.model).video is not video:
            say(f"column {column.heading!r} is left out: {model.name} takes {_kind(video)}")
            continue
        own = rf"\b{re.escape(column.model)}\b"
        heading, named = re.subn(own, lambda _: model.name, column.heading, flags=re.IGNORECASE)
        heading = heading if named else f"{column.heading} {model.name}"
        if heading in found:
            say(f"column {column.heading!r} is left out: {model.name} has a column {heading!r}")
            continue
        budgets = {
            name: budget.model_copy(update={"options": {}})
            for name, budget in column.budgets.items()
        }
        changes = {
            "heading": heading,
            "model": model.name,
            "options": model.options,
            "budgets": budgets,
            "published": None,
        }
        found[heading] = column.model_copy(update=changes)
    if not found:
        raise UsageError(f"suite {suite.name!r} has no column of {_kind(video)} for {model.name!r}")
    return list(found.values())


def _column_for(suite: str, every: Sequence[SuiteColumn], name: str) -> SuiteColumn:
    """A column on a data set that none offers."""
    run = [column for column in every if column.not_run is None]
    for column in run:
        if column.stands_for == name:
            return column.model_copy(update={"data": [name]})
    video = len(datasets.status(name).shape) == 4
    first = next((each for each in run if models.get(each.model).video is video), None)
    if first is None:
        raise UsageError(
            f"suite {suite!r} has no column that could run {name!r}, which is {_kind(video)}"
        )
    say(f"{name} takes model and training of column {first.heading!r}, the first of {_kind(video)}")
    for column in run:
        if models.get(column.model).video is not video:
            say(f"column {column.heading!r} is left out: {name} is {_kind(video)}")
    model = first.model.upper() if models.is_own(models.get(first.model)) else first.model
    changes = {
        "heading": f"{name} {model}",
        "data": [name],
        "stands_for": None,
        "published": None,
    }
    return first.model_copy(update=changes)


def _kind(video: bool) -> str:
    return "video" if video else "images"


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
        raise UsageError(
            f"model {column.model!r} takes {_kind(video)}, and data set {data.name!r} is "
            f"{_kind(not video)}"
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

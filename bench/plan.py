"""From a suite and the user's choices to the list of runs."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from pydantic import ValidationError

import datasets
import likelihoods
from bench import models
from bench.errors import UsageError, unknown
from bench.metrics import FeatureError, extractor
from bench.metrics.features import names as feature_names
from bench.progress import say
from bench.spec import TOO_LARGE, RunSpec
from bench.suite import Budget, Column, Option, Row, Suite
from likelihoods import check


@dataclass(frozen=True)
class Choices:
    """What the command line narrows down or adds."""

    budget: str
    data_sets: Sequence[str] = ()
    likelihoods: Sequence[str] = ()
    """Patterns of names, as in a shell; they narrow the rows of the suite, not what is given."""
    given: Sequence[str] = ()
    """Likelihoods that become rows of their own, as `likelihoods.resolve` takes them."""
    seeds: int | None = None


@dataclass(frozen=True)
class PlannedColumn:
    """A column, with the data that it will use."""

    heading: str
    data_set: str
    model: str
    description: str
    stands_for: str | None
    published: str | None
    not_run: str | None
    may_not_fit: list[str]
    key: str
    """`RunSpec.column_key` of its runs; columns of one key share runs and tables."""


@dataclass(frozen=True)
class PlannedRow:
    """A row, as the report needs it."""

    name: str
    label: str
    options: dict[str, Option]
    """Those of every run of the row; the swept one comes on top."""
    sweep: str | None
    note: str | None
    may_diverge: bool
    given: str | None = None
    """How the command line named it; None for a row of the suite."""

    def holds(self, run: RunSpec) -> bool:
        """Whether a run belongs to this row."""
        options = {key: v for key, v in run.likelihood_options.items() if key != self.sweep}
        return run.likelihood == self.name and options == self.options


@dataclass(frozen=True)
class PlannedFeatures:
    """A feature extractor: what identifies it, and the words to print beside its numbers."""

    fingerprint: str
    column: str
    heading: str
    kernel_column: str
    kernel_heading: str
    protocol: str


@dataclass(frozen=True)
class Plan:
    """Everything that is to be run and reported."""

    suite: str
    title: str
    budget: str
    budget_description: str
    columns: list[PlannedColumn]
    rows: list[PlannedRow]
    runs: list[RunSpec]
    features: dict[str, PlannedFeatures] = field(default_factory=dict)
    missing_features: dict[str, str] = field(default_factory=dict)
    """Feature extractors that cannot be had here, with the reason."""

    def content(self) -> dict[str, Any]:
        """The plan as plain JSON data; runs by their id."""
        plain = asdict(replace(self, runs=[]))
        return plain | {"runs": [run.run_id for run in self.runs]}

    def expects(self, run: RunSpec, status: str) -> bool:
        """Whether the suite counts that a run ended like this as a result."""
        if status == "diverged":
            return any(row.may_diverge for row in self.rows if row.holds(run))
        if status == TOO_LARGE:
            columns = [each for each in self.columns if each.key == run.column_key]
            return any(run.likelihood in each.may_not_fit for each in columns)
        return status == "finished"


def make(suite: Suite, choices: Choices) -> Plan:
    """Expand a suite into runs: columns by rows by seeds. Fetches the data that it needs.

    Raises:
        UsageError: a name or option that does not exist, or nothing left to run.
        datasets.DataError: data that is corrupt, or cannot be had and has no stand-in.
    """
    budget = suite.budget(choices.budget)
    if choices.seeds is not None and choices.seeds < 1:
        raise UsageError(f"seeds must be at least 1, not {choices.seeds}")
    rows, given = _rows(suite, choices)
    _check_rows(rows)
    features, missing = _features(budget.evaluation.features)
    columns: list[PlannedColumn] = []
    runs: dict[str, RunSpec] = {}
    for column in _columns(suite, choices.data_sets):
        if column.not_run is not None:
            columns.append(_not_run(column))
            continue
        models.get(column.model)
        for name in (*column.sweeps, *column.may_not_fit):
            likelihoods.get(name)
        data = _load(column)
        _check_model(column, data, rows[0], choices.budget)
        real = column.stands_for in (None, data.name)
        fingerprints = {name: planned.fingerprint for name, planned in features.items()}
        own = list(
            _runs(
                column,
                data,
                real=real,
                rows=rows,
                choices=choices,
                budget=budget,
                extractors=fingerprints,
            )
        )
        columns.append(
            PlannedColumn(
                heading=column.heading,
                data_set=data.name,
                model=column.model,
                description=data.description,
                stands_for=None if real else column.stands_for,
                published=column.published,
                not_run=None,
                may_not_fit=column.may_not_fit,
                key=own[0].column_key,
            )
        )
        runs |= {run.run_id: run for run in own if run.run_id not in runs}
    _check_headings(columns)
    if not runs:
        raise UsageError(f"suite {suite.name!r} has nothing to run with these choices")
    return Plan(
        suite=suite.name,
        title=suite.title,
        budget=choices.budget,
        budget_description=budget.description,
        columns=columns,
        rows=[_planned(row, given.get(row.label or row.likelihood)) for row in rows],
        runs=list(runs.values()),
        features=features,
        missing_features=missing,
    )


def _runs(
    column: Column,
    data: datasets.Dataset,
    *,
    real: bool,
    rows: list[Row],
    choices: Choices,
    budget: Budget,
    extractors: dict[str, str],
) -> Iterator[RunSpec]:
    for row in rows:
        source = likelihoods.fingerprint(row.likelihood)
        for options in row.variants(column):
            for seed in range(choices.seeds or budget.seeds):
                yield RunSpec(
                    data_set=data.name,
                    data_checksum=data.checksum,
                    model=column.model,
                    model_options=column.options_for(choices.budget),
                    likelihood=row.likelihood,
                    likelihood_options=options,
                    likelihood_source=source,
                    training=column.training_for(choices.budget),
                    evaluation=column.evaluation_for(choices.budget, budget),
                    extractors=extractors,
                    seed=seed,
                )


def _rows(suite: Suite, choices: Choices) -> tuple[list[Row], dict[str, str]]:
    """The rows that are wanted, and the labels of those that the command line added."""
    every = [_resolved(row) for row in suite.rows]
    named = {text: likelihoods.resolve(text) for text in choices.given}
    # A pattern may match what is given, which is run in any case: so it can be run alone.
    names = dict.fromkeys([*(r.likelihood for r in every), *(g.name for g in named.values())])
    for pattern in choices.likelihoods:
        if not fnmatch.filter(names, pattern):
            raise unknown(f"likelihood of suite {suite.name}", pattern, names)
    patterns = choices.likelihoods or ["*"]
    rows = [row for row in every if any(fnmatch.fnmatch(row.likelihood, p) for p in patterns)]
    given: dict[str, str] = {}
    for text, found in named.items():
        row = Row(likelihood=found.name, label=found.label, options=_plain(text, found.options))
        same = [r for r in every if r.likelihood == found.name and r.variants() == row.variants()]
        # What the suite has is its row, not a second one of another label.
        if not same:
            given[found.label] = text
        rows += [each for each in same or [row] if each not in rows]
    rows = [row if likelihoods.is_own(row.likelihood) else _judged(row) for row in rows]
    labels = [row.label or row.likelihood for row in rows]
    for label in given:
        if labels.count(label) > 1:
            raise UsageError(f"suite {suite.name} has another row {label!r}: rename the class")
    return rows, given


def _judged(row: Row) -> Row:
    """A row of a likelihood from elsewhere; if its numbers do not compare, its note says so."""
    options: dict[str, Any] = dict(row.variants()[0])
    failed = check.unfair(partial(likelihoods.create, row.likelihood, **options))
    if not failed:
        return row
    named = ", ".join(each.property for each in failed)
    told = f"its numbers do not compare: `bench check` fails {named}"
    say(f"{row.label or row.likelihood}: {told}")
    return row.model_copy(update={"note": f"{row.note}; {told}" if row.note else told})


def _resolved(row: Row) -> Row:
    """A row whose likelihood is in a file, FILE.py:Class, under the name of that class."""
    if ":" not in row.likelihood:
        return row
    found = likelihoods.resolve(row.likelihood)
    options = _plain(row.likelihood, found.options) | row.options
    return row.model_copy(update={"likelihood": found.name, "options": options})


def _plain(text: str, options: Mapping[str, Any]) -> dict[str, Option]:
    """Options as a suite could have given them."""
    try:
        return Row.model_validate_json(
            json.dumps({"likelihood": "", "options": dict(options)})
        ).options
    except (ValidationError, TypeError):
        raise UsageError(
            f"{text!r}: an option takes a number, a word, true or false, or a list of numbers"
        ) from None


def _check_rows(rows: list[Row]) -> None:
    """Fail on a wrong name or option before anything is fetched or computed."""
    for row in rows:
        for options in row.variants():
            likelihoods.create(row.likelihood, shape=(1, 4, 4), **options)


def _check_headings(columns: list[PlannedColumn]) -> None:
    """Fail where a report could not tell two tables apart."""
    known: dict[tuple[str, str, str], str] = {}
    for column in columns:
        name = (column.heading, column.data_set, column.model)
        if known.setdefault(name, column.key) != column.key:
            raise UsageError(
                f"two columns {column.heading!r} both use {column.data_set} with {column.model}, "
                "under different training, options or evaluation: give them different headings"
            )


def _check_model(column: Column, data: datasets.Dataset, row: Row, budget: str) -> None:
    """Fail on a wrong option, or on data that the model cannot take, before anything is trained."""
    video = models.get(column.model).video
    if (len(data.shape) == 4) is not video:
        kinds = ("images", "video")
        raise UsageError(
            f"model {column.model!r} takes {kinds[video]}, and data set {data.name!r} is "
            f"{kinds[not video]}"
        )
    batch = column.training_for(budget).batch_size
    if batch > len(data.train):
        raise UsageError(
            f"column {column.heading!r}: batch_size {batch} is more than the {len(data.train)} "
            f"training items of {data.name!r}"
        )
    channels, height, width = data.shape[-3:]
    likelihood = likelihoods.create(
        row.likelihood, shape=(channels, height, width), **row.variants()[0]
    )
    models.create(column.model, likelihood, seed=0, **column.options_for(budget))


def _columns(suite: Suite, wanted: Sequence[str]) -> list[Column]:
    """The suite's columns, narrowed to the wanted data sets.

    A data set that no column offers brings the column that stands for it onto its own data, if
    there is one. Any other gets a column with the model and the training, as on a stand-in, of the
    first column that is run.
    """
    for name in wanted:
        if name not in datasets.names():
            raise unknown("data set", name, datasets.names())
    if not wanted:
        return suite.columns
    chosen = []
    offered: set[str] = set()
    for column in suite.columns:
        data = [name for name in column.data if name in wanted]
        offered.update(data)
        if data:
            chosen.append(column.model_copy(update={"data": data}))
    run = [column for column in suite.columns if column.not_run is None]
    template = next(iter(run), None)
    for name in dict.fromkeys(wanted):
        own = next((column for column in run if column.stands_for == name), None)
        if own is not None and name not in offered:
            chosen.append(own.model_copy(update={"data": [name]}))
        elif name not in offered:
            if template is None:
                raise UsageError(f"suite {suite.name!r} has no column that could run {name!r}")
            changes = {
                "heading": f"{name} {template.model.upper()}",
                "data": [name],
                "stands_for": None,
                "published": None,
            }
            chosen.append(template.model_copy(update=changes))
    return chosen


def _load(column: Column) -> datasets.Dataset:
    """The first data set of a column that can be had.

    Only what is absent has a stand-in: data that is there and damaged is the user's to mend.
    """
    failures = []
    for name in column.data:
        try:
            if not datasets.status(name).present:
                datasets.fetch(name, limit=datasets.AUTOMATIC)
        except datasets.DataError as error:
            if name not in datasets.names():
                raise
            failures.append(str(error))
            if name != column.data[-1]:
                say(f"{column.heading} goes on with a stand-in: {error}")
            continue
        return datasets.load(name)
    raise datasets.DataError(f"no data for column {column.heading!r}: {'; '.join(failures)}")


def _features(wanted: Sequence[str]) -> tuple[dict[str, PlannedFeatures], dict[str, str]]:
    """The feature extractors that can be had, and why the others cannot."""
    planned, missing = {}, {}
    for name in wanted:
        if name not in feature_names():
            raise unknown("feature extractor", name, feature_names())
        try:
            found = extractor(name)
        except FeatureError as error:
            missing[name] = str(error)
            say(str(error))
        else:
            planned[name] = PlannedFeatures(
                fingerprint=found.fingerprint,
                column=found.column,
                heading=found.heading,
                kernel_column=found.kernel_column,
                kernel_heading=found.kernel_heading,
                protocol=found.protocol,
            )
    return planned, missing


def _not_run(column: Column) -> PlannedColumn:
    return PlannedColumn(
        heading=column.heading,
        data_set="",
        model=column.model,
        description="",
        stands_for=column.stands_for,
        published=column.published,
        not_run=column.not_run,
        may_not_fit=[],
        key="",
    )


def _planned(row: Row, given: str | None) -> PlannedRow:
    return PlannedRow(
        name=row.likelihood,
        label=row.label or row.likelihood,
        options=row.options,
        sweep=row.swept,
        note=row.note,
        may_diverge=row.may_diverge,
        given=given,
    )

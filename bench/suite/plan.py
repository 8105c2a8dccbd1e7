"""From a suite and the user's choices to the list of runs, and what is measured of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import likelihoods
from bench import models
from bench.errors import UsageError
from bench.evaluation import Measurement, measurements
from bench.metrics import FeatureError
from bench.progress import say
from bench.suite.columns import ColumnData, check_column, column_data, columns
from bench.suite.rows import as_in_toml, as_row, rows
from bench.suite.schema import Protocol, Suite, SuiteColumn, SuiteRow
from bench.suite.spec import RunSpec
from bench.suite.tuning import Search, judges, searches
from reports import Column, Row, Status

MOST_RUNS = 100_000
TITLE = "Decoder likelihoods"


@dataclass(frozen=True)
class Choices:
    """What the command line narrows down or adds."""

    budget: str
    data_sets: Sequence[str] = ()
    likelihoods: Sequence[str] = ()
    """Patterns of names, as in a shell, which narrow the rows of the suite, not the additions; and
    names of likelihoods that the suite lacks."""
    additions: Sequence[str] = ()
    """Likelihoods that become rows of their own, as `likelihoods.resolve` takes them."""
    seeds: int | None = None
    model: str | None = None
    """FILE.py:Class(option=value), in place of the models of the suite."""
    bfloat16: bool = True
    """Whether the device has units for it; without, trainings in bfloat16 are ones in float32."""


@dataclass(frozen=True)
class Plan:
    """Everything that is to be run, measured and reported."""

    suite: str
    title: str
    budget: str
    budget_description: str
    rows: list[Row]
    columns: list[Column] = field(default_factory=list)
    by_column: dict[str, list[RunSpec]] = field(default_factory=dict)
    """Key of a column -> the runs that it reports. Columns may share runs."""
    trials: dict[str, list[RunSpec]] = field(default_factory=dict)
    """Key of a column of tuned rates -> the trials that choose them."""
    open: list[Search] = field(default_factory=list)
    """Those whose rate is still to be chosen: their runs are in no column yet."""
    measurements: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    """`RunSpec.column_key` -> what is measured of such runs."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Measurements that cannot be made here, with the reason."""
    absent_data: list[str] = field(default_factory=list)
    """Data sets that are still to be fetched; only a dry run has any."""

    @property
    def runs(self) -> list[RunSpec]:
        """Every run and every trial, once."""
        every = (
            run for part in (self.by_column, self.trials) for each in part.values() for run in each
        )
        return list({run.run_id: run for run in every}.values())

    @property
    def to_fetch(self) -> list[str]:
        """What else a run would fetch first, in words; only a dry run has any."""
        every = (each for chosen in self.measurements.values() for each in chosen)
        return list(dict.fromkeys(each.to_fetch for each in every if each.to_fetch))

    def of(self, run: RunSpec) -> tuple[Measurement, ...]:
        """What is measured of a run; of a trial only what it is judged by."""
        every = self.measurements[run.column_key]
        return tuple(each for each in every if judges(each)) if run.is_trial else every

    def close(self, search: Search, rate: float) -> None:
        """Add the runs of a decoder at the rate that was chosen for it."""
        self.open.remove(search)
        self.by_column[search.key] += search.at(rate)

    def content(self) -> dict[str, Any]:
        """The plan as plain JSON data; runs by their id."""
        measured = self.measurements.items()
        bare = replace(self, by_column={}, trials={}, open=[], measurements={})
        content = asdict(bare) | {
            "by_column": ids(self.by_column),
            "trials": ids(self.trials),
            "measurements": {key: [each.content() for each in own] for key, own in measured},
        }
        del content["open"]
        return content

    def expects(self, run: RunSpec, status: str) -> bool:
        """Whether the suite counts that a run ended like this as a result."""
        if status == Status.DIVERGED:
            return run.is_trial or any(row.may_diverge for row in self.rows if run.belongs_to(row))
        if status == Status.TOO_LARGE:
            return any(
                run in self.by_column[column.key] or run in self.trials.get(column.key, ())
                for column in self.columns
                if run.likelihood in column.may_not_fit
            )
        return status == Status.FINISHED


def ids(runs: Mapping[str, Sequence[RunSpec]]) -> dict[str, list[str]]:
    """The ids of runs by the key of their column."""
    return {key: [run.run_id for run in each] for key, each in runs.items()}


def make(suite: Suite, choices: Choices, *, fetch: bool = True) -> Plan:
    """Expand a suite into runs: columns by rows by seeds, and trials where rates are tuned.

    Args:
        suite: what is compared.
        choices: of the command line.
        fetch: whether absent data and weights of feature extractors are fetched.

    Raises:
        UsageError: a name or option that does not exist, nothing left to run, or tables that a
            report could not tell apart.
        datasets.DataError: data that are corrupt, or cannot be had and have no stand-in.
    """
    budget = suite.budget(choices.budget)
    if choices.seeds is not None and choices.seeds < 1:
        raise UsageError(f"seeds must be at least 1, not {choices.seeds}")
    chosen, added = rows(suite, choices.likelihoods, choices.additions)
    wanted = columns(suite, choices.data_sets, _model(choices.model))
    known = {column.heading for column in suite.columns}
    plan = Plan(
        suite=suite.name,
        # The title of a suite speaks of its own columns.
        title=suite.title if any(each.heading in known for each in wanted) else TITLE,
        budget=choices.budget,
        budget_description=budget.description,
        rows=[as_row(row, added.get(row.label or row.likelihood)) for row in chosen],
    )
    planned, seeds = 0, choices.seeds or budget.seeds
    for column in wanted:
        if column.not_run is None:
            protocol = column.under(choices.budget, budget)
            planned += _count(column, protocol, chosen, seeds)
            if planned > MOST_RUNS:
                raise UsageError(
                    f"{planned} runs are more than one command does, {MOST_RUNS}: ask for fewer "
                    "seeds, rows or columns"
                )
            if protocol.training.precision == "bfloat16" and not choices.bfloat16:
                say(f"{column.heading}: no units for bfloat16 here, so training is in float32")
                protocol = protocol.in_float32()
            _add(plan, column, protocol, chosen, seeds, fetch=fetch)
        else:
            plan.columns.append(_column(column))
    _refuse_same_headings(plan.columns)
    if not plan.by_column:
        raise UsageError(f"suite {suite.name!r} has nothing to run with these choices")
    return plan


def _count(column: SuiteColumn, protocol: Protocol, chosen: list[SuiteRow], seeds: int) -> int:
    """How many runs and trials a column has."""
    tuning, rate = protocol.tuning, protocol.training.learning_rate
    trials = len({*tuning.rates, rate}) * tuning.seeds if tuning else 0
    return sum(len(row.variants(column)) for row in chosen) * (seeds + trials)


def _model(text: str | None) -> models.NamedModel | None:
    """A model of a user's file, its options as a suite could have stated them."""
    if text is None:
        return None
    model = models.resolve(text)
    return model._replace(options=as_in_toml(text, model.options))


def _refuse_same_headings(columns: Sequence[Column]) -> None:
    """Fail where a report could not tell two tables apart."""
    keys: dict[tuple[str, str, str], str] = {}
    for column in columns:
        name = (column.heading, column.data_set, column.model)
        if keys.setdefault(name, column.key) != column.key:
            raise UsageError(
                f"two columns {column.heading!r} both use {column.data_set} with {column.model}, "
                "under different training, options or history: give them different headings"
            )


def _add(
    plan: Plan,
    column: SuiteColumn,
    protocol: Protocol,
    chosen: list[SuiteRow],
    seeds: int,
    *,
    fetch: bool,
) -> None:
    """Add a column to a plan, with its runs and what is measured of them."""
    models.get(column.model)
    data = column_data(column, fetch=fetch)
    check_column(column, data, chosen[0], protocol)
    runs = list(_runs(column, protocol, data, chosen, seeds))
    key = runs[0].column_key
    own = plan.by_column.setdefault(key, [])
    own += [run for run in runs if run not in own]
    shown = _column(column, data, key)
    plan.columns.append(shown)
    tuned = searches(runs, protocol.tuning) if protocol.tuning else []
    if tuned:
        _tune(plan, shown, tuned)
    evaluation = _measurements(column, protocol, plan.unavailable, fetch=fetch)
    for run in (*runs, *(trial for search in tuned for trial in search.trials)):
        if plan.measurements.setdefault(run.column_key, evaluation) != evaluation:
            raise UsageError(
                f"column {column.heading!r} has the same runs as another, under another "
                "evaluation: give both the same"
            )
    if not data.checksum and data.name not in plan.absent_data:
        plan.absent_data.append(data.name)


def _tune(plan: Plan, column: Column, tuned: Sequence[Search]) -> None:
    """Add the second table of a column, of tuned rates, and the trials that choose them."""
    key, heading = tuned[0].key, f"{column.heading}, rates tuned"
    # Published numbers are of one rate for all.
    plan.columns.append(replace(column, heading=heading, published=None, key=key))
    plan.by_column.setdefault(key, [])
    tried = plan.trials.setdefault(key, [])
    for search in tuned:
        if search.trials[0] not in tried:
            tried += search.trials
            plan.open.append(search)


def _runs(
    column: SuiteColumn, protocol: Protocol, data: ColumnData, chosen: list[SuiteRow], seeds: int
) -> Iterator[RunSpec]:
    for row in chosen:
        source = likelihoods.fingerprint(row.likelihood)
        for options in row.variants(column):
            for seed in range(seeds):
                yield RunSpec(
                    data_set=data.name,
                    data_checksum=data.checksum,
                    model=column.model,
                    model_options=protocol.options,
                    model_version=models.version(column.model),
                    likelihood=row.likelihood,
                    likelihood_options=options,
                    likelihood_source=source,
                    training=protocol.training,
                    history=protocol.history,
                    seed=seed,
                )


def _measurements(
    column: SuiteColumn, protocol: Protocol, unavailable: dict[str, str], *, fetch: bool
) -> tuple[Measurement, ...]:
    """What is measured in a column; adds to `unavailable` what cannot be, and says so once."""
    available = []
    for measurement in measurements(protocol.evaluation, models.get(column.model)):
        try:
            available.append(measurement.prepared(fetch=fetch))
        except FeatureError as error:
            if measurement.label not in unavailable:
                say(str(error))
            unavailable[measurement.label] = str(error)
    return tuple(available)


def _column(column: SuiteColumn, data: ColumnData | None = None, key: str = "") -> Column:
    """A column as a report takes it; one that is not run has no data."""
    real = data is None or column.stands_for in (None, data.name)
    return Column(
        heading=column.heading,
        data_set=data.name if data else "",
        model=column.model,
        description=data.description if data else "",
        stands_for=None if real and data else column.stands_for,
        published=column.published,
        not_run=column.not_run,
        may_not_fit=tuple(column.may_not_fit) if data else (),
        key=key,
    )

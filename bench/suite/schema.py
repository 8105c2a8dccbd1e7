"""What a suite says: columns, rows and budgets, checked before anything is computed."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field, field_validator, model_validator

from bench.errors import unknown
from bench.evaluation import Evaluation
from bench.settings import Count, Option, Settings
from bench.training import History, Training


class Budget(Settings):
    """One size of the experiment."""

    description: str
    seeds: Count = 1
    history: History = History()
    evaluation: Evaluation = Evaluation()


class Tuning(Settings):
    """Trials by which each decoder of a column gets a learning rate of its own."""

    rates: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)]
    """The grid, the same for all decoders; the column's own rate is tried besides."""
    seeds: Count = 1
    """Trials at each rate, on seeds that are never reported."""

    @field_validator("rates")
    @classmethod
    def _distinct(cls, rates: list[float]) -> list[float]:
        if twice := [rate for rate in rates if rates.count(rate) > 1]:
            raise ValueError(f"{twice[0]:g} stands twice among the rates")
        return rates


class ColumnBudget(Settings):
    """What a budget changes in one column: keys of training, history, options and evaluation."""

    training: dict[str, Option] = {}
    history: dict[str, Option] = {}
    options: dict[str, Option] = {}
    evaluation: dict[str, Option] = {}
    tuning: Tuning | None = None
    """Instead of the column's own."""


class Protocol(NamedTuple):
    """How the runs of a column are trained and measured under one budget."""

    training: Training
    options: dict[str, Option]
    """Of the model."""
    history: History
    evaluation: Evaluation
    tuning: Tuning | None

    def in_float32(self) -> Protocol:
        """The same, for a device that has no units for bfloat16."""
        return self._replace(training=self.training.model_copy(update={"precision": "float32"}))


class SuiteColumn(Settings):
    """One model on one kind of data."""

    heading: str
    data: list[str] = []
    """Data sets by preference; the first that can be had is used."""
    stands_for: str | None = None
    """The data set that this column is about; any other is printed as a stand-in for it."""
    published: str | None = None
    """Key of the published numbers of this column."""
    model: str = "vae"
    options: dict[str, Option] = {}
    training: Training | None = None
    """The published protocol, on stand-ins too."""
    tuning: Tuning | None = None
    """Adds a second table of this column, in which each decoder has its own learning rate."""
    budgets: dict[str, ColumnBudget] = {}
    sweeps: dict[str, Annotated[list[Option], Field(min_length=1)]] = {}
    """Likelihood -> the values that its row sweeps over in this column, instead of its own."""
    may_not_fit: list[str] = []
    """Likelihoods for which it is a result, and no fault, that memory is too small."""
    not_run: str | None = None
    """Why the column is listed but not run."""

    @model_validator(mode="after")
    def _complete(self) -> SuiteColumn:
        if self.not_run is None and not (self.data and self.training):
            raise ValueError("a column needs `data` and `training`, or `not_run` with the reason")
        return self

    def under(self, name: str, budget: Budget) -> Protocol:
        """The protocol of this column under the budget of that name, the same whatever the data."""
        changes = self.budgets.get(name, ColumnBudget())
        # A column that is not run may have no training; what it changes is checked all the same.
        training = self.training.model_dump(exclude_none=True) if self.training else {"steps": 1}
        if {"steps", "epochs"} & changes.training.keys():  # either replaces the other
            training = {key: training[key] for key in training.keys() - {"steps", "epochs"}}
        return Protocol(
            Training.model_validate(training | changes.training),
            self.options | changes.options,
            History.model_validate(budget.history.model_dump() | changes.history),
            Evaluation.model_validate(budget.evaluation.model_dump() | changes.evaluation),
            changes.tuning or self.tuning,
        )


class SuiteRow(Settings):
    """One decoder likelihood, or one with an option swept over several values."""

    likelihood: str
    """A registered name, or FILE.py:Class; a relative file is one beside the suite's own."""
    label: str | None = None
    options: dict[str, Option] = {}
    sweep: dict[str, list[Option]] = {}
    """At most one option, with its values; the report's row is the best one on validation data."""
    note: str | None = None
    may_diverge: bool = False
    """Whether divergence is a result of this row, and not a fault of the run."""

    @field_validator("sweep")
    @classmethod
    def _one_option(cls, sweep: dict[str, list[Option]]) -> dict[str, list[Option]]:
        if len(sweep) > 1 or any(not values for values in sweep.values()):
            raise ValueError("sweep takes one option with at least one value")
        return sweep

    def variants(self, column: SuiteColumn | None = None) -> list[dict[str, Option]]:
        """The options of each run of this row, in a column that may sweep other values."""
        if not self.sweep:
            return [self.options]
        ((option, values),) = self.sweep.items()
        if column is not None:
            values = column.sweeps.get(self.likelihood, values)
        return [self.options | {option: value} for value in values]


class Suite(Settings):
    """A comparison: rows (likelihoods) by columns (model and data), under one of its budgets."""

    name: str
    title: str
    columns: Annotated[list[SuiteColumn], Field(min_length=1)]
    rows: Annotated[list[SuiteRow], Field(min_length=1)]
    budgets: Annotated[dict[str, Budget], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        swept = [row.likelihood for row in self.rows if row.sweep]
        for name in swept:
            if [row.likelihood for row in self.rows].count(name) > 1:
                raise ValueError(f"the sweep of {name!r} must be the only row of that likelihood")
        for column in self.columns:
            self._fits(column, swept)
        labels = [row.label or row.likelihood for row in self.rows]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two rows are called {label!r}; give them different labels")
        return self

    def _fits(self, column: SuiteColumn, swept: list[str]) -> None:
        where = f"column {column.heading!r}"
        for name in column.budgets:
            if name not in self.budgets:
                known = ", ".join(self.budgets)
                raise ValueError(f"{where} changes budget {name!r}, which is not one of {known}")
        # A suite that extends another may have dropped a row that its columns speak of.
        for row in self.rows:
            if row.likelihood in column.sweeps and row.likelihood not in swept:
                raise ValueError(f"{where} sweeps {row.likelihood!r}, whose row has no sweep")
        for name, budget in self.budgets.items():
            column.under(name, budget)

    def budget(self, name: str) -> Budget:
        """A budget of this suite.

        Raises:
            UsageError: no such budget.
        """
        if name not in self.budgets:
            raise unknown("budget", name, self.budgets)
        return self.budgets[name]

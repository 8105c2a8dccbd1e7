"""Suites: what is to be compared, read from TOML and checked before anything is computed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.errors import UsageError, unknown

FOLDER = Path(__file__).parent / "suites"

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Option = bool | int | float | str | list[float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Training(_Strict):
    """How one model is trained. Identical for every likelihood of a column."""

    optimiser: Literal["adam", "adamax"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    batch_size: Count = 128
    warmup: Fraction = 0.0
    """The part of the training over which the learning rate grows linearly to its value."""
    kl_warmup: Fraction = 0.0
    """The part over which the weight of the KL grows linearly to its value (Sonderby et al. 2016,
    "Ladder Variational Autoencoders")."""
    epochs: Count | None = None
    steps: Count | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Training:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give exactly one of epochs and steps")
        return self

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step (counted from 0) out of all steps."""
        return self.learning_rate * _ramp(step, self.warmup * steps)

    def kl_share(self, step: int, steps: int) -> float:
        """The part of its full weight that the KL has at a step (counted from 0)."""
        return _ramp(step, self.kl_warmup * steps)

    def total_steps(self, images: int) -> int:
        """Optimiser steps on a training set of `images`; an incomplete last batch is dropped."""
        per_epoch = max(1, images // min(self.batch_size, images))
        return self.steps if self.steps is not None else (self.epochs or 1) * per_epoch


class Evaluation(_Strict):
    """What is measured, and on how many items (images, or videos).

    Identical for every run of a column under a budget.
    """

    test_images: Annotated[int, Field(ge=0)] = 0
    """Held-out test items for the bound, the mass and the errors; 0 means all of them."""
    validation_images: Count = 1000
    """Validation items, for selection and for the convergence curves."""
    calibration_images: Count = 1000
    """Test items whose values are judged for the calibration of the decoder."""
    frechet_images: Annotated[int, Field(ge=6)] = 10000
    """Generated images (of videos, frames) for the Frechet distance; the reference is the whole
    test part."""
    sample_images: Annotated[int, Field(ge=6)] = 10000
    """Of these, the first for which pixels are drawn as well, x ~ p(x|z); never more than all. Only
    of as many images do the distances of means and of samples compare."""
    manifold_images: Annotated[int, Field(ge=6)] = 5000
    """Images of each kind for the kernel distance, precision, recall, density and coverage, whose
    cost grows with the square: random ones of the generated and of the test images."""
    features: tuple[str, ...] = ("inception", "random_vgg")
    """Feature extractors of the Frechet distances and of all that is measured on features."""
    information_images: Annotated[int, Field(ge=2)] = 2000
    """Test images for I_e(x;z) and KL(m||p); the estimate of I_e cannot exceed their log."""
    information_samples: Count = 4
    """Posterior samples an image for the same."""
    importance_samples: Count = 100
    """Posterior samples K an item for the importance-weighted bound."""
    importance_images: Count = 500
    """Test items for that."""
    probe_images: Count = 2000
    """Labelled training images for the linear classifier of codes, and test images to score it."""
    measurements: Annotated[int, Field(ge=2)] = 20
    """Points of the convergence curve."""
    batch_size: Count = 128
    """Items in one evaluation batch."""
    best_of: Count = 100
    """Predictions of each video, of which the most similar one counts."""
    best_of_videos: Count = 256
    """Test videos for that."""


class Budget(_Strict):
    """One size of the experiment."""

    description: str
    seeds: Count = 1
    evaluation: Evaluation = Evaluation()


class ColumnBudget(_Strict):
    """What a budget changes in one column: keys of training, model options and evaluation."""

    training: dict[str, Option] = {}
    options: dict[str, Option] = {}
    evaluation: dict[str, Option] = {}


class Column(_Strict):
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
    budgets: dict[str, ColumnBudget] = {}
    sweeps: dict[str, Annotated[list[Option], Field(min_length=1)]] = {}
    """Likelihood -> the values that its row sweeps over in this column, instead of its own."""
    may_not_fit: list[str] = []
    """Likelihoods for which it is a result, and no fault, that memory is too small."""
    not_run: str | None = None
    """Why the column is listed but not run."""

    @model_validator(mode="after")
    def _complete(self) -> Column:
        if self.not_run is None and not (self.data and self.training):
            raise ValueError("a column needs `data` and `training`, or `not_run` with the reason")
        return self

    def training_for(self, budget: str) -> Training:
        """The training of this column under a budget, the same whatever the data."""
        if self.training is None:
            raise ValueError(f"column {self.heading!r} is not run")
        result = self.training.model_dump(exclude_none=True)
        changes = self.budgets.get(budget, ColumnBudget()).training
        for length in {"steps", "epochs"} & changes.keys():
            result.pop("epochs" if length == "steps" else "steps", None)
        return Training.model_validate(result | changes)

    def options_for(self, budget: str) -> dict[str, Option]:
        """The model's options in this column under a budget."""
        return self.options | self.budgets.get(budget, ColumnBudget()).options

    def evaluation_for(self, name: str, budget: Budget) -> Evaluation:
        """The evaluation of this column under the budget of that name."""
        changes = self.budgets.get(name, ColumnBudget()).evaluation
        return Evaluation.model_validate(budget.evaluation.model_dump() | changes)


class Row(_Strict):
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

    @property
    def swept(self) -> str | None:
        """The name of the swept option, if there is one."""
        return next(iter(self.sweep), None)

    def variants(self, column: Column | None = None) -> list[dict[str, Option]]:
        """The options of each run of this row, in a column that may sweep other values."""
        if not self.sweep:
            return [self.options]
        ((option, values),) = self.sweep.items()
        if column is not None:
            values = column.sweeps.get(self.likelihood, values)
        return [self.options | {option: value} for value in values]


class Suite(_Strict):
    """A comparison: rows (likelihoods) by columns (model and data), under one of its budgets."""

    name: str
    title: str
    columns: Annotated[list[Column], Field(min_length=1)]
    rows: Annotated[list[Row], Field(min_length=1)]
    budgets: dict[str, Budget]

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        if not self.budgets:
            raise ValueError("a suite needs at least one budget")
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

    def _fits(self, column: Column, swept: list[str]) -> None:
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
            column.evaluation_for(name, budget)
            if column.training is not None:
                column.training_for(name)

    def budget(self, name: str) -> Budget:
        """A budget of this suite.

        Raises:
            UsageError: no such budget.
        """
        if name not in self.budgets:
            raise unknown("budget", name, self.budgets)
        return self.budgets[name]


def _ramp(step: int, length: float) -> float:
    return min(1.0, (step + 1) / length) if length else 1.0


def names() -> list[str]:
    """The suites that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Suite:
    """Read a suite by its name or from a TOML file.

    A file may begin with `extends = "paper"`: its rows, columns or title then replace those of that
    suite, its budgets are added to that suite's, and its `add_rows` come after that suite's rows. A
    column of which only the heading is given, or a row of which only the label is, is the one that
    is called so there.

    Raises:
        UsageError: no such suite, broken TOML, a wrong key, type or value.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        if name.endswith(".toml"):
            raise UsageError(f"suite file {name!r} does not exist (suites: {', '.join(names())})")
        raise unknown("suite", name, names())
    content = _read(path)
    content.setdefault("name", path.stem)
    for row in content.get("rows", []):
        if isinstance(row, dict) and ".py:" in str(row.get("likelihood")):
            row["likelihood"] = str(path.resolve().parent / row["likelihood"])
    try:
        # Strict JSON keeps 1 and 1.0 interchangeable where a float is wanted, and nothing else.
        return Suite.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise UsageError(f"suite {path.name}: {_one_line(error)}") from error


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path.resolve() in seen:
        raise UsageError(f"suite {path.name} extends itself")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"suite {path.name} is not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"suite {path.name} cannot be read: {error.strerror}") from error
    base = content.pop("extends", None)
    if base is None:
        if "add_rows" in content:
            raise UsageError(f"suite {path.name}: add_rows needs `extends`; its own are `rows`")
        return content
    if base not in names():
        raise unknown("suite to extend", str(base), names())
    inherited = _read(FOLDER / f"{base}.toml", (*seen, path.resolve()))
    inherited.pop("name", None)
    budgets, added = inherited.get("budgets"), content.get("budgets")
    if isinstance(budgets, dict) and isinstance(added, dict):
        content["budgets"] = budgets | added
    for tables, name in (("columns", "heading"), ("rows", "label")):
        if isinstance(content.get(tables), list):
            content[tables] = _taken_over(content[tables], inherited.get(tables, []), name)
    rows, more = content.pop("rows", inherited.get("rows")), content.pop("add_rows", [])
    if not (isinstance(rows, list) and isinstance(more, list)):
        raise UsageError(f"suite {path.name}: rows and add_rows are lists of tables, [[add_rows]]")
    return inherited | content | {"rows": [*rows, *more]}


def _taken_over(own: list[Any], inherited: list[dict[str, Any]], name: str) -> list[Any]:
    """A suite's own tables, those that state only their name replaced by the inherited ones."""
    known = {table[name]: table for table in inherited if name in table}
    result = []
    for table in own:
        if isinstance(table, dict) and table.keys() == {name}:
            if table[name] not in list(known):
                raise unknown(f"{name} to take over", str(table[name]), known)
            result.append(known[table[name]])
        else:
            result.append(table)
    return result


def _one_line(error: ValidationError) -> str:
    # A mistyped key shows as one that is missing and one too many: the latter says more.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"]) or "top level"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"unknown key {place!r} (allowed: {', '.join(_allowed_keys(first['loc']))})"
    if first["type"] == "missing":
        return f"key {place!r} is missing"
    value = first.get("input")
    shown = "" if isinstance(value, dict | list) else f", not {value!r}"
    return f"{place}: {message}{shown}"


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the table in which a wrong key stands."""
    tables: dict[str, type[BaseModel]] = {
        "columns": Column,
        "rows": Row,
        "training": Training,
        "evaluation": Evaluation,
    }
    table: type[BaseModel] = Suite
    for part in location[:-1]:
        if part == "budgets":
            table = ColumnBudget if table is Column else Budget
        elif isinstance(part, str) and part in tables:
            table = tables[part]
    return list(table.model_fields)

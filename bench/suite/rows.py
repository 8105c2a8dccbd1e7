"""The rows of a comparison: likelihoods of the suite and of the command line, resolved."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

import likelihoods
from bench.errors import UsageError, unknown
from bench.progress import say
from bench.settings import Option
from bench.suite.schema import Suite, SuiteRow
from likelihoods import Likelihood, Shape, check
from likelihoods.check.core import located
from likelihoods.core.options import choice, integer
from reports import Row

OPTIONS = TypeAdapter(dict[str, Option], config=ConfigDict(allow_inf_nan=False))


def rows(
    suite: Suite, patterns: Sequence[str], additions: Sequence[str]
) -> tuple[list[SuiteRow], dict[str, str]]:
    """Return the rows to run, and the labels of those that the command line added.

    Args:
        suite: its rows, narrowed by the patterns.
        patterns: of names, as in a shell, or names of likelihoods that the suite lacks; none keeps
            all.
        additions: likelihoods that become rows of their own, as `likelihoods.resolve` takes them;
            no pattern narrows them.

    Raises:
        UsageError: a pattern that matches nothing, an option of a wrong type, two rows of one name.
        likelihoods.LikelihoodError: a name or option that does not exist.
    """
    every = [_resolved(row) for row in suite.rows]
    added = {text: likelihoods.resolve(text) for text in additions}
    known = {*(row.likelihood for row in every), *(each.name for each in added.values())}
    # One that the suite lacks is asked for by its name: it is added, and nothing else kept.
    lacking = [each for each in patterns if each in likelihoods.names() and each not in known]
    added |= {text: likelihoods.resolve(text) for text in lacking}
    # A pattern may match an addition, which is run in any case: so it can be run alone.
    names = dict.fromkeys([*(r.likelihood for r in every), *(a.name for a in added.values())])
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise unknown(f"likelihood of suite {suite.name}", pattern, names)
    wanted = {name for pattern in patterns or ["*"] for name in fnmatch.filter(names, pattern)}
    chosen = [row for row in every if row.likelihood in wanted]
    named: dict[str, str] = {}
    for text, addition in added.items():
        options = as_in_toml(text, addition.options)
        row = SuiteRow(likelihood=addition.name, label=addition.label, options=options)
        same = [
            r for r in every if r.likelihood == addition.name and r.variants() == row.variants()
        ]
        # What the suite has is its row, not a second one of another label.
        if not same:
            named[addition.label] = text
        chosen += [each for each in same or [row] if each not in chosen]
    for row in chosen:
        for variant in row.variants():  # a wrong option fails before anything is fetched
            made(row.likelihood, (1, 4, 4), variant)
    chosen = [row if likelihoods.is_own(row.likelihood) else _checked(row) for row in chosen]
    labels = [row.label or row.likelihood for row in chosen]
    for label in named:
        if labels.count(label) > 1:
            raise UsageError(f"suite {suite.name} has another row {label!r}: rename the class")
    return chosen, named


def made(name: str, shape: Shape, options: Mapping[str, Any]) -> Likelihood:
    """Make a likelihood whose code may be a user's, and raise anything.

    Raises:
        likelihoods.LikelihoodError: it cannot be made; one line with the place in the code.
    """
    try:
        likelihood = likelihoods.create(name, shape, **options)
    except likelihoods.LikelihoodError:
        raise
    except (Exception, SystemExit) as error:
        raise likelihoods.LikelihoodError(f"{name} cannot be made: {located(error)}") from error
    choice(f"{name}: measure", likelihood.measure, get_args(likelihoods.Measure))
    integer(f"{name}: outputs_per_value", likelihood.outputs_per_value, 1)
    integer(f"{name}: outputs_per_pixel", likelihood.outputs_per_pixel, 0)
    return likelihood


def as_row(row: SuiteRow, added_as: str | None) -> Row:
    """Return the row as a report takes it."""
    return Row(
        name=row.likelihood,
        label=row.label or row.likelihood,
        options=row.options,
        sweep=next(iter(row.sweep), None),
        note=row.note,
        may_diverge=row.may_diverge,
        given=added_as,
    )


def _resolved(row: SuiteRow) -> SuiteRow:
    """A row whose likelihood is in a file, FILE.py:Class, under the name of that class."""
    if ":" not in row.likelihood:
        return row
    resolved = likelihoods.resolve(row.likelihood)
    options = as_in_toml(row.likelihood, resolved.options) | row.options
    return row.model_copy(update={"likelihood": resolved.name, "options": options})


def as_in_toml(text: str, options: Mapping[str, Any]) -> dict[str, Option]:
    """Options as a suite could have stated them."""
    try:
        return OPTIONS.validate_json(json.dumps(dict(options)), strict=True)
    except (ValidationError, TypeError):
        raise UsageError(
            f"{text!r}: an option takes a number, a word, true or false, or a list of numbers"
        ) from None


def _checked(row: SuiteRow) -> SuiteRow:
    """A row of a likelihood from elsewhere; if its numbers do not compare, its note says so."""
    options: dict[str, Any] = dict(row.variants()[0])
    failed = check.unfair(partial(likelihoods.create, row.likelihood, **options))
    if not failed:
        return row
    properties = ", ".join(each.property for each in failed)
    warning = f"its numbers do not compare: `bench check` fails {properties}"
    say(f"{row.label or row.likelihood}: {warning}")
    return row.model_copy(update={"note": f"{row.note}; {warning}" if row.note else warning})

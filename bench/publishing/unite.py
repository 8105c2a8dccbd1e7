"""The plans of several results folders as one: the same comparison, made in parts on machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from bench.errors import UsageError
from bench.evaluation import restored
from bench.store import Store
from bench.suite import RunSpec

Named = Callable[[Any], object]
DATA = "--data"
"""The word of a command that brings data; each such word is followed by its value."""


def unite(stores: Sequence[Store]) -> dict[str, Any]:
    """Return one plan for all; where they say the same of a row or column, the first is heard.

    Raises:
        UsageError: they are of two suites or budgets, or a report could not show both.
    """
    first, *others = stores
    united = first.read_plan() or {}
    for other in others:
        plan = other.read_plan() or {}
        where = f"{str(other.root)!r} and {str(first.root)!r}"
        for key in ("suite", "budget"):
            if plan[key] != united[key]:
                raise UsageError(
                    f"{where} hold the {key} {plan[key]!r} and {united[key]!r}: only results of "
                    f"one {key} are merged"
                )
        if told := _contradiction(united, plan):
            raise UsageError(f"{where} contradict each other: {told}")
        united = _both(united, plan)
    _check_places(united, stores)
    return united


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    measured = _by_key(one["measurements"], other["measurements"], _label)
    labels = {_label(each) for own in measured.values() for each in own}
    absent = one["unavailable"] | other["unavailable"]
    return {
        **one,
        "columns": _added(one["columns"], other["columns"], _heading),
        "rows": _added(one["rows"], other["rows"], lambda row: row["label"]),
        "by_column": _by_key(one["by_column"], other["by_column"], str),
        "trials": _by_key(one["trials"], other["trials"], str),
        "measurements": measured,
        "unavailable": {label: why for label, why in absent.items() if label not in labels},
        "asked": _asked(one, other),
    }


def _asked(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What a command names that adds to the runs of both plans."""
    mine, others = (plan.get("asked") or {} for plan in (one, other))
    words = (asked.get("own", []) for asked in (mine, others))
    first, second = (list(zip(each[::2], each[1::2], strict=True)) for each in words)
    # A command may bring several data, but has one size, crop and model.
    own = _added(first, second, lambda pair: pair if pair[0] == DATA else pair[0])
    brought = any(word == DATA for word, _ in own)
    mine_named, others_named = (_named(plan, every=brought) for plan in (one, other))
    some = brought or (mine_named and others_named)
    return {
        "suite": mine.get("suite", one["suite"]),
        "data_sets": _added(mine_named, others_named, str) if some else [],
        "own": list(chain.from_iterable(own)),
    }


def _named(plan: Mapping[str, Any], *, every: bool) -> list[str]:
    """The data sets that a command named; none, where it brought no data either, means all.

    Beside data that another brought that would be none: `every` names them.
    """
    asked = plan.get("asked") or {}
    names = list(asked.get("data_sets", ()))
    if names or DATA in asked.get("own", ()) or not every:
        return names
    return list(dict.fromkeys(each["data_set"] for each in plan["columns"] if each["data_set"]))


def _contradiction(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What two plans say differently of the same thing; "" if nothing."""
    keys = {_heading(column): column["key"] for column in one["columns"]}
    for column in other["columns"]:
        if keys.get(_heading(column), column["key"]) != column["key"]:
            return f"column {column['heading']!r} has another training, history or options in each"
    for key in one["measurements"].keys() & other["measurements"].keys():
        known = {_label(content): content for content in one["measurements"][key]}
        for content in other["measurements"][key]:
            if known.get(_label(content), content) != content:
                return f"{_label(content)} is measured with other parameters in each"
    return ""


def _check_places(plan: Mapping[str, Any], stores: Sequence[Store]) -> None:
    """Refuse two runs where a report has place for one."""
    for part in ("by_column", "trials"):
        for runs in plan[part].values():
            places: dict[object, str] = {}
            for run_id, spec in _known(runs, stores):
                place = spec.row_key, spec.is_trial and spec.training.learning_rate
                if (other := places.setdefault(place, run_id)) != run_id:
                    held = [
                        next(str(store.root) for store in stores if store.record(each))
                        for each in (other, run_id)
                    ]
                    raise UsageError(
                        f"runs {other} in {held[0]!r} and {run_id} in {held[1]!r} are of the same "
                        "decoder and seed, under another source or learning rate: a report shows "
                        "one of them"
                    )


def _known(runs: Iterable[str], stores: Sequence[Store]) -> Iterable[tuple[str, RunSpec]]:
    """The runs that have ended in one of the folders."""
    for run_id in runs:
        store = next((store for store in stores if store.record(run_id)), None)
        if store is not None:
            yield run_id, store.spec(run_id)


def _by_key(
    one: Mapping[str, Sequence[Any]], other: Mapping[str, Sequence[Any]], name: Named
) -> dict[str, list[Any]]:
    keys = dict.fromkeys([*one, *other])
    return {key: _added(one.get(key, ()), other.get(key, ()), name) for key in keys}


def _added(one: Sequence[Any], other: Sequence[Any], name: Named) -> list[Any]:
    names = {name(each) for each in one}
    return [*one, *(each for each in other if name(each) not in names)]


def _heading(column: Mapping[str, Any]) -> tuple[str, ...]:
    return column["heading"], column["data_set"], column["model"]


def _label(content: Mapping[str, Any]) -> str:
    measurement = restored(content)
    return measurement.label if measurement else f"{content['name']} {content['version']}"

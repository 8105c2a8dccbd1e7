"""Read a suite from TOML: by its name, or from a file that may extend one of them."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from bench.errors import UsageError, unknown
from bench.suite.schema import Suite

KINDS = {"bool", "int", "float", "str", "list[float]"}
"""What pydantic calls the types of an `Option`."""
FOLDER = Path(__file__).parent.parent / "suites"


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
    if not name.endswith(".toml") and name not in names():
        raise unknown("suite", name, names())
    if not path.is_file():
        raise UsageError(f"suite file {name!r} does not exist (suites: {', '.join(names())})")
    content = _read(path)
    content.setdefault("name", path.stem)
    rows = content.get("rows")
    for row in rows if isinstance(rows, list) else []:
        likelihood = row.get("likelihood") if isinstance(row, dict) else None
        if isinstance(likelihood, str) and ".py:" in likelihood:
            row["likelihood"] = str(path.resolve().parent / os.path.expanduser(likelihood))
    try:
        # Strict JSON keeps 1 and 1.0 interchangeable where a float is wanted, and nothing else.
        # It has no dates: they become texts.
        return Suite.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise UsageError(f"suite {path.name}: {_one_line(error)}") from error


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path.resolve() in seen:
        raise UsageError(f"suite {path.name} extends itself")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # numbers may be too long, lists too deep
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
    location, message = first["loc"], first["msg"].removeprefix("Value error, ")
    place = ".".join(map(str, location)) or "top level"
    if first["type"] == "extra_forbidden":
        return f"unknown key {place!r} (allowed: {', '.join(_allowed_keys(first['loc']))})"
    if first["type"] == "missing":
        return f"key {place!r} is missing"
    if kinds := KINDS.intersection(map(str, location[-2:])):  # it fits none of an option's types
        place = ".".join(map(str, location[: location.index(min(kinds))]))
        message = "Input should be a truth value, a finite number, a text or a list of numbers"
    value = first.get("input")
    shown = "" if isinstance(value, dict | list) else f", not {value!r}"
    return f"{place}: {message}{shown}"


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the table in which a wrong key stands."""
    table: type[BaseModel] = Suite
    for part in location[:-1]:
        if field := table.model_fields.get(str(part)):
            for each in (field.annotation, *get_args(field.annotation)):
                if isinstance(each, type) and issubclass(each, BaseModel):
                    table = each
    return list(table.model_fields)

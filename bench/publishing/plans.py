"""A stored plan, read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.evaluation import Measurement, restored
from reports import Column, Row


def column_of(content: Mapping[str, Any]) -> Column:
    """A column as it was planned."""
    return Column(**{**content, "may_not_fit": tuple(content["may_not_fit"])})


def row_of(content: Mapping[str, Any]) -> Row:
    """A row as it was planned."""
    return Row(**content)


def measurements_of(plan: Mapping[str, Any], column_key: str) -> list[Measurement]:
    """What the plan measures in a column; what no longer exists in this version is left out."""
    contents = plan["measurements"].get(column_key, ())
    return [each for content in contents if (each := restored(content))]

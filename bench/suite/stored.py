"""What a stored plan has to hold, so that whoever reads it need not ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

import reports

RunId = Annotated[str, Field(pattern=r"^[^/.][^/]*$")]
"""The name of a folder: no path leads elsewhere."""
_EXACT = ConfigDict(extra="forbid")


@dataclass(config=_EXACT, frozen=True)
class _Row(reports.Row):
    pass


@dataclass(config=_EXACT, frozen=True)
class _Column(reports.Column):
    pass


class _Measurement(BaseModel):
    name: str
    version: int
    parameters: dict[str, Any]


class _Plan(BaseModel):
    """See `Plan.content`; the rest of a plan may be missing."""

    suite: str
    title: str
    budget: str
    budget_description: str
    rows: list[_Row]
    columns: list[_Column]
    by_column: dict[str, list[RunId]]
    trials: dict[str, list[RunId]]
    measurements: dict[str, list[_Measurement]]
    unavailable: dict[str, str]


def problem_of(content: Mapping[str, Any]) -> str:
    """What is wrong with a stored plan, in one line; "" if nothing is."""
    try:
        _Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""

"""The base of everything that a suite sets: unknown keys and wrong types are refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Option = bool | int | float | str | list[float]


class Settings(BaseModel):
    """Frozen, strict settings, their numbers finite; each class owns those of its part."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

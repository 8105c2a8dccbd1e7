"""Measurements of trained models, one file each, and what a suite may set of them.

A new measurement is a file of this folder with a subclass of `Measurement`: it is found without
further edits. Its parameters become keys of a suite's table `evaluation`, its metrics columns of
the results. Nothing here knows of the disk: what is kept between runs is handed in.
"""

import importlib
import pkgutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError, create_model

from bench.evaluation.base import (
    Images,
    Measured,
    Measurement,
    NotApplicableError,
    NotFiniteError,
    Trained,
    Trial,
    Values,
)
from bench.models import Model
from bench.settings import Settings

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

MEASUREMENTS: tuple[type[Measurement], ...] = tuple(
    # The elbo first: it is what is quoted of a run.
    sorted(Measurement.__subclasses__(), key=lambda each: (each.name != "elbo", each.name))
)
"""All there are."""

SET_BY_PLAN = ("fingerprint",)  # parameters that no suite sets


def _parameters() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for measurement in MEASUREMENTS:
        for name, info in measurement.model_fields.items():
            _, known = fields.setdefault(name, (info.annotation, info))
            for aspect in ("annotation", "default", "metadata"):
                if getattr(known, aspect) != getattr(info, aspect):
                    raise TypeError(f"two measurements disagree on the parameter {name!r}")
    return {name: field for name, field in fields.items() if name not in SET_BY_PLAN}


if TYPE_CHECKING:
    Evaluation = Settings
else:
    Evaluation = create_model("Evaluation", __base__=Settings, **_parameters())
    Evaluation.__doc__ = "The parameters of all measurements, as a suite sets them."


class Outcome(StrEnum):
    """What became of a measurement."""

    MEASURED = "measured"
    NOT_APPLICABLE = "not applicable"
    NOT_FINITE = "not finite"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """A measurement that was tried."""

    outcome: Outcome
    seconds: float
    columns: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, Images] = field(default_factory=dict)
    per_image: Mapping[str, Values] = field(default_factory=dict)
    reason: str = ""  # why there are no columns
    traceback: Sequence[str] = ()
    """The last lines of that of a measurement that failed."""


def measurements(evaluation: Settings, model: type[Model]) -> tuple[Measurement, ...]:
    """Return the measurements of a model family under an evaluation, each stored on its own."""
    values = evaluation.model_dump()
    chosen = (
        cls(**{name: values[name] for name in cls.model_fields if name in values})
        for cls in MEASUREMENTS
    )
    return tuple(part for each in chosen if each.fits(model) for part in each.parts())


def restored(content: Mapping[str, Any]) -> Measurement | None:
    """Return the measurement of a `Measurement.content`; None if there is no such any more."""
    for cls in MEASUREMENTS:
        if cls.name == content["name"] and cls.version == content["version"]:
            with suppress(ValidationError):  # parameters of another version
                return cls.model_validate(content["parameters"], strict=False)
    return None


@torch.no_grad()
def take(measurement: Measurement, trained: Trained) -> Result:
    """Try a measurement: one that has no result says why, and takes no other with it."""
    trained.model.eval()
    started = time.perf_counter()
    outcome, measured, reason = Outcome.MEASURED, Measured({}), ""
    try:
        measured = measurement.measure(trained)
    except NotApplicableError as error:
        outcome, reason = Outcome.NOT_APPLICABLE, str(error)
    except NotFiniteError as error:
        outcome, reason = Outcome.NOT_FINITE, str(error)
    seconds = time.perf_counter() - started
    return Result(outcome, seconds, measured.columns, measured.images, measured.per_image, reason)


__all__ = [
    "MEASUREMENTS",
    "Evaluation",
    "Images",
    "Measured",
    "Measurement",
    "Outcome",
    "Result",
    "Trained",
    "Trial",
    "Values",
    "measurements",
    "restored",
    "take",
]

"""What one number of a run is: the column of the results, and how it is printed and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One number of a run, or several that differ in a number of their own, as layers do.

    Whoever measures it describes it here, once: tables, glossary, the columns of results.csv and
    the overview in docs/metrics.md are made from this.
    """

    key: str
    """Column of the results. `{...}` in it stands for a whole number: `coverage_{c}_percent`."""
    name: str
    """What tables call it, without the unit."""
    definition: str
    """One line for a reader."""
    unit: str = ""
    """Printed behind the name, such as "nats/image"; `image` becomes `frame` in tables of video."""
    decimals: int | None = None
    """None: as many as show four digits of the largest value in the table."""
    best: Literal["lowest", "highest"] | None = None
    """Which value is the best and printed in bold; None where there is no better."""
    source: str = ""
    """Paper with its arXiv identifier, and the equation; "" for what is plain."""
    native: bool = False
    """Whether it compares only between decoders of the same measure."""
    constant: bool = False
    """Whether it is the same for every seed, so that a spread says nothing."""
    headline: bool = False
    """Whether it stands among the results of each decoder and in the summary."""
    floor: str | None = None
    """Key of the metric that holds what the data themselves, or a perfect model, would reach."""
    features: str | None = None
    """Name of the feature extractor that it was measured with."""
    protocol: str = ""
    """What was measured, on what: everything that the number depends on but the features."""
    count: bool = False
    """Whether it is a number of images (or the like) that others were measured on."""
    own_section: bool = True
    """False: the report shows it in its table of other measurements."""

    def __post_init__(self) -> None:
        if not (self.key and self.name and self.definition):
            raise ValueError(f"metric {self.key!r} needs a key, a name and a definition")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the columns of the results that hold it; its group is their number."""
        before, _, after = self.key.partition("{")
        number = rf"(\d+){re.escape(after.partition('}')[2])}" if after else ""
        return re.compile(re.escape(before) + number)

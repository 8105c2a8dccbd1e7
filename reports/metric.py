"""What one number of a run is: its column in results.csv, and how it is printed and read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

PLACEHOLDER = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Metric:
    """One number of a run, or several that differ in a number of their own, as layers do.

    Whoever measures it describes it here, once: tables, glossary, the columns of results.csv and
    the overview in docs/metrics.md are made from this.
    """

    key: str
    """Column of results.csv. `{...}` in it stands for a number or a word: `coverage_{c}_percent`.
    The name may repeat it."""
    name: str
    """What tables call it, without the unit."""
    definition: str
    """One line for a reader."""
    unit: str = ""
    """Printed behind the name, such as "nats/image"; `image` becomes `frame` in tables of video.
    "text" if it is no number."""
    decimals: int | None = None
    """None: as many as show four digits of the largest value in the table."""
    best: Literal["lowest", "highest"] | None = None
    """Which value is the best and printed in bold; None where there is no better."""
    source: str = ""
    """Paper with its arXiv identifier, and the equation; "" for what is plain."""
    native: bool = False
    """Whether it compares only between decoders of the same measure."""
    of_mass: bool = False
    """Whether it rests on the probability of the 8-bit image, which some decoders only bound."""
    constant: bool = False
    """Whether it is the same for every seed, so that a spread says nothing."""
    headline: bool = False
    """Whether it stands among the results of each decoder and in the summary."""
    floor: str | None = None
    """Key of the metric that holds what the data themselves, or a perfect model, would reach."""
    images: tuple[str, ...] = ()
    """Keys of the numbers of generated and of test images behind it."""
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

    @classmethod
    def number_of(cls, key: str, name: str, definition: str = "") -> Metric:
        """Return the metric of a number of images (or the like) that others were measured on."""
        return cls(key, name, definition or name, count=True)

    @property
    def label(self) -> str:
        """The name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def heading(self) -> str:
        """The heading in a table; an arrow says what is better."""
        return self.label + {"lowest": " ↓", "highest": " ↑", None: ""}[self.best]

    def of(self, keys: Iterable[str]) -> Iterator[Metric]:
        """Yield the metric of each of these columns that it describes, by number."""
        pattern = re.compile(PLACEHOLDER.sub(r"(\\w+)", self.key))
        matches = [match for key in keys if (match := pattern.fullmatch(key))]
        if not pattern.groups:
            yield from (self for _ in matches[:1])
            return
        for match in sorted(matches, key=lambda each: (len(each[1]), each[1])):
            name = PLACEHOLDER.sub(match[1].lstrip("0") or "0", self.name)
            yield replace(self, key=match[0], name=name)


def described(metrics: Sequence[Metric], keys: Iterable[str]) -> dict[str, list[Metric]]:
    """Return, by the key of each metric, those of these columns; the first that fits takes one.

    A key without a placeholder goes before one with it.
    """
    left = dict.fromkeys(keys)
    columns: dict[str, list[Metric]] = {metric.key: [] for metric in metrics}
    for metric in sorted(metrics, key=lambda each: "{" in each.key):
        columns[metric.key] = list(metric.of(left))
        for each in columns[metric.key]:
            del left[each.key]
    return columns


def overview(metrics: Sequence[Metric]) -> str:
    """Return the Markdown table of all metrics, as docs/metrics.md shows it."""
    lines = ["| column | unit | best | what it is |", "|---|---|---|---|"]
    for metric in metrics:
        within = ", within one measure" if metric.native else ""
        best = f"{metric.best}{within}" if metric.best else "-"
        source = f" ({metric.source})" if metric.source else ""
        cells = (f"`{metric.key}`", metric.unit or "-", best, metric.definition + source)
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)

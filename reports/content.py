"""What a report is made from: a table of runs and, beside it, histories and images.

Nothing here knows where the numbers came from. A content can be typed by hand.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.metric import Metric

Images = npt.NDArray[np.uint8]

REQUIRED = ("run", "data_set", "model", "likelihood", "seed", "status")
"""Columns of the results without which no run can be placed in the report."""

APART = ("data_set", "model", "column_key", "likelihood", "options", "option_{name}", "seed")
"""Columns of the results of which no two runs share all."""
TIMED_ON = "timed_on"
"""Text column of the results: machine and version of the code behind the times of a run; several,
joined by " | ", if it was continued or measured on another."""
PLACE = ("heading", "stands_for", "label", "chosen")
"""Columns of results.csv that say where a report shows a run: under which heading, what the data
stand in for, in the row of which decoder, and whether it is of the value that a sweep chose."""
IDENTIFICATION = (
    *("run", "column", *PLACE, *APART, "learning_rate", "budget", "status", "collapsed", "device"),
    TIMED_ON,
)
"""Columns of the results that say which run it is, and no metric; in the order of results.csv."""

COMMAND = "command"
"""What the command is called among the facts about a report."""
PAPER = "paper"
"""The only budget that may be set beside published numbers."""
SMOKE = "smoke"
"""The budget whose numbers mean nothing."""

LONGEST_NAME = 30
"""Characters of the name of a data set; a longer beginning of a description is none."""
LACKING = "not_measured"
"""Text column of the results: what a finished run lacks; "elbo: not finite; probe: ..."."""


class ReportError(ValueError):
    """A report cannot be written; the message is one line that says why."""


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    """Its loss was not finite."""
    FAILED = "failed"
    """An error stopped it."""
    TOO_LARGE = "too large"
    """It was not tried, since memory is too small."""
    OUT_OF_TIME = "out of time"
    """Its training was stopped, since it took longer than it may."""


@dataclass(frozen=True)
class Column:
    """One column of the comparison: a model on a data set."""

    heading: str
    """As the paper calls it, such as "SVHN VAE"."""
    data_set: str
    """The data set actually used, such as "mnist"; "" when the column was not run."""
    model: str
    """The name of the model, such as "vae"."""
    description: str
    """One sentence on the data actually used; its name stands first, before a colon or comma."""
    stands_for: str | None
    """The data set that `data_set` stands in for, such as "svhn"; None if it is the real one."""
    published: str | None
    """Key into the published numbers, such as "SVHN"; None if there are none."""
    not_run: str | None
    """Why the column was not run; None if it was."""
    may_not_fit: tuple[str, ...] = ()
    """Likelihoods of which it is a result, and not a fault, that they need too much memory."""
    key: str = ""
    """What `column_key` of the results holds of its runs: columns of the same data and model are
    one group if they share it. "" where the results have no such key."""

    @property
    def title(self) -> str:
        """The column by the data actually used, such as "MNIST, in place of SVHN (VAE)"."""
        data, original = self._data, self.stands_for
        if original is None:
            named = (self.data_set.casefold(), data.casefold())
            known = any(name in self.heading.casefold() for name in named)
            return self.heading if known else f"{self.heading} ({data})"
        rest = self.heading
        if rest.casefold().startswith(original.casefold()):
            original, rest = rest[: len(original)], rest[len(original) :].strip(" ,:")
        return f"{data}, in place of {original}" + (f" ({rest})" if rest else "")

    @property
    def _data(self) -> str:
        name = re.split("[:,;.]", self.description)[0].strip()
        return name if 0 < len(name) <= LONGEST_NAME else self.data_set


@dataclass(frozen=True)
class Row:
    """One row of the comparison: a decoder."""

    name: str
    """The name in `likelihood` of the results."""
    label: str
    """What is printed."""
    options: Mapping[str, Any] | None = field(default=None, hash=False)
    """Take only the runs with these options, the swept one left aside; None takes all."""
    sweep: str | None = None
    """The option that was swept, such as "beta"; the row shows its best value (see groups)."""
    note: str | None = None
    """A remark printed under the table."""
    may_diverge: bool = False
    """Whether divergence is a result of this row, and not a fault of the run."""
    given: str | None = None
    """How it was handed over where the suite has no such row, such as "my_decoder.py:Truncated"."""

    def holds(self, likelihood: str, options: Mapping[str, Any]) -> bool:
        """Whether a run of a likelihood with these options belongs to this row."""
        own = {name: value for name, value in options.items() if name != self.sweep}
        return likelihood == self.name and (self.options is None or own == dict(self.options))


@dataclass(frozen=True)
class Content:
    """Everything that one report shows.

    Raises:
        ReportError: the results lack a required column, name a run twice in a column, hold two runs
            of one seed for the same decoder on the same data, a status or options that cannot be
            read, or several budgets; or a metric is described twice, or one of generated images
            lacks its protocol.

    """

    title: str
    results: pd.DataFrame
    """One row a run: what identifies it, and every metric under its key. A run that two columns
    share has a row in each."""
    histories: Mapping[str, pd.DataFrame]
    """Run id -> validation measurements during training: step, seconds, nll_nats, bits_per_dim,
    kl_nats, variance. Values may be NaN."""
    samples: Mapping[str, Images]
    """Run id -> generated images, (n, H, W, C), C 1 or 3."""
    reconstructions: Mapping[str, Images]
    """Run id -> originals and their reconstructions, (2, n, H, W, C)."""
    columns: Sequence[Column]
    rows: Sequence[Row]
    """In the order in which they are printed. Likelihoods of the results that no row names are
    appended to them."""
    about: Mapping[str, str]
    """What was run, one line of plain text each, in order: machine, versions, seeds, time, and the
    command under `COMMAND`."""
    budget: str
    """smoke, quick, paper or the name of a custom one."""
    metrics: Sequence[Metric]
    """Every metric that the results hold, in the order in which it is printed."""
    features: Mapping[str, str] = field(default_factory=dict)
    """Name of a feature extractor -> its protocol (network, resizing, scaling): without it, no
    number measured on its features means anything."""
    order: Sequence[str] = ()
    """Names of likelihoods, whatever the rows: the place of a name says how it is drawn, so that it
    looks the same in every report. Others follow."""
    per_image: Mapping[str, Mapping[str, npt.NDArray[np.floating]]] = field(default_factory=dict)
    """Run id -> key of a metric -> its value for each test image (of video: sequence), (n,), in an
    order that all runs of one evaluation share."""
    metrics_document: str | None = None
    """Link to the definitions of the metrics, relative to the report."""
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    """One row a trial of a learning rate, as in `results`; no trial is a result. `column_key` is
    that of the column whose rates they choose."""
    shared: str = "it is not known whether each run had its machine for itself"
    """Why seconds of training do not compare; "" if each run had its machine for itself."""

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ReportError(problem)


def _problems(content: Content) -> Iterator[str]:
    results = content.results
    missing = [] if results.empty else [name for name in REQUIRED if name not in results]
    if missing:
        yield f"the results lack the column(s) {', '.join(missing)}"
        return
    if not results.empty:
        yield from _ambiguities(results)
        budgets = results.get("budget", pd.Series(dtype=str)).dropna().astype(str)
        if others := sorted(set(budgets) - {content.budget}):
            yield (
                f"the report is on budget {content.budget}, but the results hold runs of "
                f"budget {', '.join(others)}; a report compares runs of one budget"
            )
    for key, count in Counter(metric.key for metric in content.metrics).items():
        if count > 1:
            yield f"{count} metrics describe {key!r}"
    for metric in content.metrics:
        name = metric.features
        if name and not (content.features.get(name, "").strip() and metric.protocol.strip()):
            yield f"the protocol of {metric.key} on {name} features is not stated"
    kinds = {"samples": (content.samples, 4), "reconstructions": (content.reconstructions, 5)}
    for kind, (images, dimensions) in kinds.items():
        for run, array in images.items():
            if array.dtype != np.uint8 or array.ndim != dimensions or array.shape[-1] not in (1, 3):
                yield (
                    f"the {kind} of run {run} are {array.dtype} of shape {array.shape}; uint8 of "
                    f"{dimensions} dimensions, the last of length 1 or 3, are needed"
                )


def _ambiguities(results: pd.DataFrame) -> Iterator[str]:
    statuses = list(map(str, Status))
    for run, status in zip(results["run"], results["status"], strict=True):
        if status not in statuses:
            yield f"run {run} has the status {status!r}; a run is {', '.join(statuses)}"
    place = [name for name in ("run", "column_key") if name in results]
    twice = results["run"][results[place].duplicated()]
    if len(twice):
        yield f"the results name run {twice.iloc[0]} twice"
    what = [name for name in results if name in APART or str(name).startswith("option_")]
    same = results[results[what].astype(str).duplicated(keep=False)]  # options may be lists
    if len(same):
        yield (
            f"runs {same['run'].iloc[0]} and {same['run'].iloc[1]} share data set, model, "
            "likelihood, options and seed; a report takes one of them"
        )
    try:
        run_options(results)
    except ValueError as error:
        yield f"the options of a run are not a JSON object: {error}"


def run_options(runs: pd.DataFrame) -> pd.Series[Any]:
    """Return the options of each run, a dict."""
    options = runs.get("options", pd.Series("{}", index=runs.index)).fillna("{}").map(json.loads)
    for each in options:
        if not isinstance(each, dict):
            raise ValueError(json.dumps(each))
    return options

"""One likelihood against others, from stored runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import likelihoods
import reports
from bench.errors import UsageError
from bench.publishing.content import content
from bench.store import Store
from bench.suite.spec import as_file_name

Command = Callable[[reports.Row, int], str]
"""Words the command that runs a decoder with the seeds 0 to n - 1."""
FILE = re.compile(r"^[^(]*\.py:")
"""Of FILE.py:Class the stored runs know the class alone."""


def compare(
    store: Store, new: str, against: Sequence[str], output: Path | None
) -> tuple[str, Path]:
    """Write a comparison; returns its summary and the path of its README.

    Args:
        store: holds the runs.
        new: a name, name(option=value), FILE.py:Class, or a label of the report.
        against: patterns of names; none takes all others.
        output: where it goes; None: beside the report.

    Raises:
        UsageError: a likelihood that there is but that was not run here.
        reports.ReportError: a likelihood that there is not.
    """
    name = FILE.sub("", new)
    output = output or store.report_folder / f"compare-{as_file_name(name)}"
    everything = content(store, output)
    command = command_for(store.read_plan() or {}, store.root)
    _check_run(everything, (name, *against), command)
    made = reports.compare(everything, name, against, command)
    return made.summary, reports.write_comparison(made, output)


def _check_run(everything: reports.Content, names: Sequence[str], command: Command) -> None:
    """Of a likelihood that there is but that was not run here, name the command that does it."""
    run = {row.name for row in everything.rows} | set(everything.results.get("likelihood", ()))
    for name in names:
        if name in likelihoods.names() and name not in run:
            seeds = 1 + int(everything.results["seed"].max())
            row = reports.Row(name, name, given=name)
            raise UsageError(f"{name} was not run here: `{command(row, seeds)}` does it")


def command_for(plan: Mapping[str, Any], results: Path) -> Command:
    """Return the function that words the command which adds runs to stored ones.

    It repeats suite and data sets of the command that made these: with others, the plan would be
    another one, and the report would forget the runs that are there.
    """
    asked = plan.get("asked") or {"suite": plan["suite"], "data_sets": []}

    def command(row: reports.Row, seeds: int) -> str:
        words = ["--suite", asked["suite"], "--budget", plan["budget"]]
        if asked["data_sets"]:
            words += ["--datasets", *asked["data_sets"]]
        words += asked.get("own", [])
        # One of a file is added to a suite; its name keeps out what else the suite has.
        words += ["--likelihoods", *dict.fromkeys([row.name, row.given or row.name])]
        words += ["--seeds", str(seeds)]
        if results != Path("results"):
            words += ["--results", str(results)]
        return f"python -m bench run {shlex.join(words)}"

    return command

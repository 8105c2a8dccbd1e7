"""`bench compare`: one likelihood against others, from stored runs."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import likelihoods
import reports
from bench import cli, publish
from bench.errors import UsageError
from bench.store import Store

Command = Callable[[reports.Row, int], str]
"""Words the command that runs a decoder with the seeds 0 to n - 1."""
FILE = re.compile(r"^[^(]*\.py:")
"""Of FILE.py:Class the stored runs know the class alone."""


def compare(options: argparse.Namespace) -> int:
    """Write the comparison; prints its summary, then the path of its README."""
    store, new = Store.existing(options.results), FILE.sub("", options.new)
    output = options.output or store.report_folder / f"compare-{_safe(new)}"
    content = publish.content(store, output)
    command = command_for(store.read_plan() or {}, options.results)
    _check_run(content, (new, *options.against), command)
    made = reports.compare(content, new, options.against, command)
    readme = reports.write_comparison(made, output)
    print(made.summary)
    print(readme)
    return 0


def _check_run(content: reports.Content, wanted: Sequence[str], command: Command) -> None:
    """Of a likelihood that there is but that was not run here, name the command that does it.

    Raises:
        UsageError: one of those wanted was not run.
    """
    named = {row.name for row in content.rows} | set(content.results.get("likelihood", ()))
    for name in wanted:
        if name in likelihoods.names() and name not in named:
            seeds = 1 + int(content.results["seed"].max())
            row = reports.Row(name, name, given=name)
            raise UsageError(f"{name} was not run here: `{command(row, seeds)}` does it")


def command_for(plan: Mapping[str, Any], results: Path) -> Command:
    """Return the function that words the command which adds runs to stored ones.

    It repeats suite and data sets of the command that made these: with others, the plan would be
    another one, and the report would forget the runs that are there.
    """
    suite, data_sets = _chosen(plan)

    def command(row: reports.Row, seeds: int) -> str:
        words = ["python", "-m", "bench", "run", "--suite", suite, "--budget", plan["budget"]]
        if data_sets:
            words += ["--datasets", *data_sets]
        words += ["--likelihood", row.given] if row.given else []
        words += ["--likelihoods", row.name]
        words += ["--seeds", str(seeds)]
        if results != Path("results"):
            words += ["--results", str(results)]
        return shlex.join(words)

    return command


def _chosen(plan: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the suite and the data sets of the command that made a plan, as they were given."""
    try:
        made = cli.parser().parse_args(shlex.split(plan.get("command") or "")[3:])
        return made.suite, made.datasets
    except (UsageError, ValueError, AttributeError):
        data_sets = [column["data_set"] for column in plan["columns"] if column["data_set"]]
        return plan["suite"], list(dict.fromkeys(data_sets))


def _safe(name: str) -> str:
    """Return a name as one part of a path."""
    return "".join(c if c.isalnum() or c in "-_=." else "_" for c in name)

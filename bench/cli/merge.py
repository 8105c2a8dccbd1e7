"""`bench merge`: results folders of several machines into one."""

from __future__ import annotations

import argparse
import shlex

from bench.cli.arguments.paths import path
from bench.progress import say

HELP = "bring results folders of several machines into one, and write its report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is brought together, and where."""
    add = parser.add_argument
    add("folders", nargs="+", type=path, metavar="FOLDER", help="results; they stay as they are")
    add("--results", required=True, type=path, metavar="DIR", help="new, or holding results too")


def execute(options: argparse.Namespace) -> int:
    """Check that nothing contradicts, copy, and write the report; print the path of its README."""
    from bench.publishing import publish, unite
    from bench.store import Store
    from bench.store.union import check, gather

    given = {folder.resolve(): Store.existing(folder) for folder in options.folders}
    target = Store.readable(options.results)
    sources = [store for path, store in given.items() if path != options.results.resolve()]
    planned = [target] if target.read_plan() else []
    plan = unite([*planned, *sources])
    check([target, *sources])
    Store.open(options.results)
    for source in sources:
        say(gather(source, target))
    command = shlex.join(["python", "-m", "bench", *options.words])
    target.write_plan(plan | {"command": command, "wall_seconds": None})
    print(publish(target, target.report_folder))
    return 0

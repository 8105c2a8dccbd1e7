"""`bench recommend`: which decoder stored results recommend, by kind of data and goal."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.errors import UsageError

HELP = "which decoder stored results recommend, by kind of data and goal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the results are, and where their reports are."""
    parser.add_argument(
        "--results",
        nargs="+",
        type=Path,
        default=[Path("results")],
        metavar="DIR",
        help="folders of results; for a kind of data speaks the first that ran it",
    )
    parser.add_argument(
        "--report",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folders of the reports that the evidence links to, as many as of results; default: "
        "report/ in each of the results",
    )


def execute(options: argparse.Namespace) -> int:
    """Print the table, in Markdown."""
    from bench.publishing import recommend
    from bench.store import Store
    from reports.printing.words import plural

    stores = [Store.existing(each) for each in options.results]
    places = options.report or [store.report_folder for store in stores]
    if len(places) != len(stores):
        given = f"--report names {plural(len(places), 'folder')}"
        raise UsageError(f"{given} for {plural(len(stores), 'folder')} of results; as many are due")
    print(recommend(dict(zip(places, stores, strict=True))))
    return 0

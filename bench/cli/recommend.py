"""`bench recommend`: which decoder stored results recommend, by kind of data and goal."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "which decoder stored results recommend, by kind of data and goal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the results are, and where their report is."""
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="folder of the report that the evidence links to; default: report/ in the results",
    )


def execute(options: argparse.Namespace) -> int:
    """Print the table, in Markdown."""
    from bench.publishing import recommend
    from bench.store import Store

    store = Store.existing(options.results)
    print(recommend(store, options.report or store.report_folder))
    return 0

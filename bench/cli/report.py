"""`bench report`: write the report again from stored results."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.arguments.paths import path

HELP = "write the report again from stored results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the results are, and where the report goes."""
    parser.add_argument("--results", type=path, default=Path("results"), metavar="DIR")
    parser.add_argument(
        "--output", type=path, metavar="DIR", help="default: report/ in the results"
    )


def execute(options: argparse.Namespace) -> int:
    """Write the report, and print the path of its README."""
    from bench.publishing import publish
    from bench.store import Store

    store = Store.existing(options.results)
    print(publish(store, options.output or store.report_folder))
    return 0

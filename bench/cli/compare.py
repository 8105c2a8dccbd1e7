"""`bench compare`: one likelihood against others, from stored runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.cli.arguments import names
from bench.cli.arguments.paths import path

HELP = "one likelihood against others, from stored runs"
OTHERS = "only likelihoods whose name matches; default: all others"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which likelihood, and against which."""
    parser.add_argument(
        "new",
        metavar="NEW",
        help="its name, name(option=value), FILE.py:Class, or label in the report",
    )
    parser.add_argument("others", nargs="*", action=names.Words, metavar="OTHER", help=OTHERS)
    parser.add_argument(
        "--against",
        nargs="+",
        action=names.Words,
        default=[],
        metavar="PATTERN",
        help=OTHERS,
    )
    parser.add_argument("--results", type=path, default=Path("results"), metavar="DIR")
    parser.add_argument(
        "--output", type=path, metavar="DIR", help="default: report/compare-NEW/ in the results"
    )


def execute(options: argparse.Namespace) -> int:
    """Write the comparison; print its summary, then the path of its README."""
    from bench.publishing import compare
    from bench.store import Store

    store = Store.existing(options.results)
    summary, readme = compare(
        store, options.new, [*options.others, *options.against], options.output
    )
    print(summary)
    print(readme)
    return 0

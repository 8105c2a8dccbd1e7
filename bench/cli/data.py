"""`bench data`: show or fetch data sets."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.cli.arguments import names
from bench.cli.list import table

HELP = "show or fetch data sets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Show, or fetch which."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("status", help="what is here, how large, from where")
    fetch = actions.add_parser("fetch", help="fetch data sets")
    fetch.add_argument(
        "names", nargs="+", action=names.Words, kind="data set", default=[], metavar="NAME"
    )


def execute(options: argparse.Namespace) -> int:
    """Show or fetch."""
    return _status() if options.action == "status" else _fetch(options.names)


def _status() -> int:
    import datasets

    rows = []
    for status in map(datasets.status, datasets.names()):
        arrived = f"no, {status.arrived / 1e6:.0f} MB of it" if status.arrived else "no"
        rows.append(
            {
                "name": status.name,
                "here": "yes" if status.present else arrived,
                "MB": f"{status.bytes / 1e6:.1f}",
                "shape": "x".join(map(str, status.shape)),
                "train": status.train,
                "validation": status.validation,
                "test": status.test,
                "source": status.source,
                "folder": status.path,
            }
        )
    print(table(rows))
    return 0


def _fetch(names: Sequence[str]) -> int:
    import datasets

    for name in names:
        datasets.fetch(name)
        print(f"{name}: {datasets.load(name).source}")
    return 0

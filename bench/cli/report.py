"""`bench report`: write the report again from stored results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench.cli.arguments import names
from bench.cli.arguments.paths import path
from bench.errors import require

HELP = "write the report again from stored results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the results are, where the report goes, and what is written beside it."""
    add = parser.add_argument
    add("--results", type=path, default=Path("results"), metavar="DIR")
    add("--output", type=path, metavar="DIR", help="default: report/ in the results")
    several: dict[str, Any] = {"nargs": "+", "action": names.Words, "default": []}
    add(
        "--format",
        kind="format of tables",
        metavar="NAME",
        help="tables also as latex (tables/NAME.tex) or parquet (beside each CSV)",
        **several,
    )
    add(
        "--figures",
        kind="format of figures",
        metavar="NAME",
        help="figures also as pdf or svg, beside PNG",
        **several,
    )
    add("--per-image", action="store_true", help="also per_image.csv: values of each test image")


def check(options: argparse.Namespace) -> None:
    """Look for the package that Parquet needs.

    Raises:
        UsageError: it is not installed.
    """
    if "parquet" in options.format:
        require("pyarrow", "--format parquet", "parquet")


def execute(options: argparse.Namespace) -> int:
    """Write the report, and print the path of its README."""
    import reports
    from bench.publishing import publish
    from bench.store import Store

    store = Store.existing(options.results)
    also = reports.Also(
        latex="latex" in options.format,
        parquet="parquet" in options.format,
        per_image=options.per_image,
        figures=tuple(dict.fromkeys(options.figures)),
    )
    print(publish(store, options.output or store.report_folder, also))
    return 0

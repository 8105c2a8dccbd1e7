"""`bench list`: what there is, one a line; of likelihoods what there is to know of each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.errors import UsageError

HELP = "list what there is, one a line"
SHAPE = (3, 32, 32)
"""The image for which likelihoods are listed: outputs are those for each of its channels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is listed."""
    parser.add_argument("kind", choices=["likelihoods", "datasets", "models", "suites"])
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE.py:Class",
        help="likelihoods in files of your own, to be listed too",
    )


def execute(options: argparse.Namespace) -> int:
    """Print the list."""
    import datasets
    from bench import models, suite

    if options.kind == "likelihoods":
        print(_likelihoods(options.files))
        return 0
    if options.files:
        raise UsageError(f"`list {options.kind}` takes nothing more, not {options.files[0]!r}")
    names = {"datasets": datasets.names, "models": models.names, "suites": suite.names}
    print("\n".join(names[options.kind]()))
    return 0


def _likelihoods(files: Sequence[str]) -> str:
    """One row a likelihood: those that are registered, then those of files."""
    from tabulate import tabulate

    import likelihoods
    from bench.suite.rows import made

    rows = []
    for text in dict.fromkeys([*likelihoods.names(), *files]):
        resolved = likelihoods.resolve(text)
        likelihood = made(resolved.name, SHAPE, resolved.options)
        options = ", ".join(f"{option}={value!r}" for option, value in likelihood.options.items())
        rows.append(
            {
                "name": resolved.label,
                "family": likelihood.family,
                "measure": likelihood.measure,
                "outputs": f"{likelihood.output_channels / SHAPE[0]:g}",
                "parameters": sum(parameter.numel() for parameter in likelihood.parameters()),
                "options": options or "none",
                "reference": likelihood.reference or "none given",
            }
        )
    return str(tabulate(rows, "keys", tablefmt="simple"))

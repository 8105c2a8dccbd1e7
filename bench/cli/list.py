"""`bench list`: what there is, one a line; of likelihoods what there is to know of each."""

from __future__ import annotations

import argparse
import fnmatch
import inspect
import json
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import CHECKOUT
from bench.cli.arguments import names
from bench.errors import UsageError, unknown

HELP = "list what there is, one a line"
SHAPE = (3, 32, 32)
"""The image for which likelihoods are listed: outputs are those for each of its channels."""

Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is listed."""
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument(
        "patterns",
        nargs="*",
        action=names.Words,
        metavar="PATTERN|FILE.py:Class",
        help="only names that match, e.g. 'optimal*'; of likelihoods also those in files of yours",
    )
    parser.add_argument("--json", action="store_true", help="everything that is known of each")


def is_light(options: argparse.Namespace) -> bool:
    """Whether nothing that takes long to import is needed."""
    return bool(options.kind == "suites")


def execute(options: argparse.Namespace) -> int:
    """Print the list."""
    files = [each for each in options.patterns if ":" in each or each.endswith(".py")]
    if files and options.kind != "likelihoods":
        raise UsageError(f"`list {options.kind}` takes patterns of names, not {files[0]!r}")
    listed, of = KINDS[options.kind]
    patterns = [each for each in options.patterns if each not in files]
    rows = [of(name) for name in [*_matching(listed(), patterns, options.kind), *files]]
    print(json.dumps(rows, indent=2) if options.json else table(rows))
    return 0


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a row, cut at the edge of a terminal."""
    from tabulate import tabulate

    text = str(tabulate(rows, "keys", tablefmt="simple"))
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    lines = text.splitlines()
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in lines)


def _matching(every: Sequence[str], patterns: Sequence[str], kind: str) -> list[str]:
    for pattern in patterns:
        if not fnmatch.filter(every, pattern.lower()):
            raise unknown(kind.removesuffix("s"), pattern, every)
    wanted = [pattern.lower() for pattern in patterns or ["*"]]
    return [name for name in every if any(fnmatch.fnmatch(name, each) for each in wanted)]


def _suites() -> list[str]:
    return names.names("suite")


def _suite(name: str) -> Row:
    path = CHECKOUT / "bench" / "suites" / f"{name}.toml"
    return {"name": name, "title": tomllib.loads(path.read_text(encoding="utf-8")).get("title", "")}


def _data_sets() -> list[str]:
    import datasets

    return datasets.names()


def _data_set(name: str) -> Row:
    import datasets

    status = datasets.status(name)
    shape = "x".join(map(str, status.shape))
    here = "yes" if status.present else "no"
    return {"name": name, "shape": shape, "here": here, "description": status.description}


def _models() -> list[str]:
    from bench import models

    return models.names()


def _model(name: str) -> Row:
    from bench import models

    return {"name": name, "description": _first_line(models.get(name))}


def _likelihoods() -> list[str]:
    import likelihoods

    return likelihoods.names()


def _likelihood(text: str) -> Row:
    import likelihoods
    from bench.suite.rows import made

    resolved = likelihoods.resolve(text)
    likelihood = made(resolved.name, SHAPE, resolved.options)
    options = ", ".join(f"{option}={value!r}" for option, value in likelihood.options.items())
    return {
        "name": resolved.label,
        "outputs": f"{likelihood.output_channels / SHAPE[0]:g}",
        "measure": likelihood.measure,
        "description": _first_line(type(likelihood)),
        "family": likelihood.family,
        "parameters": sum(parameter.numel() for parameter in likelihood.parameters()),
        "options": options or "none",
        "reference": likelihood.reference or "none given",
    }


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "none given").partition("\n")[0]


KINDS: dict[str, tuple[Callable[[], list[str]], Callable[[str], Row]]] = {
    "likelihoods": (_likelihoods, _likelihood),
    "datasets": (_data_sets, _data_set),
    "models": (_models, _model),
    "suites": (_suites, _suite),
}
"""What can be listed: all names, and what is known of one."""

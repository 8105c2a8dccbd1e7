"""Parse, dispatch, and turn every foreseeable error into one line and an exit status.

Exit status: 0 done; 1 some run failed, or diverged where the suite does not expect it; 2 wrong
usage or bad input, told in one line; 130 interrupted. Results go to stdout, progress and talk to
stderr.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bench import CHECKOUT, interrupts
from bench.cli import check, compare, data, merge, new, recommend, report, run
from bench.cli import list as listing
from bench.errors import UsageError

COMMANDS = {
    module.__name__.rpartition(".")[2]: module
    for module in (run, report, recommend, merge, compare, check, listing, new, data)
}


class _Parser(argparse.ArgumentParser):
    """argparse, but a mistake costs one line and not a screen."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="python -m bench",
        description="Which decoder likelihood should a VAE use? Train them all under one budget, "
        "measure them in one unit, and write a report.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.HELP))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with interrupts.listening():
            options = parser().parse_args(words)
            _check_neighbours()
            options.words = words
            return _carry_out(options)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        command = shlex.join(["python", "-m", "bench", *words])
        print(f"interrupted; this goes on from here: {command}", file=sys.stderr)
        return interrupts.STATUS
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stdout = None
        return 1


def _carry_out(options: argparse.Namespace) -> int:
    _import_all()
    import datasets
    import likelihoods
    import reports

    try:
        status: int = COMMANDS[options.command].execute(options)
        return status
    except (datasets.DataError, likelihoods.LikelihoodError, reports.ReportError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UsageError(f"{where}{error.strerror or error}") from error


def _import_all() -> None:
    """Import everything behind the commands, which takes seconds.

    Raises:
        UsageError: a package is missing, or a file that somebody added cannot be imported.
    """
    try:
        importlib.import_module("bench.execution.schedule")
        importlib.import_module("bench.publishing")
    except (ImportError, SyntaxError, ValueError) as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise UsageError(f"{_culprit(error)}{type(error).__name__}: {text}") from error


def _culprit(error: BaseException) -> str:
    """The file of this project in which an import failed, last of all."""
    lines = traceback.extract_tb(error.__traceback__)
    files = [Path(line.filename) for line in lines if CHECKOUT in Path(line.filename).parents]
    own = [f"{path.relative_to(CHECKOUT)} cannot be imported: " for path in files]
    return own[-1] if own else ""


def _check_neighbours() -> None:
    """Fail clearly if another package called `datasets` (a popular one) hides ours."""
    for name in ("likelihoods", "datasets", "reports"):
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or CHECKOUT not in origin.parents:
            raise UsageError(
                f"package {name!r} is {origin or 'not found'} and not this project's: "
                f"run from the checkout, {CHECKOUT}"
            )

"""The command line. Results go to stdout, progress and talk to stderr.

Exit status: 0 done; 1 some run failed, or diverged where the suite does not expect it; 2 wrong
usage or bad input, told in one line; 130 interrupted. Nothing heavy is imported before the
arguments are known to be well-formed, so `--help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import NoReturn

from bench import CHECKOUT
from bench.errors import UsageError

NEIGHBOURS = ("likelihoods", "datasets", "reports")

INTERRUPTED = 130


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

    run = commands.add_parser("run", help="run a suite and write its report")
    run.add_argument("--suite", required=True, metavar="NAME|FILE.toml", help="what to compare")
    run.add_argument(
        "--budget",
        help="size of the experiment, e.g. smoke, quick or paper; "
        "default: paper with a GPU, quick without",
    )
    run.add_argument(
        "--datasets", nargs="+", default=[], metavar="NAME", help="only these data sets"
    )
    run.add_argument(
        "--likelihoods",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="only likelihoods whose name matches, e.g. 'optimal*'",
    )
    run.add_argument(
        "--likelihood",
        action="append",
        default=[],
        metavar="FILE.py:Class|NAME",
        help="one more likelihood, such as 'my_decoder.py:Truncated(scale=2)'; repeatable",
    )
    run.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1; default: the budget's")
    run.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    run.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="runs at a time; default: one a core on the CPU, one on a GPU",
    )
    run.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where runs and report go, and are found again; default: results",
    )
    run.add_argument("--dry-run", action="store_true", help="print the plan and the expected time")

    report = commands.add_parser("report", help="write the report again from stored results")
    report.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    report.add_argument(
        "--output", type=Path, metavar="DIR", help="default: report/ in the results"
    )

    compare = commands.add_parser("compare", help="one likelihood against others, from stored runs")
    compare.add_argument(
        "new",
        metavar="NEW",
        help="its name, name(option=value), FILE.py:Class, or label in the report",
    )
    compare.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="only likelihoods whose name matches; default: all others",
    )
    compare.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    compare.add_argument(
        "--output", type=Path, metavar="DIR", help="default: report/compare-NEW/ in the results"
    )

    check = commands.add_parser(
        "check", help="check that a likelihood satisfies the contract, property by property"
    )
    check.add_argument(
        "likelihood",
        metavar="NAME|FILE.py:Class",
        help="a registered one or your own, with options as in 'my_decoder.py:Mine(scale=2)'",
    )

    listing = commands.add_parser("list", help="list what there is, one a line")
    listing.add_argument("what", choices=["likelihoods", "datasets", "models", "suites"])
    listing.add_argument(
        "given",
        nargs="*",
        metavar="FILE.py:Class",
        help="likelihoods in files of your own, to be listed too",
    )

    new = commands.add_parser("new", help="write a likelihood of your own to start from")
    new.add_argument(
        "name",
        metavar="NAME",
        help="of the file NAME.py to be written, such as my_decoder or ../my_decoder",
    )

    data = commands.add_parser("data", help="show or fetch data sets")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("status", help="what is here, how large, from where")
    fetch = actions.add_parser("fetch", help="fetch data sets")
    fetch.add_argument("names", nargs="+", metavar="NAME")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, dispatch, and turn every foreseeable error into one line and an exit status."""
    signal.signal(signal.SIGTERM, _terminated)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser().parse_args(given)
        _check_neighbours()
        status: int = _commands().dispatch(options, given)
        return status
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stdout = None
        return 1


def _commands() -> ModuleType:
    """Everything behind the command line, which takes seconds to import."""
    try:
        return importlib.import_module("bench.commands")
    except (ImportError, SyntaxError, ValueError) as error:
        # A package is missing, or a file that somebody added cannot be imported.
        text = str(error).splitlines()[0] if str(error) else ""
        raise UsageError(f"{_culprit(error)}{type(error).__name__}: {text}") from error


def _culprit(error: BaseException) -> str:
    """The file of this project in which an import failed, last of all."""
    lines = traceback.extract_tb(error.__traceback__)
    files = [Path(each.filename) for each in lines if CHECKOUT in Path(each.filename).parents]
    own = [f"{path.relative_to(CHECKOUT)} cannot be imported: " for path in files]
    return own[-1] if own else ""


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _check_neighbours() -> None:
    """Fail clearly if another package called `datasets` (a popular one) hides ours."""
    for name in NEIGHBOURS:
        found = importlib.util.find_spec(name)
        origin = Path(found.origin).resolve() if found and found.origin else None
        if origin is None or CHECKOUT not in origin.parents:
            raise UsageError(
                f"package {name!r} is {origin or 'not found'} and not this project's: "
                f"run from the checkout, {CHECKOUT}"
            )

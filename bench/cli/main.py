"""Parse, dispatch, and turn every foreseeable error into one line and an exit status.

Exit status: 0 done; 1 some run failed, or diverged where the suite does not expect it; 2 wrong
usage or bad input, told in one line; 130 interrupted. Results go to stdout, progress and talk to
stderr.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
import tomllib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from bench import CHECKOUT, interrupts
from bench.cli import check, compare, data, merge, new, recommend, report, run
from bench.cli import list as listing
from bench.errors import UsageError, unknown

COMMANDS = {
    module.__name__.rpartition(".")[2]: module
    for module in (run, report, recommend, merge, compare, check, listing, new, data)
}


class _Parser(argparse.ArgumentParser):
    """argparse, but a mistake costs one line and not a screen, and names what was meant."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise unknown(action.dest, str(value), map(str, action.choices))

    def everything(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words, options between those without one too; none may be left over."""
        if any(action.nargs == argparse.PARSER for action in self._actions):
            options, left = self.parse_known_args(words)
        else:
            options, left = self.parse_known_intermixed_args(words)
        for word in left:
            if not word.startswith("-"):
                raise UsageError(f"`{self.prog}` takes nothing more, not {word!r}")
            shown = [each for each in self._actions if each.help != argparse.SUPPRESS]
            known = (name for each in shown for name in each.option_strings if "--" in name)
            raise unknown("option", word.partition("=")[0], known)
        return options


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
        print(f"likelihood-bench {tomllib.loads(text)['project']['version']}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    return _parsers()[0]


def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    """The whole command line, and that of each command."""
    top = _Parser(
        prog="python -m bench",
        description="Which decoder likelihood should a VAE use? Train them all under one budget, "
        "measure them in one unit, and write a report.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.HELP))
    return top, commands.choices


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """What the words say; no command is `None`."""
    top, of_commands = _parsers()
    if "_ARGCOMPLETE" in os.environ:  # set by a shell that asks how a line may go on
        import argcomplete

        argcomplete.autocomplete(top)
    if not words or words[0] not in of_commands:
        options = top.everything(words)
        top.print_help()
        return options
    options = of_commands[words[0]].everything(words[1:])
    options.command = words[0]
    options.words = list(words)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with interrupts.listening():
            status = _status(words)
            sys.stdout.flush()
            return status
    except UsageError as error:
        print(f"error: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        command = shlex.join(["python", "-m", "bench", *words])
        print(f"interrupted; this goes on from here: {command}", file=sys.stderr)
        return interrupts.STATUS
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _status(words: Sequence[str]) -> int:
    try:
        options = _parsed(words)
    except SystemExit:  # after --help or --version
        return 0
    return _carry_out(options) if options.command else 0


def _one_line(message: str) -> str:
    """A message whose names, whatever they hold, neither break the line nor steer the terminal."""
    line = " ".join(part.strip() for part in message.splitlines())
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)


def _carry_out(options: argparse.Namespace) -> int:
    _check_neighbours()
    command = COMMANDS[options.command]
    getattr(command, "check", lambda _: None)(options)
    is_light = getattr(command, "is_light", lambda _: False)(options)
    foreseen = () if is_light else _import_all()
    try:
        status: int = command.execute(options)
        return status
    except foreseen as error:
        raise UsageError(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UsageError(f"{where}{error.strerror or error}") from error


def _import_all() -> tuple[type[Exception], ...]:
    """Import everything behind the commands, which takes seconds; returns its errors of bad input.

    Raises:
        UsageError: a package is missing, or a file that somebody added cannot be imported.
    """
    try:
        importlib.import_module("bench.execution.schedule")
        importlib.import_module("bench.publishing")
        import datasets
        import likelihoods
        import reports
    except (ImportError, SyntaxError, ValueError) as error:
        text = str(error).splitlines()[0] if str(error) else ""
        raise UsageError(f"{_culprit(error)}{type(error).__name__}: {text}") from error
    return datasets.DataError, likelihoods.LikelihoodError, reports.ReportError


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

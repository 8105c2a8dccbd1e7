"""`bench new`: a likelihood, or a model, of one's own to start from."""

from __future__ import annotations

import argparse
import keyword
import os
from pathlib import Path

from bench.errors import UsageError

HELP = "write a likelihood, or a model, of your own to start from"
TEMPLATES = Path(__file__).parent / "templates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file to write."""
    parser.add_argument(
        "name",
        metavar="NAME",
        help="of the file NAME.py to be written, such as my_decoder or ../my_decoder",
    )
    parser.add_argument("--model", action="store_true", help="a model (a network), no likelihood")


def is_light(_: argparse.Namespace) -> bool:
    """Nothing that takes long to import is needed."""
    return True


def execute(options: argparse.Namespace) -> int:
    """Write NAME.py, NAME with or without a folder, and print the commands to go on with.

    Raises:
        UsageError: not a name of Python, or the file is there already.
    """
    path = Path(os.path.expanduser(f"{options.name.removesuffix('.py')}.py"))
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise UsageError(
            f"{path.stem!r} is not a name: letters, digits and underscores, such as my_decoder"
        )
    cls = "".join(part[:1].upper() + part[1:] for part in path.stem.split("_")) or "Decoder"
    kind = "model" if options.model else "likelihood"
    option = kind if options.model else "likelihoods"
    text = (TEMPLATES / f"{kind}.py").read_text(encoding="utf-8")
    text = text.replace("FILE", str(path)).replace("Template", cls)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: choose another name") from None
    print(
        f"{path} is written: a {kind} that works, to be changed. Next:\n"
        f"python -m bench check {path}:{cls}\n"
        f"python -m bench run --suite paper --budget smoke --{option} {path}:{cls}"
    )
    return 0

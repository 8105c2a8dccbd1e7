"""A likelihood to start from: what `bench new` writes."""

from __future__ import annotations

import keyword
from pathlib import Path

from bench.errors import UsageError

SOURCE = Path(__file__).parent / "templates" / "likelihood.py"


def write(name: str) -> str:
    """Write NAME.py into the working folder; returns the commands to go on with.

    Raises:
        UsageError: not a name of Python, or the file is there already.
    """
    stem = name.removesuffix(".py")
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise UsageError(
            f"{name!r} is not a name: letters, digits and underscores, such as my_decoder"
        )
    file = f"{stem}.py"
    cls = "".join(part[:1].upper() + part[1:] for part in stem.split("_")) or "Decoder"
    text = SOURCE.read_text(encoding="utf-8").replace("FILE", file).replace("Template", cls)
    try:
        with Path(file).open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there already: choose another name") from None
    return (
        f"{file} is written: a likelihood that works, to be changed. Next:\n"
        f"python -m bench check {file}:{cls}\n"
        f"python -m bench run --suite paper --budget smoke --likelihood {file}:{cls}"
    )

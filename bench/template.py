"""A likelihood to start from: what `bench new` writes."""

from __future__ import annotations

import keyword
from pathlib import Path

from bench.errors import UsageError

SOURCE = Path(__file__).parent / "templates" / "likelihood.py"


def write(name: str) -> str:
    """Write NAME.py, NAME with or without a folder; returns the commands to go on with.

    Raises:
        UsageError: not a name of Python, or the file is there already.
    """
    path = Path(f"{name.removesuffix('.py')}.py").expanduser()
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise UsageError(
            f"{path.stem!r} is not a name: letters, digits and underscores, such as my_decoder"
        )
    cls = "".join(part[:1].upper() + part[1:] for part in path.stem.split("_")) or "Decoder"
    text = SOURCE.read_text(encoding="utf-8").replace("FILE", str(path)).replace("Template", cls)
    try:
        with path.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: choose another name") from None
    return (
        f"{path} is written: a likelihood that works, to be changed. Next:\n"
        f"python -m bench check {path}:{cls}\n"
        f"python -m bench run --suite paper --budget smoke --likelihood {path}:{cls}"
    )

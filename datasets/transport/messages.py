"""What is written to stderr while data arrive."""

from __future__ import annotations

import sys
from typing import NoReturn

from tqdm import tqdm


def say(message: str) -> None:
    """Write one line to stderr without tearing a progress bar."""
    tqdm.write(message, file=sys.stderr)


def bar(name: str, progress: bool | None) -> tqdm[NoReturn]:
    """Make a progress bar that counts bytes, shown as `Source.fetch` says."""
    return tqdm(
        desc=name,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=None if progress is None else not progress,
    )


def megabytes(count: int) -> str:
    """Write a number of bytes as whole megabytes, without the unit."""
    return f"{count / 1e6:.0f}"

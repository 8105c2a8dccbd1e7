"""What is said on stderr while data arrive."""

from __future__ import annotations

import sys
from typing import NoReturn

from tqdm import tqdm


def say(message: str) -> None:
    """Print one line on stderr without tearing a progress bar."""
    tqdm.write(message, file=sys.stderr)


def bar(
    name: str, progress: bool | None, total: int | None = None, done: int = 0
) -> tqdm[NoReturn]:
    """Make a bar that counts bytes, shown as `Source.fetch` says."""
    return tqdm(
        total=total,
        initial=done,
        desc=name,
        unit="B",
        unit_scale=True,
        leave=False,
        disable=None if progress is None else not progress,
    )

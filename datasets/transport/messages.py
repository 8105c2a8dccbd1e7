"""What is written to stderr while data arrive."""

import sys

from tqdm import tqdm


def say(message: str) -> None:
    """Write one line to stderr without tearing a progress bar."""
    tqdm.write(message, file=sys.stderr)


def megabytes(count: int) -> str:
    """Write a number of bytes as whole megabytes, without the unit."""
    return f"{count / 1e6:.0f}"

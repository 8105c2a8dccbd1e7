"""The errors that a user can cause, and how they are worded."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


class UsageError(ValueError):
    """Bad input. The message is one line: the wrong value, what is allowed, the nearest match."""


class DiskError(UsageError):
    """A file of the results cannot be written: no fault of a run, and the end of the command."""

    @classmethod
    def of(cls, path: Path, size: int, error: OSError) -> DiskError:
        """The error of a file of `size` bytes, with the disk that it would be on."""
        disk = next((each for each in path.absolute().parents if os.path.ismount(each)), path)
        free = shutil.disk_usage(disk).free / 1e6
        return cls(
            f"{str(path)!r} ({size / 1e6:.1f} MB) cannot be written: {error.strerror or error} "
            f"(the disk at {str(disk)!r} has {free:.1f} MB free); what was stored before is whole, "
            "and the same command goes on from it"
        )


def require(package: str, what: str, extra: str) -> None:
    """Make sure that a package of an extra of this project is installed.

    Args:
        package: the name under which it is imported.
        what: what needs it, as the user gave it.
        extra: the name of the extra.

    Raises:
        UsageError: it is not.
    """
    if find_spec(package) is None:
        raise UsageError(
            f"{what} needs {package}, which is not installed: pip install '.[{extra}]'"
        )


def unknown(kind: str, value: str, allowed: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, listing the ones that do; case is no hindrance."""
    choices = list(allowed)
    folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(value.casefold(), folded, n=1)
    hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
    return UsageError(f"unknown {kind} {value!r}{hint} (allowed: {', '.join(choices)})")

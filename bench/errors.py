"""The errors that a user can cause, and how they are worded."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """Bad input. The message is one line: the wrong value, what is allowed, the nearest match."""


def unknown(kind: str, value: str, allowed: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, listing the ones that do."""
    choices = list(allowed)
    near = difflib.get_close_matches(value, choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {value!r}{hint} (allowed: {', '.join(choices)})")

"""The error of this package, checks of option values that raise it, and errors in one line."""

import difflib
import math
import traceback
from collections.abc import Iterable, Sequence


class LikelihoodError(ValueError):
    """Bad input to a likelihood, in one line: the wrong value, and what is allowed."""


def described(error: BaseException) -> str:
    """Return an error in one line: its kind and its message, or the method that is not written."""
    kind, lines = type(error).__name__, str(error).strip().splitlines()
    if lines:
        more = lines[0].endswith(":") and len(lines) > 1
        return f"{kind}: {lines[0]}{' ' + lines[1].strip() if more else ''}"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, NotImplementedError) and frames:
        name = frames[-1].name
        return f"{kind}: {'sample' if name == 'rsample' else name} is not written"
    return kind


def nearest(value: object, allowed: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the allowed word nearest to ``value``, or nothing."""
    matches = difflib.get_close_matches(str(value), list(allowed), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def choice(option: str, value: object, allowed: Sequence[str]) -> str:
    """Return ``value`` if it is one of the ``allowed`` words."""
    if isinstance(value, str) and value in allowed:
        return value
    raise LikelihoodError(
        f"{option}={value!r} is not one of: {', '.join(allowed)}{nearest(value, allowed)}"
    )


def number(option: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """Return ``value`` as a float if it is a number strictly between ``low`` and ``high``."""
    if isinstance(value, int | float) and not isinstance(value, bool) and low < value < high:
        return float(value)
    raise LikelihoodError(f"{option}={value!r} is not a number between {low:g} and {high:g}")


def integer(option: str, value: object, low: int) -> int:
    """Return ``value`` if it is an integer of at least ``low``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        return value
    raise LikelihoodError(f"{option}={value!r} is not an integer of at least {low}")


def interval(option: str, value: object) -> tuple[float, float]:
    """Return ``value`` as a pair of floats if it is a pair of increasing finite numbers."""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        low, high = (number(f"{option}[{i}]", end) for i, end in enumerate(value))
        if low < high:
            return low, high
    raise LikelihoodError(f"{option}={value!r} is not a pair (low, high) with low < high")

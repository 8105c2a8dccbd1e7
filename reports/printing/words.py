"""Numbers, counts and enumerations as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def number(value: float, decimals: int) -> str:
    """Print a number with fixed decimals, thousands apart from 10,000 on, never as "-0".

    Raises:
        ValueError: `value` is not a number; whoever prints must say why it is missing.

    """
    if math.isnan(value):
        raise ValueError("a missing value has no number to print")
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    comma = "," if abs(value) >= 10_000 else ""
    return f"{round(value, decimals) + 0.0:{comma}.{decimals}f}"


def short(value: float) -> str:
    """Print a number with three significant digits, for a sentence or an axis."""
    if math.isinf(value) or value == 0:
        return number(value, 0)
    return f"{float(f'{value:.3g}'):g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"


def decimals_for(values: Iterable[float], significant: int = 4) -> int:
    """Return how many decimals show `significant` digits of the largest value, at most 6."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0:
        return 0
    return min(6, max(0, significant - 1 - math.floor(math.log10(largest))))


def listing(words: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plural(count: int, word: str) -> str:
    """Return "1 run", "2 runs"."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"

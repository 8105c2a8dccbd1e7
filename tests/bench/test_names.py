"""The harness and the reports know no likelihood by name."""

from __future__ import annotations

import re

import likelihoods
from bench import CHECKOUT

MAY = ("reports/published.py", "reports/claims/")
"""The published numbers, and the claims on them."""


def test_no_likelihood_is_named() -> None:
    names = re.compile(rf"\b({'|'.join(likelihoods.names())})\b")
    found = [
        f"{path.relative_to(CHECKOUT)}: {line.strip()}"
        for room in ("bench", "reports")
        for path in sorted((CHECKOUT / room).rglob("*.py"))
        if not path.relative_to(CHECKOUT).as_posix().startswith(MAY)
        for line in path.read_text(encoding="utf-8").splitlines()
        if names.search(line)
    ]
    assert found == []

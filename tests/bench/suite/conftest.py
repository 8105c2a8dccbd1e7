"""Plans of a small suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench import suite
from bench.suite import Choices, Plan, make

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(tiny: Path) -> MakePlan:
    def expand(**choices: object) -> Plan:
        return make(suite.load(str(tiny)), Choices(**{"budget": "tiny", **choices}))  # type: ignore[arg-type]

    return expand

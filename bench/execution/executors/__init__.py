"""Where tasks are carried out. One file an engine, one line for it in `ENGINES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.errors import UsageError
from bench.execution.executors.base import (
    DiedError,
    End,
    Ended,
    Executor,
    Failed,
    Listener,
    nothing,
)
from bench.execution.executors.inline import Inline
from bench.execution.executors.processes import Processes
from bench.execution.executors.worker import tell

ENGINES: Mapping[str, Callable[[int, Callable[[], object]], Executor]] = {
    "inline": Inline,
    "processes": Processes,
}

__all__ = [
    "ENGINES",
    "DiedError",
    "End",
    "Ended",
    "Executor",
    "Failed",
    "Listener",
    "create",
    "tell",
]


def create(
    jobs: int, prepare: Callable[[], object] = nothing, engine: str | None = None
) -> Executor:
    """Return the executor of an engine.

    Args:
        jobs: tasks at a time.
        prepare: what each new process does first; importable by name, can be pickled.
        engine: a name of `ENGINES`; by default this process for one job, others for more.

    Raises:
        UsageError: there is no such engine.
    """
    name = engine or ("inline" if jobs == 1 else "processes")
    if name not in ENGINES:
        raise UsageError(f"there is no engine {name!r} (allowed: {', '.join(ENGINES)})")
    return ENGINES[name](jobs, prepare)

"""Where tasks are carried out; every file of this folder with an engine is found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from bench.errors import unknown
from bench.execution.executors import base
from bench.execution.executors.base import DiedError, End, Ended, Executor, Failed, Listener, tell

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

ENGINES: dict[str, type[Executor]] = {cls.name: cls for cls in Executor.__subclasses__()}

__all__ = [
    "ENGINES",
    "DiedError",
    "End",
    "Ended",
    "Executor",
    "Failed",
    "Listener",
    "check",
    "create",
    "tell",
]


def check(engine: str | None) -> None:
    """Make sure that there is an engine of this name; None is any.

    Raises:
        UsageError: there is none.
    """
    if engine is not None and engine not in ENGINES:
        raise unknown("executor", engine, ENGINES)


def create(
    jobs: int, prepare: Callable[[], object] = base.nothing, engine: str | None = None
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
    check(name)
    return ENGINES[name](jobs, prepare)

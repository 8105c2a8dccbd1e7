"""Tasks are carried out in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from bench.execution.executors import base
from bench.execution.executors.base import End, Ended, Executor, Failed, Listener


class Inline(Executor):
    """Does each task when its end is asked for, so that Ctrl-C interrupts the task itself.

    `jobs` and `prepare` have no effect: no process is started.
    """

    name: ClassVar[str] = "inline"

    def __init__(self, jobs: int, prepare: Callable[[], object]) -> None:
        super().__init__(1, prepare)

    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Add a task."""
        self._waiting.append((name, function, arguments))

    def ends(self, listener: Listener = base.nothing) -> Iterator[End]:
        """Carry out the tasks; `listener` is called from within `tell`."""
        base.configure()
        while self._waiting:
            name, function, arguments = self._waiting.popleft()
            end: End
            with base.listening(listener):
                try:
                    end = Ended(name, base.call(function, arguments))
                except Exception as error:
                    end = Failed(name, error)
            yield end

    def close(self) -> None:
        """Forget the tasks; there is no process to end."""
        self._waiting.clear()

"""Tasks are carried out in this process, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from bench.execution.executors.base import Ended, Executor, Failed, Listener, Outcome, nothing
from bench.execution.executors.worker import configure, listening


class Inline(Executor):
    """Does each task when its outcome is asked for, so that Ctrl-C interrupts the task itself.

    `jobs` and `prepare` have no effect: no process is started.
    """

    def __init__(self, jobs: int = 1, prepare: Callable[[], object] = nothing) -> None:
        super().__init__(jobs, prepare)
        self._waiting: deque[tuple[str, Callable[..., object], tuple[object, ...]]] = deque()

    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Add a task."""
        self._waiting.append((name, function, arguments))

    def outcomes(self, listener: Listener = nothing) -> Iterator[Outcome]:
        """Carry out the tasks; `listener` is called from within `tell`."""
        configure()
        while self._waiting:
            name, function, arguments = self._waiting.popleft()
            outcome: Outcome
            with listening(listener):
                try:
                    outcome = Ended(name, function(*arguments))
                except Exception as error:
                    outcome = Failed(name, error)
            yield outcome

    def close(self) -> None:
        """Forget the tasks; there is no process to end."""
        self._waiting.clear()

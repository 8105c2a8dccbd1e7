"""Tasks are taken one by one, as other processes may work on the same results folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.execution.executors import DiedError, End, Executor, Failed, Listener
from bench.execution.run import Task
from bench.progress import say
from bench.store import Store
from bench.store.lease import Leases
from reports import Status

POLL_SECONDS = 1.0
"""Between two looks at the runs of others, when there is nothing else to do."""


class SharedTasks:
    """The tasks of this process; each is done by whichever process comes first.

    A task is taken when the executor has room for it, so that another process can have it until
    then. One whose process died is done once more, alone: memory was short.

    Args:
        store: where the runs are.
        leases: of this process.
        executor: does the tasks.
        submit: gives it one.
    """

    def __init__(
        self, store: Store, leases: Leases, executor: Executor, submit: Callable[[Task], object]
    ) -> None:
        self.waiting: list[Task] = []
        self._store, self._leases, self._executor, self._submit = store, leases, executor, submit
        self._begun: dict[str, Task] = {}
        self._done_elsewhere: list[Task] = []
        self._died: list[Task] = []
        self._alone = ""
        self._told = False

    def ends(self, listener: Listener) -> Iterator[tuple[Task, End | None]]:
        """What came of each task; None: another process has done it.

        It ends when nothing is left but what other processes do: `waiting`.
        """

        def heard(name: str, done: float) -> None:
            listener(name, done)
            self._begin()  # there may be room, and a run whose owner has died since

        while self._begin() or self._retry() or self._done_elsewhere:
            for end in self._executor.ends(heard):
                task = self._begun.pop(end.name)
                if self._has_died(end):
                    self._died.append(task)
                else:
                    yield task, end
                    self._leases.release(end.name, ended=True)
                self._begin()
                yield from self._elsewhere()
            self._alone = ""
            yield from self._elsewhere()

    def wait(self) -> None:
        """Wait a moment for the runs of others; say so once."""
        if not self._told:
            self._told = True
            owners = {str(self._leases.owner(task.spec.run_id)) for task in self.waiting}
            whose = ", ".join(sorted(owners - {"None"})) or "another process"
            say(f"waiting for {len(self.waiting)} run(s) of {whose}: nothing else is left to do")
        time.sleep(POLL_SECONDS)

    def _begin(self) -> bool:
        """Take tasks and submit them, as far as the executor has room."""
        for task in list(self.waiting):
            if self._alone or len(self._begun) >= self._executor.jobs:
                break
            self._take(task)
        return bool(self._begun)

    def _take(self, task: Task) -> None:
        run_id = task.spec.run_id
        left = remaining(task, self._store)
        if left and not self._leases.take(run_id):
            return
        if left and (left := remaining(task, self._store)) is None:
            self._leases.release(run_id)  # it ended between the two looks
        self.waiting.remove(task)
        if left is None:
            self._done_elsewhere.append(task)
            return
        self._begun[run_id] = left
        self._told = False
        self._submit(left)

    def _retry(self) -> bool:
        if self._died:
            task = self._died.pop(0)
            self._alone = task.spec.run_id
            self._begun[self._alone] = task
            self._submit(task)
        return bool(self._alone)

    def _has_died(self, end: End) -> bool:
        """Whether the process of a task died for the first time."""
        if end.name == self._alone or not (
            isinstance(end, Failed) and isinstance(end.error, DiedError)
        ):
            return False
        say(f"{end.name}: {end.error} It is tried once more when the others have ended.")
        return True

    def _elsewhere(self) -> Iterator[tuple[Task, None]]:
        while self._done_elsewhere:
            yield self._done_elsewhere.pop(), None


def remaining(task: Task, store: Store) -> Task | None:
    """What is left of a task that another process may have done since it was planned.

    What has failed meanwhile is not tried again.
    """
    run_id = task.spec.run_id
    record = store.record(run_id)
    tried = store.turns(run_id) > task.turns
    if not store.is_trained(run_id):
        return None if tried and record else task
    if record and record["status"] == Status.DIVERGED:
        return None
    again = task.terms.retry_failed and not tried
    missing = store.missing(run_id, task.measurements, failed=again)
    return replace(task, measurements=missing, train=False) if missing else None

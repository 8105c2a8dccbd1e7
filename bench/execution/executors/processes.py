"""Tasks are carried out in several processes beside this one.

Each process has a pipe of its own and shares nothing with the others, neither a queue nor a lock
that it could hold when it is killed. Its death is the end of its pipe, and costs its own task only.
(Of the usual pools, those of concurrent.futures and loky fail all tasks when one process dies;
that of pebble waits for minutes, and fails others, if it dies while it sends a result.)
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import ClassVar

from bench import interrupts
from bench.execution.executors import base
from bench.execution.executors.base import DiedError, End, Ended, Executor, Failed, Listener

SECONDS_TO_DIE = 5.0


class Processes(Executor):
    """Starts up to `jobs` processes when there are tasks for them, and keeps them for the next.

    There is no thread in this process: messages are read while the next end is waited for.
    """

    name: ClassVar[str] = "processes"

    def __init__(self, jobs: int, prepare: Callable[[], object]) -> None:
        super().__init__(jobs, prepare)
        self._workers: list[_Worker] = []

    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Add a task; what cannot be pickled is refused here."""
        self._waiting.append((name, pickle.dumps((function, arguments))))

    def ends(self, listener: Listener = base.nothing) -> Iterator[End]:
        """Yield ends as they come; each message is heard when it has arrived."""
        self._hand_out()
        while busy := [worker for worker in self._workers if worker.task is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection not in ready:
                    continue
                if end := self._received(worker, listener):
                    self._hand_out()
                    yield end
            self._hand_out()

    def close(self) -> None:
        """Tell all processes to end; those that still do not after a while are killed."""
        self._waiting.clear()
        for worker in self._workers:
            (worker.process.terminate if worker.task else worker.process.kill)()
        ends = time.monotonic() + interrupts.PATIENCE
        for worker in self._workers:
            worker.process.join(max(0.0, ends - time.monotonic()))
            worker.process.kill()
        while self._workers:
            self._workers.pop().end()

    def _hand_out(self) -> None:
        """Give waiting tasks to idle processes, and to new ones as far as allowed."""
        while self._waiting:
            self._workers = [worker for worker in self._workers if worker.is_of_use()]
            idle = [worker for worker in self._workers if worker.task is None]
            if not idle and len(self._workers) < self.jobs:
                idle = [_Worker(self.prepare)]
                self._workers += idle
            if not idle:
                return
            idle[0].begin(*self._waiting.popleft())

    def _received(self, worker: _Worker, listener: Listener) -> End | None:
        """Read one message of a process: progress, the end of its task, or its own."""
        try:
            message = pickle.loads(worker.connection.recv_bytes())
        except (EOFError, OSError):
            self._workers.remove(worker)
            return Failed(str(worker.task), worker.end())
        if isinstance(message, End):
            worker.task = None
            return message
        listener(*message)
        return None


class _Worker:
    """A process as seen from the one that started it, and the name of its task."""

    def __init__(self, prepare: Callable[[], object]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.task: str | None = None
        self.process = context.Process(target=_serve, args=(theirs, prepare), daemon=True)
        self.process.start()
        theirs.close()  # or the pipe would not end with the process

    def is_of_use(self) -> bool:
        """False of a process that died when it had no task: nothing is lost with it."""
        return self.task is not None or self.process.is_alive()

    def begin(self, name: str, task: bytes) -> None:
        self.task = name
        # A process that has just died is noticed as soon as its pipe is read.
        with suppress(OSError):
            self.connection.send((name, task))

    def end(self) -> DiedError:
        """Wait until the process is gone, and return what is to be said of its death."""
        self.process.join(SECONDS_TO_DIE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(SECONDS_TO_DIE)
        self.connection.close()
        status = self.process.exitcode or 0
        how = signal.strsignal(-status) if status < 0 else f"exit status {status}"
        return DiedError(f"its process died ({how}); was it out of memory?")


def _serve(connection: Connection, prepare: Callable[[], object]) -> None:
    """The life of a worker: carry out one task after another until it is killed."""
    # Ctrl-C reaches every process of the terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, interrupts.hear)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    base.configure()
    prepare()
    free = select.poll()
    free.register(connection, select.POLLOUT)

    def send_progress(name: str, done: float) -> None:
        # Where nobody reads the pipe is full, or gone: training neither waits nor fails for it.
        with suppress(OSError):
            if free.poll(0):
                connection.send((name, done))

    with base.listening(send_progress), suppress(EOFError), _ending_at_once():
        while True:
            name, task = connection.recv()
            end: End
            try:
                function, arguments = pickle.loads(task)
                end = Ended(name, base.call(function, arguments))
            except Exception as error:
                end = Failed(name, error)
            connection.send_bytes(base.packed(end))


@contextmanager
def _ending_at_once() -> Iterator[None]:
    """A worker that is told to end leaves out what Python tidies up, which takes a second."""
    try:
        yield
    except KeyboardInterrupt:
        os._exit(interrupts.STATUS)


def _die_with_parent() -> None:
    """A worker whose parent was killed would otherwise train on, unseen."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)

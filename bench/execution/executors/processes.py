"""Where tasks are carried out: in this process, or in several beside it.

On the CPU every task uses one thread, whatever the number of processes, because the number of
threads may change the last bits of a sum: results depend neither on `--jobs` nor on the cores.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import Self, TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

Listener = Callable[[str, float], None]
"""Told the name of a task and how much of it is done, from 0 to 1."""


def _deaf(name: str, done: float) -> None:
    """The listener of a process that nobody listens to."""


_listener: Listener = _deaf


def tell(name: str, done: float) -> None:
    """Called from within a task: how much of it is done."""
    _listener(name, done)


class Executor:
    """Carries out functions for many items. A context manager: leaving it ends its processes.

    Args:
        jobs: processes; 1 means this one.
        listener: hears what the tasks `tell`; may be called from another thread.
        prepare: what each new process does first; importable by name, can be pickled.
    """

    def __init__(
        self,
        jobs: int,
        listener: Listener = _deaf,
        prepare: Callable[[], object] = bool,
    ) -> None:
        self.listener = listener
        self._prepare = prepare
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None
        self._context = multiprocessing.get_context("spawn")
        self._messages: Queue[tuple[str, float] | None] = self._context.Queue()
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._messages.put(None)
        # Not left behind: a thread that hears on while the interpreter goes down would complain.
        self._hearing.join(timeout=5)

    def run(
        self, function: Callable[[T], R], items: Sequence[T]
    ) -> Iterator[tuple[T, R | Exception]]:
        """Yield each item with its result or its exception, as they come.

        When a process dies (killed for its memory, say), the tasks that were under way are tried
        again one at a time, so that only the one that kills its process fails.

        Args:
            function: importable by name; its items and results can be pickled.
            items: what to do, in this order.
        """
        if self._jobs == 1:
            yield from self._inline(function, items)
            return
        waiting = list(reversed(items))
        while waiting:
            suspects: list[T] = []
            yield from self._parallel(function, waiting, suspects, self._jobs)
            for suspect in suspects:
                culprit: list[T] = []
                yield from self._parallel(function, [suspect], culprit, 1)
                for item in culprit:
                    yield item, RuntimeError("its process died; was it out of memory?")

    def _inline(
        self, function: Callable[[T], R], items: Sequence[T]
    ) -> Iterator[tuple[T, R | Exception]]:
        _configure(self.listener)
        for item in items:
            try:
                result: R | Exception = function(item)
            except Exception as error:
                result = error
            yield item, result

    def _parallel(
        self, function: Callable[[T], R], waiting: list[T], lost: list[T], jobs: int
    ) -> Iterator[tuple[T, R | Exception]]:
        """Work on the waiting items, last first, until none is left or a process dies.

        In the latter case `lost` receives the items that were under way.
        """
        pool = self._started()
        running: dict[Future[R], T] = {}
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running[pool.submit(function, waiting[-1])] = waiting[-1]
                    waiting.pop()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    outcome = _outcome(future)
                    yield running.pop(future), outcome
        except BrokenProcessPool:
            self._stop()
            for future, item in running.items():
                if future.done() and not isinstance(future.exception(), BrokenProcessPool):
                    outcome = _outcome(future)
                    yield item, outcome
                else:
                    lost.append(item)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._jobs,
                self._context,
                initializer=_start_worker,
                initargs=(self._messages, os.getpid(), self._prepare),
            )
        return self._pool

    def _stop(self) -> None:
        if self._pool is None:
            return
        # On the way out of an interrupted suite nobody waits for the runs that are under way.
        processes: list[BaseProcess] = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=5)
        self._pool = None

    def _hear(self) -> None:
        while (message := self._messages.get()) is not None:
            self.listener(*message)


def _outcome(future: Future[R]) -> R | Exception:
    """The result of a task or its exception; the death of its process is raised."""
    try:
        return future.result()
    except BrokenProcessPool:
        raise
    except Exception as error:
        return error


def _configure(listener: Listener) -> None:
    global _listener  # noqa: PLW0603 - one listener a process, set before its first task
    _listener = listener
    torch.set_num_threads(1)
    # Few shapes occur over and over: let cuDNN choose its fastest kernels.
    torch.backends.cudnn.benchmark = True


def _start_worker(
    messages: Queue[tuple[str, float] | None], parent: int, prepare: Callable[[], object]
) -> None:
    # Ctrl-C reaches every process of the terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    _configure(lambda name, done: messages.put((name, done)))
    prepare()


def _die_with(parent: int) -> None:
    """A worker whose parent was killed would otherwise train on, unseen."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)

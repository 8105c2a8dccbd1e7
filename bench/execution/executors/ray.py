"""Tasks are carried out on the machines of a Ray cluster, which share no disk with this one.

A task is a stream: its progress and the files that it has written come back while it works. So the
store at home always holds its last checkpoint, and a task whose machine is lost goes on from there
on another. Ray's own retries would begin from nothing, so they are off.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

import datasets
from bench import interrupts
from bench.execution.cluster import Share, connect
from bench.execution.executors import base
from bench.execution.executors.base import DiedError, End, Executor, Failed, Listener
from bench.progress import say
from bench.store import Store
from bench.store.away import Files, cache_files, receive, take_along

LOSSES = 5
"""How often a task goes on after its process or machine was lost; Ray cannot always tell which."""
SECONDS_BETWEEN_LOOKS = 0.2
"""At signals, which Ray does not hear while it waits, and at machines that may have come."""


@dataclass(frozen=True)
class Message:
    """What a task says; the last message has an end, or what the task lacks."""

    done: float | None = None
    """How much is done, from 0 to 1; None: the message is about something else."""
    files: Files = field(default_factory=dict)
    lacks: str = ""
    """A data set, without which the task cannot begin here."""
    end: bytes = b""

    @property
    def is_last(self) -> bool:
        """Whether the task says nothing after it."""
        return bool(self.lacks or self.end)


class StoreThere:
    """Stands among the arguments of a task for the store of the machine that it comes to."""


@dataclass(eq=False)
class _Task:
    name: str
    work: bytes
    store: Store | None
    losses: int = 0


class Ray(Executor):
    """Submits as many tasks as the cluster has room for; machines may come and go.

    Args:
        jobs: tasks at a time; None: as many as there is room for.
        prepare: what each new process does first.
        share: what `connect` returned; None: it is called.
    """

    name: ClassVar[str] = "ray"

    def __init__(
        self,
        jobs: int | None,
        prepare: Callable[[], object] = base.nothing,
        share: Share | None = None,
    ) -> None:
        self._share = connect() if share is None else share
        self._most = jobs
        super().__init__(jobs or self._share.places(), prepare)
        self._ray = import_module("ray")  # an extra, and slow: not imported with this file
        self._begin = self._ray.remote(
            num_cpus=self._share.cpus,
            num_gpus=self._share.gpus,
            num_returns="streaming",
            max_retries=0,
        )(import_module("bench.execution.ray_worker").serve).remote
        self._bell = self._unrung()
        self._running: dict[Any, _Task] = {}  # by the stream of its messages
        self._data: dict[str, Any] = {}  # data sets that some machine lacks, in Ray's store
        self._cache: dict[str, Any] = {}  # files of our store's cache likewise, by path

    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Add a task; what cannot be pickled is refused here."""
        stores = [each for each in arguments if isinstance(each, Store)]
        there = [StoreThere if isinstance(each, Store) else each for each in arguments]
        work = pickle.dumps((self.prepare, function, there))
        self._waiting.append(_Task(name, work, stores[0] if stores else None))

    def ends(self, listener: Listener = base.nothing) -> Iterator[End]:
        """Yield ends as they come; each message is heard when it has arrived."""
        self._hand_out()
        while self._running:
            for stream in self._ready(SECONDS_BETWEEN_LOOKS):
                if end := self._received(stream, listener):
                    self._hand_out()
                    yield end
            self._hand_out()

    def close(self) -> None:
        """Leave the cluster, which kills the processes of our tasks; a local one ends.

        What they write until then is brought home, unless their machine is lost meanwhile.
        """
        self._waiting.clear()
        if self._running:
            self._ray.cancel(self._bell, force=True)
        ends = time.monotonic() + interrupts.PATIENCE
        while self._running and time.monotonic() < ends:
            for stream in self._ready(SECONDS_BETWEEN_LOOKS):
                try:
                    is_last = self._message(stream).is_last
                except self._ray.exceptions.RayError:
                    is_last = True
                if is_last:
                    del self._running[stream]
        self._running.clear()
        self._ray.shutdown()

    def _hand_out(self) -> None:
        self.jobs = self._most or max(1, self._share.places())  # machines may have come
        while self._waiting and len(self._running) < self.jobs:
            task = self._waiting.popleft()
            brought: Files = {}
            if task.store is not None:
                brought = take_along(task.store, task.name)
                for path in cache_files(task.store) - self._cache.keys():
                    self._cache[path] = self._ray.put((task.store.root / path).read_bytes())
            # In a list, or Ray would wait for the bell before it begins.
            bell = [self._bell]
            stream = self._begin(task.name, task.work, brought, self._cache, self._data, bell)
            self._running[stream] = task

    def _unrung(self) -> Any:
        """A task that sleeps on this machine; that it is cancelled tells all others to end.

        To cancel those themselves would close their streams, and lose the last checkpoints.
        """
        strategies = import_module("ray.util.scheduling_strategies")
        here = self._ray.get_runtime_context().get_node_id()
        on_this = strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        bell = self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=on_this)
        return bell(lambda: threading.Event().wait()).remote()

    def _ready(self, seconds: float) -> list[Any]:
        """Streams that have a message, as soon as one has."""
        ready: list[Any] = self._ray.wait(list(self._running), timeout=seconds)[0]
        return ready

    def _message(self, stream: Any) -> Message:
        """Read one message of a task, and keep its files."""
        store = self._running[stream].store
        message: Message = self._ray.get(next(stream))
        if message.files and store is not None:
            receive(store.root, message.files)
        return message

    def _received(self, stream: Any, listener: Listener) -> End | None:
        """Deal with one message of a task: progress, what it lacks, or its end."""
        task = self._running[stream]
        try:
            with interrupts.postponed():  # or a signal would lose what has been read
                message = self._message(stream)
        except self._ray.exceptions.RayError as error:
            del self._running[stream]
            return self._lost(task, error)
        if message.done is not None:
            listener(task.name, message.done)
        if not message.is_last:
            return None
        del self._running[stream]
        try:
            if message.lacks:
                self._hand_over(message.lacks)
                self._waiting.appendleft(task)
                return None
            end: End = pickle.loads(message.end)
        except Exception as error:
            return Failed(task.name, error)
        return end

    def _lost(self, task: _Task, error: Exception) -> End | None:
        """Submit a task again, unless it may be its own fault that its process is gone.

        An error of the task itself comes as its end: any other is of the machine, which lacks a
        package or is just going with the code that was sent to it.
        """
        known, lines = self._ray.exceptions, str(error).strip().splitlines()
        of_machine = isinstance(error, known.RayTaskError)
        reason = lines[-1 if of_machine else 0]
        if isinstance(error, known.OutOfMemoryError) or task.losses == LOSSES:
            if of_machine:
                return Failed(task.name, RuntimeError(reason))
            died = DiedError(f"its process died ({reason}); was it out of memory?")
            return Failed(task.name, died)
        say(f"{task.name} is lost; it goes on elsewhere from its last checkpoint ({reason})")
        task.losses += 1
        self._waiting.appendleft(task)
        return None

    def _hand_over(self, name: str) -> None:
        """Give a data set of this machine to all that lack it."""
        if name not in self._data:
            data = datasets.load(name)
            parts = [part.numpy() for part in (data.train, data.validation, data.test)]
            labels = {key: each.numpy() for key, each in (data.labels or {}).items()}
            words = (data.source, data.checksum, data.description)
            self._data[name] = self._ray.put((parts, labels, words))

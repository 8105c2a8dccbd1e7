"""What every engine offers: tasks are submitted by name, and each comes to one end.

Beside it, what belongs to the process that carries out a task, whatever the engine.
"""

from __future__ import annotations

import ctypes
import pickle
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import torch


@dataclass(frozen=True)
class Ended:
    """A task has returned its result."""

    name: str
    result: Any


@dataclass(frozen=True)
class Failed:
    """A task has raised an error, or its process has died."""

    name: str
    error: Exception


class DiedError(RuntimeError):
    """The process of a task is gone, perhaps because memory was short."""


End = Ended | Failed

Listener = Callable[[str, float], object]
"""Hears the name of a task and how much of it is done, from 0 to 1."""


def nothing(*_: object) -> None:
    """Do nothing: for who need not listen or prepare."""


class Executor(AbstractContextManager["Executor"]):
    """Carries out tasks. A context manager: leaving it ends its processes.

    The caller hears of everything in its own thread, while it waits for the next end: no lock
    is needed around what a listener changes.

    Args:
        jobs: tasks at a time.
        prepare: what each new process does first; importable by name, can be pickled.
    """

    name: ClassVar[str]

    def __init__(self, jobs: int, prepare: Callable[[], object] = nothing) -> None:
        self.jobs = jobs
        self.prepare = prepare
        self._waiting: deque[Any] = deque()  # tasks that have not begun

    @abstractmethod
    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Add a task; tasks begin in the order in which they were added.

        Args:
            name: unique among the tasks of this executor.
            function: importable by name.
            arguments: what it is called with; can be pickled, as its result. A `Store` among them
                holds, wherever the task is carried out, what is known of the run of this name.
        """

    @abstractmethod
    def ends(self, listener: Listener = nothing) -> Iterator[End]:
        """Yield what came of each task, as they end; more may be submitted meanwhile.

        Tasks make headway while the caller waits for the next end. The death of a process is
        the failure of its own task and of no other.

        Args:
            listener: called with what the tasks `tell`, in the thread of the caller.
        """

    @abstractmethod
    def close(self) -> None:
        """End all processes within two seconds, and forget the tasks.

        A training under way writes a checkpoint if its step ends in that time.
        """

    def __exit__(self, *_: object) -> None:
        self.close()


def packed(end: End) -> bytes:
    """Pickle an end; of what cannot be pickled and read again, only the text arrives."""
    try:
        content = pickle.dumps(end)
        pickle.loads(content)
    except Exception as error:
        reason = end.error if isinstance(end, Failed) else error
        content = pickle.dumps(Failed(end.name, RuntimeError(f"{type(reason).__name__}: {reason}")))
    return content


def call(function: Callable[..., object], arguments: Iterable[object]) -> object:
    """Carry out a task: code of a user that would end the process fails alone."""
    try:
        return function(*arguments)
    except SystemExit as error:
        raise RuntimeError(f"SystemExit: {error}") from error


_listener: Listener = nothing


def tell(name: str, done: float) -> None:
    """Called from within a task: how much of it is done, from 0 to 1."""
    _listener(name, done)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While this context lasts, the listener hears what the tasks of this process tell."""
    global _listener  # noqa: PLW0603 - tasks call `tell` without knowing their executor
    former, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = former


def configure() -> None:
    """Set up PyTorch; called before the first task of a process.

    On the CPU every task uses one thread, whatever the number of processes, because the number of
    threads may change the last bits of a sum: results depend neither on `--jobs` nor on the cores.
    """
    torch.set_num_threads(1)
    _keep_memory()
    # Few shapes occur over and over: let cuDNN choose its fastest kernels.
    torch.backends.cudnn.benchmark = True


def _keep_memory() -> None:
    """Let glibc keep what a step frees for the next one, which takes the same again.

    It would give each large tensor back to the system, whose new pages cost a fifth of a step with
    256 outputs a value.
    """
    mmap_max, trim_threshold = -4, -1  # of malloc.h
    with suppress(OSError, AttributeError):
        allocator = ctypes.CDLL("libc.so.6")
        allocator.mallopt(mmap_max, 0)
        allocator.mallopt(trim_threshold, 2**31 - 1)

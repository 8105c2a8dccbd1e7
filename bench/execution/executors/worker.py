"""What belongs to the process that carries out a task, whatever the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.execution.executors.base import Listener, nothing

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
    # Few shapes occur over and over: let cuDNN choose its fastest kernels.
    torch.backends.cudnn.benchmark = True

"""A task on a machine of a Ray cluster: it has a store of its own, and speaks through a stream."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import ray
import torch

import datasets
from bench import interrupts
from bench.data import take_from
from bench.execution.executors import Ended, Failed, base
from bench.execution.executors.ray import Message, StoreThere
from bench.store.away import Away

SECONDS_BETWEEN_PROGRESS = 0.2
PREFIX = "likelihood-bench-"


class LackingError(BaseException):
    """A data set that is not on this machine: no task may take it for an error of its own."""


def serve(*task: Any) -> Iterator[Message]:
    """Carry out a task in a thread of its own, and yield what it has to say."""
    messages: SimpleQueue[Message] = SimpleQueue()
    threading.Thread(target=_carry_out, args=(task, messages.put), daemon=True).start()
    while not (message := messages.get()).is_last:
        yield message
    yield message


@cache
def _obey(bell: Any) -> None:
    """From now on end the task of this process when the bell is rung; cached: one thread a bell."""
    threading.Thread(target=_hear, args=(bell,), daemon=True).start()


def _hear(bell: Any) -> None:
    try:
        ray.get(bell)
    except ray.exceptions.TaskCancelledError:
        try:
            interrupts.hear()  # training ends its step and writes a checkpoint
        except KeyboardInterrupt:
            os._exit(interrupts.STATUS)
    except ray.exceptions.RayError:
        return  # it cannot be rung any more


_prepared = False


def _carry_out(task: tuple[Any, ...], send: Callable[[Message], object]) -> None:
    """Do a task and send its last message, whatever happens."""
    global _prepared  # noqa: PLW0603 - a process is prepared once
    name, work, brought, features, data, (bell,) = task
    told = 0.0

    def listener(name: str, done: float) -> None:
        nonlocal told
        if time.monotonic() - told > SECONDS_BETWEEN_PROGRESS:
            told = time.monotonic()
            send(Message(done))

    def lend(path: str) -> bytes | None:
        return ray.get(features[path]) if path in features else None

    end: Ended | Failed
    try:
        base.configure()
        _obey(bell)
        take_from(lambda wanted: _data_set(wanted, data))
        prepare, function, arguments = pickle.loads(work)
        if not _prepared:
            prepare()
            _prepared = True
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, base.listening(listener):
            store = Away(Path(folder), brought, lambda files: send(Message(files=files)), lend)
            result = function(*(store if each is StoreThere else each for each in arguments))
            store.send_changes()
        end = Ended(name, result)
    except LackingError as error:
        send(Message(lacks=str(error)))
        return
    except Exception as error:
        end = Failed(name, error)
    except BaseException as error:
        end = Failed(name, RuntimeError(repr(error)))
    send(Message(end=base.packed(end)))


def _data_set(name: str, sent: Mapping[str, Any]) -> datasets.Dataset:
    """A data set from this machine's own folder, or else as it was sent."""
    if name not in sent:
        # One without a known checksum may differ from that of the plan.
        with suppress(datasets.DataError):
            if datasets.status(name).checksum:
                return datasets.load(name, download=False)
        raise LackingError(name)
    parts, labels, words = ray.get(sent[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the arrays are read-only: all processes share them
        train, validation, test = map(torch.from_numpy, parts)
        classes = {key: torch.from_numpy(each) for key, each in labels.items()}
    return datasets.Dataset(name, train, validation, test, classes or None, *words)

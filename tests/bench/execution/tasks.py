"""What executors are given to do in tests, and ways to look at their processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from bench import interrupts
from bench.execution.executors import End, Executor, Failed, tell


class TwoArgumentsError(Exception):
    """Can be pickled, but not read again: a frequent mistake in exceptions of others."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def square(item: int) -> int:
    if item == 3:
        raise ValueError("three")
    for part in range(5):
        tell(str(item), part / 4)
    return item * item


def put(folder: Path, name: object, seconds: float = 0.0) -> int:
    """Leave a file, so that others see that this has run; then take some time."""
    (folder / str(name)).touch()
    time.sleep(seconds)
    return os.getpid()


def prepared(folder: Path) -> bool:
    time.sleep(0.5)
    return (folder / str(os.getpid())).exists()


def leave_pid(folder: Path) -> None:
    put(folder, os.getpid())


def refuse() -> None:
    raise ValueError("cannot be prepared")


def killed(how: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), how)
    time.sleep(60)


def killed_while_it_tells(seconds: float) -> None:
    threading.Timer(seconds, killed).start()
    while True:
        tell("hammer" * 100, 0.5)


def killed_with_a_result(folder: Path) -> bytes:
    """Return more than a pipe holds: it is being sent until the caller reads it."""
    assert eventually((folder / "begin").exists)
    threading.Timer(1, killed).start()
    return bytes(10_000_000)


def interrupted() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
    return "goes on"


def leaves_in_order(folder: Path) -> None:
    with interrupts.postponed():
        put(folder, "begun")
        while not interrupts.came():
            time.sleep(0.01)
        put(folder, "left")


def hammer(folder: Path, count: float) -> None:
    """Tell the progress of many steps between two files."""
    assert eventually((folder / "begin").exists)
    step = 0
    while step < count:
        tell("hammer", step / count)
        step += 1
    (folder / "end").touch()


def meet(folder: Path, name: int, others: int) -> int:
    """Count the tasks that are under way at the same time as this one, which waits for others."""
    under_way = folder / f"{name}.under way"
    under_way.touch()
    most = 0
    end = time.monotonic() + (30 if name < others else 0.3)
    while time.monotonic() < end and most < others:
        most = max(most, len(list(folder.glob("*.under way"))))
        time.sleep(0.01)
    time.sleep(0.2)
    most = max(most, len(list(folder.glob("*.under way"))))
    under_way.unlink()
    return most


def draws(seed: int) -> torch.Tensor:
    layer = torch.nn.Linear(300, 300)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        weight = torch.randn(300, 300, generator=generator)
        layer.weight.copy_(weight)
        layer.bias.zero_()
        sums: torch.Tensor = layer(weight).exp().sum(dim=1)
        return sums


def threads() -> int:
    return torch.get_num_threads()


def unreadable_error() -> None:
    raise TwoArgumentsError("first", "second")


def unreadable_result() -> object:
    return lambda: 0


def by_name(executor: Executor) -> dict[str, End]:
    return {outcome.name: outcome for outcome in executor.ends()}


def error(outcome: End) -> str:
    assert isinstance(outcome, Failed)
    return str(outcome.error)


def workers() -> list[psutil.Process]:
    """The processes that this one has started, without the tracker that Python adds."""
    return [child for child in psutil.Process().children(recursive=True) if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended since it was listed, or is a zombie
        return False


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def eventually(statement: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while not statement():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True

"""Which process does which run, where several share a results folder.

A lease is a file `lease-<n>` in the folder of the run; the highest n counts. Whoever wants a run
that is free makes the next number, which the file system lets one process do (O_EXCL, on NFS too).
The highest is never deleted, so that a process that is late cannot take an old lease for the
present one; a released one stays, as a few bytes. It lies in the folder of the run because making
a file there tells an NFS client that what it remembers of that folder is old.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import psutil

SECONDS = 60.0
"""How long a lease lasts on another machine if it is not renewed."""
RENEWALS = 4
"""In that time."""
PREFIX = "lease-"


@dataclass(frozen=True)
class Owner:
    """A process, as others recognise it."""

    host: str
    system: str
    """What a process number is unique in: one boot of a machine, in it one container."""
    pid: int
    started: float
    """Seconds from boot to the start of the process: its number may be used again."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


UNKNOWN = Owner("an unknown host", "", 0, 0.0)
"""Of a lease that cannot be read just now."""


@dataclass(frozen=True)
class Lease:
    """What the file of a lease says."""

    number: int = 0
    owner: Owner | None = None
    """None: it was released, or there was none yet."""
    turns: int = 0
    """How often the run has been carried out, whatever became of it."""
    renewed: int = 0
    """Time of change of the file, by the clock of the file system."""


@cache
def this_process() -> Owner:
    """The process that asks."""
    process = psutil.Process()
    return Owner(socket.gethostname(), _system(), process.pid, _started(process))


def lives(owner: Owner) -> bool:
    """Whether a process of this machine still runs; a zombie does not."""
    try:
        process = psutil.Process(owner.pid)
        same = abs(_started(process) - owner.started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def latest(folder: Path) -> Lease:
    """The lease of a run by its folder."""
    number = max(_numbers(folder), default=0)
    if not number:
        return Lease()
    try:
        # An NFS client answers `stat` from memory, but asks for a file that it opens.
        with (folder / f"{PREFIX}{number}").open(encoding="utf-8") as file:
            renewed = os.fstat(file.fileno()).st_mtime_ns
            return Lease(number, *_content(file.read()), renewed)
    except FileNotFoundError:
        return Lease(number, UNKNOWN)  # it is being replaced


class Leases(AbstractContextManager["Leases"]):
    """The leases of this process: renewed while the context lasts, released when it ends.

    Args:
        folder: from the id of a run to its folder.
        me: the process that takes them.
        clock: seconds that only grow.
        alive: whether a process of the same machine still runs.
    """

    def __init__(
        self,
        folder: Callable[[str], Path],
        me: Owner | None = None,
        clock: Callable[[], float] = time.monotonic,
        alive: Callable[[Owner], bool] = lives,
    ) -> None:
        self._folder, self._me, self._clock, self._alive = (
            folder,
            me or this_process(),
            clock,
            alive,
        )
        self._held: dict[str, Lease] = {}
        self._seen: dict[str, tuple[Lease, float]] = {}  # leases of other machines, and since when
        self._stop = threading.Event()
        self._renewing = threading.Thread(target=self._renew_on, daemon=True)

    def __enter__(self) -> Leases:
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._renewing.join()
        for run_id in list(self._held):
            # A lease that cannot be released ends by itself; the error that ended us is told.
            with suppress(OSError):
                self.release(run_id)

    def owner(self, run_id: str) -> Owner | None:
        """Who has a run now; None: it is free."""
        lease = latest(self._folder(run_id))
        return lease.owner if self._in_use(run_id, lease) else None

    def take(self, run_id: str) -> bool:
        """Take a run that is free, or whose owner is dead; False if another process has it."""
        folder = self._folder(run_id)
        lease = latest(folder)
        if self._in_use(run_id, lease):
            return False
        folder.mkdir(parents=True, exist_ok=True)
        mine = Lease(lease.number + 1, self._me, lease.turns)
        path = folder / f"{PREFIX}{mine.number}"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(_text(mine))
        except FileExistsError:
            return False
        numbers = _numbers(folder)
        if max(numbers) > mine.number:
            # It had been taken, released and taken again since we looked.
            path.unlink()
            return False
        for number in numbers - {mine.number}:
            (folder / f"{PREFIX}{number}").unlink(missing_ok=True)
        self._held[run_id] = mine
        return True

    def release(self, run_id: str, *, ended: bool = False) -> None:
        """Give a run back.

        Args:
            run_id: one that was taken.
            ended: whether it was carried out, whatever became of it.
        """
        mine = self._held.pop(run_id)
        folder = self._folder(run_id)
        free = Lease(mine.number, None, mine.turns + ended)
        if latest(folder).number == mine.number:
            # In place: who reads half of it comes again.
            (folder / f"{PREFIX}{mine.number}").write_text(_text(free), encoding="utf-8")

    def renew(self) -> None:
        """Show that the owner of all these leases is alive."""
        for run_id, mine in list(self._held.items()):
            with suppress(OSError):
                os.utime(self._folder(run_id) / f"{PREFIX}{mine.number}")

    def _renew_on(self) -> None:
        while not self._stop.wait(SECONDS / RENEWALS):
            self.renew()

    def _in_use(self, run_id: str, lease: Lease) -> bool:
        if lease.owner is None:
            return False
        if lease.owner.system == self._me.system:
            return self._alive(lease.owner)
        # Clocks of two machines differ: what counts is how long nothing changes while we look.
        seen, since = self._seen.get(run_id, (None, 0.0))
        if seen != lease:
            since = self._clock()
            self._seen[run_id] = lease, since
        return self._clock() - since < SECONDS


def _numbers(folder: Path) -> set[int]:
    with suppress(FileNotFoundError, NotADirectoryError):
        names = (name.rpartition(PREFIX) for name in os.listdir(folder))
        return {int(number) for before, _, number in names if number.isdecimal() and not before}
    return set()


def _text(lease: Lease) -> str:
    return json.dumps({"owner": lease.owner and asdict(lease.owner), "turns": lease.turns})


def _content(text: str) -> tuple[Owner | None, int]:
    """Owner and turns; a lease that is not written yet, or damaged, ends when it is not renewed."""
    try:
        content = json.loads(text)
        return content["owner"] and Owner(**content["owner"]), int(content["turns"])
    except (ValueError, TypeError, KeyError):
        return UNKNOWN, 0


def _started(process: psutil.Process) -> float:
    boot = psutil.boot_time()  # it jumps with the clock of the system, as the time of creation does
    return process.create_time() - boot


def _system() -> str:
    """Unlike the name of a host, it is neither shared by two containers nor kept by a reboot."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)

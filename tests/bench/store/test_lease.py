"""One process owns a run at a time, and none for good."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bench.store import lease
from bench.store.lease import SECONDS, Leases, Owner, latest, lives, this_process

HERE = "one machine"


class World:
    """A results folder, the processes that share it, and a clock."""

    def __init__(self, root: Path) -> None:
        self.root, self.now = root, 0.0
        self.dead: set[int] = set()

    def folder(self, run_id: str) -> Path:
        return self.root / run_id

    def process(self, pid: int, system: str = HERE) -> Leases:
        me = Owner(f"host of {system}", system, pid, 0.0)
        alive: Callable[[Owner], bool] = lambda owner: owner.pid not in self.dead  # noqa: E731
        return Leases(self.folder, me, lambda: self.now, alive)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder("run").iterdir())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_one_has_it_until_it_is_released(world: World) -> None:
    one, other = world.process(1), world.process(2)
    assert one.take("run")
    assert not other.take("run")
    assert not one.take("run")
    assert str(other.owner("run")) == f"process 1 on host of {HERE}"
    assert other.take("another run")
    one.release("run", ended=True)
    assert other.owner("run") is None
    assert latest(world.folder("run")).turns == 1
    assert other.take("run")
    assert latest(world.folder("run")).turns == 1, "it is kept while it goes on"
    other.release("run")
    assert latest(world.folder("run")).turns == 1, "given back, not carried out"
    assert world.files() == ["lease-2"]


def test_of_a_dead_process_of_this_machine_it_is_taken_at_once(world: World) -> None:
    assert world.process(1).take("run")
    other = world.process(2)
    assert not other.take("run")
    world.dead.add(1)
    assert other.take("run")
    assert not world.process(3).take("run")


def test_of_another_machine_it_is_taken_when_it_is_not_renewed(world: World) -> None:
    far, here = world.process(1, "another machine"), world.process(5)
    world.dead.add(1)
    assert far.take("run"), "its number says nothing here"
    path = world.folder("run") / "lease-1"
    for step in range(1, 5):
        assert not here.take("run")
        world.now += SECONDS - 1
        assert not here.take("run")
        # What the clock of the other says does not count, only that it has changed.
        os.utime(path, (1000 - step, 1000 - step))
    before = path.stat().st_mtime_ns
    far.renew()
    assert path.stat().st_mtime_ns > before
    assert not here.take("run")
    world.now += SECONDS
    assert here.take("run")
    far.renew()
    far.release("run")
    owner = world.process(2).owner("run")
    assert owner is not None, "who lost it cannot give it back"
    assert owner.system == HERE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": {"pid": 1}, "turns": 0}'])
def test_what_cannot_be_read_ends_too(world: World, text: str) -> None:
    world.folder("run").mkdir()
    (world.folder("run") / "lease-7").write_text(text)
    one = world.process(1)
    assert not one.take("run")
    world.now += SECONDS
    assert one.take("run")
    assert world.files() == ["lease-8"]


@pytest.mark.parametrize("before", ["nothing", "released", "dead"])
def test_of_many_at_once_one_wins(world: World, before: str) -> None:
    for round_ in range(20):
        run_id = f"run {round_}"
        if before != "nothing":
            former = world.process(99)
            assert former.take(run_id)
            if before == "released":
                former.release(run_id)
        world.dead.add(99)
        processes = [world.process(pid) for pid in range(8)]
        barrier, won = threading.Barrier(8), []

        def compete(process: Leases) -> None:
            barrier.wait()  # noqa: B023
            if process.take(run_id):  # noqa: B023
                won.append(process)  # noqa: B023

        threads = [threading.Thread(target=compete, args=(each,)) for each in processes]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(won) == 1
        world.dead.discard(99)


def test_who_saw_it_free_long_ago_is_too_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look and its file the run was taken, given back, and taken again."""
    late = world.process(3)
    seen = latest(world.folder("run"))
    for pid in (1, 2):
        assert world.process(pid).take("run")
        world.dead.add(pid)
    world.dead.discard(2)
    assert world.files() == ["lease-2"]
    with monkeypatch.context() as patched:
        patched.setattr(lease, "latest", lambda _: seen)
        assert not late.take("run")
    assert world.files() == ["lease-2"]
    assert not late.take("run")


def test_they_are_renewed_while_it_lasts_and_released_at_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "SECONDS", 0.01)
    path = world.folder("run") / "lease-1"
    with world.process(1) as leases:
        assert leases.take("run")
        os.utime(path, (0, 0))
        for _ in range(1000):
            if path.stat().st_mtime > 0:
                break
            threading.Event().wait(0.01)
        assert path.stat().st_mtime > 0
    assert world.process(2).take("run")


def test_which_processes_live() -> None:
    me = this_process()
    assert lives(me)
    assert not lives(Owner(me.host, me.system, me.pid, me.started - 100)), "its number, used again"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        owner = Owner(me.host, me.system, child.pid, lease._started(psutil.Process(child.pid)))
        assert lives(owner)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not lives(owner), "nobody has asked for its exit status yet"
    finally:
        child.communicate()
    assert not lives(owner)

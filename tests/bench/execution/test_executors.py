from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from bench.errors import UsageError
from bench.execution import executors
from bench.execution.executors import Ended, Failed, inline, processes, tell
from tests.bench.execution.tasks import (
    by_name,
    draws,
    error,
    eventually,
    hammer,
    interrupted,
    is_alive,
    killed,
    killed_while_it_tells,
    killed_with_a_result,
    leave_pid,
    leaves_in_order,
    meet,
    prepared,
    put,
    refuse,
    square,
    threads,
    unreadable_error,
    unreadable_result,
    workers,
)

LOCAL = [engine for engine in executors.ENGINES if engine != "ray"]
"""Ray needs a cluster: test_ray.py."""


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    assert workers() == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_and_exceptions_come_back(jobs: int) -> None:
    with executors.create(jobs) as executor:
        for item in (1, 2, 3, 4):
            executor.submit(str(item), square, item)
        outcomes = by_name(executor)
        assert by_name(executor) == {}
        executor.submit("5", square, 5)
        assert by_name(executor) == {"5": Ended("5", 25)}
    failed = outcomes.pop("3")
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ValueError)
    assert str(failed.error) == "three"
    assert outcomes == {name: Ended(name, int(name) ** 2) for name in ("1", "2", "4")}


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_is_heard_in_order_and_in_the_thread_of_the_caller(jobs: int) -> None:
    heard: dict[str, list[float]] = {"1": [], "2": []}
    heard_in = set()
    before_the_end = []

    def listener(name: str, done: float) -> None:
        heard[name].append(done)
        heard_in.add(threading.get_ident())
        before_the_end.append(name not in ended)

    ended = []
    with executors.create(jobs) as executor:
        executor.submit("1", square, 1)
        executor.submit("2", square, 2)
        for outcome in executor.ends(listener):
            ended.append(outcome.name)
    assert heard == {"1": [0, 0.25, 0.5, 0.75, 1], "2": [0, 0.25, 0.5, 0.75, 1]}
    assert heard_in == {threading.get_ident()}
    assert all(before_the_end)


def test_nobody_need_listen() -> None:
    assert square(2) == 4
    tell("2", 0.5)


def test_progress_does_not_wait_for_a_caller_that_is_busy(tmp_path: Path) -> None:
    with executors.create(2) as executor:
        executor.submit("first", square, 1)
        executor.submit("hammer", hammer, tmp_path, 30_000)
        outcomes = executor.ends()
        assert next(outcomes).name == "first"
        (tmp_path / "begin").touch()
        assert eventually((tmp_path / "end").exists), "the task waits until it is listened to"
        assert list(outcomes) == [Ended("hammer", None)]


def test_more_may_be_submitted_meanwhile() -> None:
    for jobs in (1, 2):
        with executors.create(jobs) as executor:
            executor.submit("0", square, 0)
            names = []
            for outcome in executor.ends():
                names.append(outcome.name)
                if len(names) < 4:
                    executor.submit(str(len(names) * 4), square, 4)
        assert names == ["0", "4", "8", "12"]


@pytest.mark.parametrize("engine", LOCAL)
def test_tasks_begin_in_the_order_in_which_they_were_submitted(engine: str) -> None:
    with executors.create(1, engine=engine) as executor:
        for item in (4, 1, 5, 2):
            executor.submit(str(item), square, item)
        assert [outcome.name for outcome in executor.ends()] == ["4", "1", "5", "2"]


def test_no_more_tasks_at_a_time_than_jobs(tmp_path: Path) -> None:
    with executors.create(2) as executor:
        for item in range(5):
            executor.submit(str(item), meet, tmp_path, item, 2)
        results = [outcome.result for outcome in executor.ends() if isinstance(outcome, Ended)]
        assert len(workers()) == 2
    assert len(results) == 5
    assert max(results) == 2
    with executors.create(2) as executor:
        executor.submit("alone", put, tmp_path, "alone")
        assert isinstance(by_name(executor)["alone"], Ended)
        assert len(workers()) == 1, "a process without a task was started"


def test_each_process_is_prepared_first(tmp_path: Path) -> None:
    with executors.create(2, partial(leave_pid, tmp_path)) as executor:
        for item in range(4):
            executor.submit(str(item), prepared, tmp_path)
        assert by_name(executor) == {str(item): Ended(str(item), True) for item in range(4)}
    assert len(list(tmp_path.iterdir())) == 2
    assert str(os.getpid()) not in os.listdir(tmp_path)
    with executors.create(2, refuse) as executor:
        executor.submit("refused", square, 1)
        assert "exit status 1" in error(by_name(executor)["refused"])


def test_a_process_that_dies_costs_its_own_task_only(tmp_path: Path) -> None:
    with executors.create(2) as executor:
        executor.submit("long", put, tmp_path, "long", 3)
        executor.submit("killed", killed)
        executor.submit("segmentation fault", killed, signal.SIGSEGV)
        for item in (1, 2):
            executor.submit(str(item), square, item)
        outcomes = by_name(executor)
    died = error(outcomes.pop("killed"))
    assert died == "its process died (Killed); was it out of memory?"
    assert "Segmentation fault" in error(outcomes.pop("segmentation fault"))
    assert all(isinstance(outcome, Ended) for outcome in outcomes.values())
    assert set(outcomes) == {"long", "1", "2"}


def test_a_process_that_dies_without_a_task_costs_nothing() -> None:
    with executors.create(2) as executor:
        executor.submit("1", square, 1)
        by_name(executor)
        (worker,) = workers()
        worker.kill()
        assert eventually(lambda: multiprocessing.active_children() == [])
        executor.submit("2", square, 2)
        assert by_name(executor) == {"2": Ended("2", 4)}


def test_a_process_killed_while_it_tells_holds_up_nobody() -> None:
    with executors.create(2) as executor:
        for item in range(6):
            executor.submit(f"tells {item}", killed_while_it_tells, 0.05 + 0.001 * item)
        executor.submit("4", square, 4)
        outcomes = by_name(executor)
        left = time.monotonic()
    assert time.monotonic() - left < 3
    assert outcomes.pop("4") == Ended("4", 16)
    assert len(outcomes) == 6
    assert all("Killed" in error(outcome) for outcome in outcomes.values())


def test_a_process_killed_while_it_sends_its_result_holds_up_nobody(tmp_path: Path) -> None:
    with executors.create(2) as executor:
        executor.submit("1", square, 1)
        executor.submit("sends", killed_with_a_result, tmp_path)
        outcomes = executor.ends()
        assert next(outcomes) == Ended("1", 1)
        (tmp_path / "begin").touch()
        assert eventually(lambda: len(multiprocessing.active_children()) == 1)
        executor.submit("2", square, 2)
        (failed,) = (outcome for outcome in outcomes if outcome != Ended("2", 4))
    assert failed.name == "sends"
    assert "Killed" in error(failed)


def test_a_process_leaves_it_to_its_parent_what_ctrl_c_means() -> None:
    with executors.create(2) as executor:
        executor.submit("interrupted", interrupted)
        assert by_name(executor) == {"interrupted": Ended("interrupted", "goes on")}


def test_what_cannot_be_sent_fails_its_own_task_with_its_reason() -> None:
    with executors.create(2) as executor:
        executor.submit("error", unreadable_error)
        executor.submit("result", unreadable_result)
        executor.submit("2", square, 2)
        outcomes = by_name(executor)
        with pytest.raises((AttributeError, TypeError)):
            executor.submit("function", lambda: 0)
    assert error(outcomes["error"]) == "TwoArgumentsError: first second"
    assert "lambda" in error(outcomes["result"])
    assert outcomes["2"] == Ended("2", 4)


@pytest.mark.parametrize("engine", LOCAL)
def test_tasks_are_forgotten_when_the_executor_is_left(engine: str) -> None:
    with executors.create(2, engine=engine) as executor:
        executor.submit("1", square, 1)
    assert list(executor.ends()) == []


@pytest.mark.parametrize("tells", [False, True])
def test_leaving_ends_tasks_at_once(tmp_path: Path, tells: bool) -> None:
    (tmp_path / "begin").touch()
    with executors.create(2) as executor:
        executor.submit("first", square, 1)
        for item in range(3):
            if tells:
                executor.submit(str(item), hammer, tmp_path, math.inf)
            else:
                executor.submit(str(item), put, tmp_path, item, 60)
        assert next(executor.ends()).name == "first"
        left = time.monotonic()
    assert time.monotonic() - left < 3
    assert workers() == []


def test_a_task_that_is_ended_may_leave_in_order(tmp_path: Path) -> None:
    with executors.create(2) as executor:
        executor.submit("first", square, 1)
        executor.submit("leaves", leaves_in_order, tmp_path)
        assert next(executor.ends()).name == "first"
        assert eventually((tmp_path / "begun").exists)
    assert (tmp_path / "left").exists()


PARENT = """
import signal, sys, time
from pathlib import Path
from bench.execution import executors
from tests.bench.execution.tasks import put

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what nohup starts
    with executors.create(int(sys.argv[1])) as executor:
        for name in ("0", "1"):
            executor.submit(name, put, Path(), name, 60)
        list(executor.ends())
"""


@pytest.mark.parametrize(
    ("jobs", "how", "early"),
    [
        (1, signal.SIGINT, False),
        (2, signal.SIGINT, False),
        (2, signal.SIGINT, True),
        (2, signal.SIGKILL, False),
        (2, signal.SIGKILL, True),
    ],
)
def test_no_process_outlives_its_parent(
    tmp_path: Path, jobs: int, how: signal.Signals, early: bool
) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    path = os.pathsep.join([os.getcwd(), str(Path(__file__).parents[3])])
    with subprocess.Popen(
        [sys.executable, "parent.py", str(jobs)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        if early:
            assert eventually(lambda: len(workers()) == jobs)
        else:
            assert eventually(lambda: len(list(tmp_path.glob("[01]"))) == jobs)
        started = workers()
        if how == signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal does
        else:
            parent.send_signal(how)
        _, errors = parent.communicate(timeout=10)
    assert eventually(lambda: not any(is_alive(worker) for worker in started), seconds=5)
    if how == signal.SIGINT and not early:
        assert errors.count("Traceback") == 1, "a worker has complained as well"
        assert errors.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_has_one_thread_whatever_the_number_of_processes(jobs: int) -> None:
    with executors.create(jobs) as executor:
        for name in ("0", "1"):
            executor.submit(name, threads)
        assert by_name(executor) == {"0": Ended("0", 1), "1": Ended("1", 1)}


def test_engines_give_the_same_numbers() -> None:
    results = []
    for engine in LOCAL:
        with executors.create(2, engine=engine) as executor:
            executor.submit("draws", draws, 0)
            (outcome,) = executor.ends()
        assert isinstance(outcome, Ended)
        results.append(outcome.result)
    assert torch.equal(results[0], results[1])


def test_an_engine_is_chosen_by_name() -> None:
    assert isinstance(executors.create(1), inline.Inline)
    assert isinstance(executors.create(2), processes.Processes)
    with pytest.raises(UsageError, match=r"'rai'; .*\(allowed: inline, processes, ray\)"):
        executors.create(2, engine="rai")

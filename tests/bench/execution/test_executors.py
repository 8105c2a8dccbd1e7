from __future__ import annotations

import os
import signal

import pytest
import torch

from bench.executors import Executor, tell


def work(item: int) -> int:
    if item == 3:
        raise ValueError("three")
    tell(f"item {item}", 0.5)
    return item * item


def die(item: int) -> int:
    if item == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def threads(item: int) -> int:
    return torch.get_num_threads()


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_and_exceptions_come_back(jobs: int) -> None:
    heard: list[tuple[str, float]] = []
    with Executor(jobs, lambda name, done: heard.append((name, done))) as executor:
        results = dict(executor.run(work, [1, 2, 3, 4]))
        again = dict(executor.run(work, [5]))
    assert str(results.pop(3)) == "three"
    assert results == {1: 1, 2: 4, 4: 16}
    assert again == {5: 25}
    if jobs == 1:
        assert heard == [(f"item {item}", 0.5) for item in (1, 2, 4, 5)]


def test_a_process_that_dies_costs_its_own_task_only() -> None:
    with Executor(2) as executor:
        results = dict(executor.run(die, [1, 0, 2, 3, 4]))
    assert "its process died" in str(results.pop(0))
    assert results == {1: 1, 2: 2, 3: 3, 4: 4}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_has_one_thread_whatever_the_number_of_processes(jobs: int) -> None:
    before = torch.get_num_threads()
    with Executor(jobs) as executor:
        assert [found for _, found in executor.run(threads, [0, 1])] == [1, 1]
    torch.set_num_threads(before)

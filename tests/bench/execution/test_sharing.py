"""What this process does of its tasks where another one works on the same folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench.evaluation import Outcome, Result
from bench.execution.estimate import Estimate
from bench.execution.executors import End, Ended, Executor, Listener
from bench.execution.executors.base import nothing
from bench.execution.run import Report, Task, Terms
from bench.execution.schedule import carry_out
from bench.store import Store
from bench.store.lease import Leases, Owner
from bench.suite import RunSpec
from reports import Status
from tests.bench.conftest import MakeSpec, measured_of


class Noting(Executor):
    """Notes the tasks that it is given; each is done at once, and keeps a record."""

    def __init__(self, store: Store) -> None:
        super().__init__(jobs=2)
        self.store, self.done = store, list[Task]()

    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        self._waiting.append(arguments[0])

    def ends(self, listener: Listener = nothing) -> Iterator[End]:
        while self._waiting:
            task: Task = self._waiting.popleft()
            listener(task.spec.run_id, 0.5)
            self.done.append(task)
            self.store.begin(task.spec, {})
            self.store.write_record(task.spec.run_id, {"status": Status.FINISHED})
            yield Ended(task.spec.run_id, Report(Status.FINISHED))

    def close(self) -> None:
        pass


class Shared:
    """A results folder of three runs; of the first another process has the lease."""

    def __init__(self, root: Path, runs: list[RunSpec]) -> None:
        self.store = Store.open(root)
        self.runs, (self.theirs, *_) = runs, runs
        self.executor = Noting(self.store)
        far = Owner("far", "another machine", 1, 0.0)
        self.other = Leases(lambda run_id: root / "runs" / run_id, far)
        assert self.other.take(self.theirs.run_id)

    def carry_out(self, *tasks: Task, following: Callable[..., list[Task]] = lambda _: []) -> None:
        expected = {run.run_id: Estimate(1.0, 1.0) for run in self.runs}
        cpu = torch.device("cpu")
        with self.store.leases() as leases:
            chosen = tasks or tuple(Task(run, (), train=True) for run in self.runs)
            carry_out(
                chosen,
                self.store,
                cpu,
                self.executor,
                expected,
                leases=leases,
                following=following,
            )

    def end(self, status: Status) -> None:
        self.store.begin(self.theirs, {})
        self.store.write_record(self.theirs.run_id, {"status": status})
        self.other.release(self.theirs.run_id, ended=True)


@pytest.fixture
def shared(tmp_path: Path, make_spec: MakeSpec) -> Shared:
    return Shared(tmp_path / "results", [make_spec(seed=seed) for seed in range(3)])


def while_waiting(monkeypatch: pytest.MonkeyPatch, *events: Callable[[], object]) -> None:
    """Let one thing happen in each moment that is spent on waiting."""
    left = list(events)
    monkeypatch.setattr(time, "sleep", lambda _: left.pop(0)())


@pytest.mark.parametrize("status", [Status.FINISHED, Status.DIVERGED, Status.FAILED])
def test_what_another_process_does_comes_last_and_is_not_done_again(
    shared: Shared,
    status: Status,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    while_waiting(monkeypatch, lambda: None, lambda: shared.end(status))
    shared.carry_out()
    assert [task.spec for task in shared.executor.done] == shared.runs[1:]
    said = capsys.readouterr().err
    assert said.count("waiting for 1 run(s) of process 1 on far: nothing else is left to do") == 1
    assert f"[3/3] {shared.theirs.title}: {status}, done by another process" in said
    assert [shared.store.turns(run.run_id) for run in shared.runs] == [1, 1, 1]


def test_what_it_gives_back_undone_is_done_here(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_waiting(monkeypatch, lambda: shared.other.release(shared.theirs.run_id))
    shared.carry_out()
    assert [task.spec for task in shared.executor.done] == [*shared.runs[1:], shared.theirs]


def test_what_is_free_meanwhile_is_begun_as_soon_as_there_is_room(shared: Shared) -> None:
    ends = shared.executor.ends
    waiting = []

    def freed(listener: Listener = nothing) -> Iterator[End]:
        def heard(name: str, done: float) -> None:
            if shared.theirs.run_id in shared.other._held and len(shared.executor.done) == 1:
                shared.other.release(shared.theirs.run_id)
            listener(name, done)
            waiting.append(len(shared.executor._waiting))

        yield from ends(heard)

    shared.executor.ends = freed  # type: ignore[method-assign]
    shared.carry_out()
    assert waiting == [1, 1, 0], "it is there while the second is still being done"
    assert [task.spec for task in shared.executor.done] == [*shared.runs[1:], shared.theirs]


@pytest.mark.parametrize("tried", [True, False])
def test_only_measurements_that_nobody_made_are_left(
    shared: Shared, tried: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that failed is left alone if that was after this process had made its plan."""
    made, failed, *others = measured_of(features=())
    terms = Terms(retry_failed=True)
    task = Task(shared.theirs, (made, failed, *others), True, terms, 0 if tried else 1)

    def measure() -> None:
        for measurement, outcome in ((made, Outcome.MEASURED), (failed, Outcome.FAILED)):
            result = Result(outcome, 1.0)
            shared.store.write_measurement(shared.theirs.run_id, measurement, result, {})
        shared.end(Status.FINISHED)

    while_waiting(monkeypatch, measure)
    shared.carry_out(task)
    (done,) = shared.executor.done
    assert not done.train
    assert done.measurements == (tuple(others) if tried else (failed, *others))


def test_what_follows_from_others_is_done_before_waiting(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, later = shared.runs[1:]
    tasks = [Task(run, (), train=True) for run in (shared.theirs, mine)]
    asked: list[list[str]] = []

    def following(tried: list[str]) -> list[Task]:
        asked.append(list(tried))
        return [Task(later, (), train=True)] if len(asked) == 1 else []

    while_waiting(monkeypatch, lambda: shared.end(Status.FINISHED))
    shared.carry_out(*tasks, following=following)
    assert [task.spec for task in shared.executor.done] == [mine, later]
    one, two, three = mine.run_id, later.run_id, shared.theirs.run_id
    assert asked == [[one], [one, two], [one, two, three]]

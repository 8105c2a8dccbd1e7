"""What is done with tasks whose process died."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench.execution.estimate import Estimate
from bench.execution.executors import DiedError, End, Ended, Executor, Failed, Listener
from bench.execution.run import Report
from bench.execution.schedule import carry_out, pending
from bench.store import Store
from bench.suite import Plan, RunSpec
from reports import Row, Status
from tests.bench.conftest import MakeSpec


class Forgetful(Executor):
    """An executor whose processes die of the first tasks that they are given, one after another."""

    def __init__(self, deaths: dict[str, int]) -> None:
        super().__init__(jobs=2)
        self.deaths = deaths
        self.waiting: list[str] = []
        self.together: list[list[str]] = []

    def submit(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        self.waiting.append(name)

    def ends(self, listener: Listener = lambda *_: None) -> Iterator[End]:
        names, self.waiting = self.waiting, []
        self.together += [names] if names else []
        for name in names:
            if self.deaths.get(name, 0):
                self.deaths[name] -= 1
                yield Failed(name, DiedError("its process died (Killed)"))
            else:
                yield Ended(name, Report(Status.FINISHED))

    def close(self) -> None:
        pass


def test_a_task_whose_process_died_is_tried_once_more_alone(
    make_spec: MakeSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[RunSpec] = [make_spec(seed=seed) for seed in range(4)]
    first, second, third, fourth = (run.run_id for run in runs)
    plan = Plan(
        suite="test",
        title="Test",
        budget="tiny",
        budget_description="",
        rows=[Row("gaussian", "gaussian", {})],
        by_column={"key": runs},
        measurements={runs[0].column_key: ()},
    )
    store = Store.open(tmp_path)
    executor = Forgetful({second: 1, third: 2})
    expected = {run.run_id: Estimate(1.0, 1.0) for run in runs}
    with store.leases() as leases:
        tasks = pending(plan, store)
        carry_out(tasks, store, torch.device("cpu"), executor, expected, leases=leases)
    assert executor.together == [[first, second], [third, fourth], [second], [third]]
    assert "tried once more when the others have ended" in capsys.readouterr().err
    record = store.record(third)
    assert record is not None
    assert record["status"] == "failed"
    assert record["error"] == "DiedError: its process died (Killed)"
    assert store.record(second) is None  # it came to an end, and this executor kept nothing

"""What a run costs beside its training and its measurements.

`python -m tests.benchmarks.overhead` prints the table of docs/scaling.md: a thousand runs that do
nothing are taken, begun, recorded and released in a results folder, by each executor that is here.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import torch
from tabulate import tabulate

import datasets
from bench import models
from bench.environment import Watch, circumstances, environment
from bench.execution import schedule
from bench.execution.estimate import Estimate
from bench.execution.executors import ENGINES, Executor, create
from bench.execution.run import Report, Task
from bench.store import Store
from bench.suite import RunSpec
from bench.training import History, Training
from likelihoods import fingerprint
from reports import Status
from tests.benchmarks import overhead

CPU = torch.device("cpu")


def begin_and_end(task: Task, store: Store, device: torch.device) -> Report:
    """Everything that is written of a run, without what is computed."""
    watch = Watch(device, "overhead")
    store.begin(task.spec, watch.read())
    store.write_record(task.spec.run_id, {"status": Status.FINISHED, "error": ""})
    return Report(Status.FINISHED)


def do_nothing(task: Task, store: Store, device: torch.device) -> Report:
    """Not even that: what is left are the lease, the executor and its messages."""
    del task, store, device
    return Report(Status.FINISHED)


def spec(seed: int) -> RunSpec:
    """A run that differs from the others in its seed."""
    return RunSpec(
        data_set="digits",
        data_checksum=datasets.status("digits").checksum or "",
        model="vae",
        model_options={},
        model_version=models.version("vae"),
        likelihood="gaussian",
        likelihood_options={},
        likelihood_source=fingerprint("gaussian"),
        seed=seed,
        training=Training(steps=1),
        history=History(),
    )


def milliseconds(executor: Executor, tasks: list[Task]) -> float:
    """Time a task, after a few that start the processes."""
    expected = {task.spec.run_id: Estimate(0.0, 0.0) for task in tasks}
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder))
        few = 4 * executor.jobs
        with store.leases() as leases:
            for some in (tasks[:few], tasks[few:]):
                started = time.perf_counter()
                schedule.carry_out(some, store, CPU, executor, expected, leases=leases)
    return 1e3 * (time.perf_counter() - started) / len(tasks[few:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    print(circumstances(environment(CPU)), "\n")
    tasks = [Task(spec(seed), (), train=True) for seed in range(runs)]
    rows = []
    for engine in sorted(set(ENGINES) - ({"ray"} if find_spec("ray") is None else set())):
        jobs = 1 if engine == "inline" else 2
        with create(jobs, engine=engine) as executor:
            times = []
            for work in (overhead.do_nothing, overhead.begin_and_end):
                schedule._work = work
                times.append(milliseconds(executor, tasks))
        rows.append([engine, jobs, *times])
    headers = ["executor", "runs at a time", "nothing (ms)", "begun and recorded (ms)"]
    print(tabulate(rows, headers, tablefmt="pipe", floatfmt=".1f"))


if __name__ == "__main__":
    main()

"""Ray on a real cluster of several nodes, all of them on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

import datasets
from bench import CHECKOUT, interrupts
from bench.cli import main
from bench.data import on_device
from bench.execution.cluster import Share, connect
from bench.execution.executors import DiedError, Ended, Failed, tell
from bench.execution.executors import ray as engine
from bench.execution.executors.ray import Ray
from bench.store import Store
from bench.training import trainer
from datasets.core import registry
from tests.bench.conftest import no_features
from tests.bench.execution.tasks import (
    by_name,
    draws,
    error,
    eventually,
    is_alive,
    killed,
    square,
    threads,
    unreadable_error,
)

pytest.importorskip("ray", reason="ray is not installed: pip install '.[ray]'")

CPU = torch.device("cpu")
STEPS = 40


def count(store: Store, name: str, on: Path) -> tuple[int, int]:
    """Count up to `STEPS` with a checkpoint each; returns the first number and the process.

    Half-way it waits for a file, and tells so for ever: what the test does then hits it there.
    """
    import ray

    state = store.state(name, "checkpoint", CPU) or {"step": 0}
    node = ray.get_runtime_context().get_node_id()
    for step in range(state["step"], STEPS):
        while step == STEPS // 2 and not on.exists():
            tell(name, os.getpid())
            time.sleep(0.3)
        store.write_state(name, "checkpoint", {"step": step + 1, "node": node})
    return state["step"], os.getpid()


def train(store: Store, name: str) -> None:
    """Train until told to end, as trainings do: with a checkpoint then."""
    store.write_state(name, "checkpoint", {"pid": os.getpid()})
    with interrupts.postponed():
        while not interrupts.came():
            tell(name, 0.5)
            time.sleep(0.1)
        store.write_state(name, "checkpoint", {"pid": os.getpid(), "last": True})


def measure(store: Store, name: str) -> None:
    """Do what Python cannot interrupt."""
    store.write_state(name, "checkpoint", {"pid": os.getpid()})
    tell(name, 0.5)
    time.sleep(600)


def code() -> tuple[Path, list[str]]:
    """Where this process has the code from, and what there is of it."""
    return CHECKOUT, sorted(path.name for path in CHECKOUT.iterdir())


def facts(name: str) -> tuple[int, str | None, list[int]]:
    data = on_device(name, CPU)
    assert data.labels is not None
    return int(data.train.sum()), data.checksum, data.labels["test"].tolist()


def double(store: Store, key: str) -> None:
    """Keep twice of what the store at home has kept."""
    state = store.cached(key)
    assert state is not None
    store.cache(f"{key} doubled", {"value": 2 * state["value"]})


class MadeUp(datasets.Loader):
    """A data set that no other process knows."""

    shape = (1, 2, 2)
    counts = (4, 2, 2)
    description = folder = advice = ""
    bytes = 0

    def files(self, root: Path) -> list[Path]:
        return [root / "made-up"]

    def read(self, root: Path) -> datasets.Content:
        train, validation, test = (np.full((n, 1, 2, 2), 7, np.uint8) for n in self.counts)
        return datasets.Content(train, validation, test, {"test": np.array([3, 4])})


class Nodes:
    """A cluster of a head, which stays, and two others, which are replaced when they are lost."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._each = {"num_cpus": 1, "object_store_memory": 100_000_000}
        self.whole = Cluster(initialize_head=True, head_node_args=self._each)
        self.address: str = self.whole.address
        self.others = [self.whole.add_node(**self._each) for _ in range(2)]

    def lose(self, nodes: list[Any]) -> None:
        for node in list(nodes):
            self.whole.remove_node(node, allow_graceful=False)
            self.others.remove(node)
            self.others.append(self.whole.add_node(**self._each))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    import ray

    # The nodes have these tests and the packages, and not the code: it must be sent.
    own = tmp_path_factory.mktemp("own")
    (own / "tests").symlink_to(CHECKOUT / "tests")
    others = [each for each in sys.path if each and Path(each).resolve() != CHECKOUT]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(own), *others]))
        patch.setenv("OMP_NUM_THREADS", "1")
        found = Nodes()
        yield found
        ray.shutdown()
        found.whole.shutdown()


@pytest.fixture(scope="module")
def share(cluster: Nodes) -> Share:
    before = signal.getsignal(signal.SIGTERM)
    found = connect(cluster.address)
    assert signal.getsignal(signal.SIGTERM) is before
    assert found == Share(CPU, 1.0, 0.0)
    return found


def test_tasks_come_to_their_ends_as_with_other_engines(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOSSES", 1)
    heard = []
    executor = Ray(None, share=share)
    assert executor.jobs == 3
    for item in (1, 2, 3, 4):
        executor.submit(str(item), square, item)
    executor.submit("threads", threads)
    executor.submit("draws", draws, 0)
    executor.submit("code", code)
    executor.submit("error", unreadable_error)
    executor.submit("killed", killed)
    with pytest.raises((AttributeError, TypeError)):
        executor.submit("function", lambda: 0)
    ends = {each.name: each for each in executor.ends(lambda *each: heard.append(each))}
    assert {ends[name] for name in "124"} == {Ended(name, int(name) ** 2) for name in "124"}
    assert error(ends["3"]) == "three"
    assert error(ends["error"]) == "TwoArgumentsError: first second"
    died = ends["killed"]
    assert isinstance(died, Failed)
    assert isinstance(died.error, DiedError)
    assert ("1", 0) in heard
    assert ends["threads"] == Ended("threads", 1)
    drawn = ends["draws"]
    assert isinstance(drawn, Ended)
    assert torch.equal(drawn.result, draws(0))
    sent = ends["code"]
    assert isinstance(sent, Ended)
    assert sent.result[0] != CHECKOUT, "the code was not sent"
    assert sent.result[1] == ["bench", "datasets", "likelihoods", "reports"]
    assert len(ends) == 9


def test_data_and_features_come_from_home(
    share: Share, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "made_up" not in datasets.names()  # finds all others first
    monkeypatch.setattr(registry, "_loaders", dict(registry._loaders))
    datasets.register("made_up")(MadeUp)
    store = Store.open(tmp_path)
    store.cache("seven", {"value": 7})
    executor = Ray(2, share=share)
    for name in ("made_up", "digits"):
        executor.submit(name, facts, name)
    executor.submit("absent", facts, "absent")
    executor.submit("double", double, store, "seven")
    ends = by_name(executor)
    assert "unknown data set 'absent'" in error(ends.pop("absent"))
    assert ends == {
        "made_up": Ended("made_up", facts("made_up")),
        "digits": Ended("digits", facts("digits")),
        "double": Ended("double", None),
    }
    assert store.cached("seven doubled") == {"value": 14}


def test_what_a_lost_machine_did_goes_on_from_its_last_checkpoint(
    share: Share, cluster: Nodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, names, on = Store.open(tmp_path / "results"), ("a", "b", "c", "d"), tmp_path / "on"
    executor = Ray(3, share=share)
    for name in names:
        executor.submit(name, count, store, name, on)
    waiting: dict[str, set[float]] = {}  # the processes that carry out a task, one after the other
    lost = ""

    def lose(name: str, pid: float) -> None:
        nonlocal lost
        waiting.setdefault(name, set()).add(pid)
        if not lost and len(waiting) == 3:  # each on a machine of its own
            states = {each: store.state(each, "checkpoint", CPU) or {} for each in waiting}
            node = cluster.others[0]
            (lost,) = (each for each in states if states[each]["node"] == node.node_id)
            cluster.lose([node])
        if lost and len(waiting[lost]) == 2:
            on.touch()

    results = {end.name: end.result for end in executor.ends(lose) if isinstance(end, Ended)}
    starts = {name: start for name, (start, _) in results.items()}
    assert starts == {name: STEPS // 2 if name == lost else 0 for name in names}
    assert all((store.state(name, "checkpoint", CPU) or {})["step"] == STEPS for name in names)
    # What is sent to a machine before its death is known is lost once more.
    assert f"{lost} is lost; it goes on" in capsys.readouterr().err
    executor.close()
    assert eventually(lambda: not any(_lives(pid) for _, pid in results.values()), 10)


def test_tasks_that_are_ended_leave_their_last_checkpoint(cluster: Nodes, tmp_path: Path) -> None:
    store, heard = Store.open(tmp_path), set()

    def interrupt(name: str, done: float) -> None:
        heard.add(name)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with Ray(None, share=connect(cluster.address)) as executor:
        executor.submit("trains", train, store, "trains")
        executor.submit("measures", measure, store, "measures")
        with pytest.raises(KeyboardInterrupt):
            list(executor.ends(interrupt))
    trained, measured = (store.state(name, "checkpoint", CPU) or {} for name in sorted(heard)[::-1])
    assert trained["last"]
    assert eventually(lambda: not (_lives(trained["pid"]) or _lives(measured["pid"])), 10)


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_alive(psutil.Process(pid))


SLOW = """
import time
from pathlib import Path

from torch import distributions as D

from beside import scale_of
from bench.training import trainer
from likelihoods import Likelihood

trainer.CHECKPOINT_SECONDS = 0.2
put_back, run = trainer.Trainer.load_state_dict, trainer.Trainer.run


def tell(self, state):
    with Path("LOG").open("a") as log:
        log.write(f"{self.seed} goes on from {state['step']}\\n")
    put_back(self, state)


def wait_half_way(self, progress, **others):
    def wait(done):
        progress(done)
        while done >= 0.5 and not Path("MAY_END").exists():
            time.sleep(0.1)

    return run(self, progress=wait, **others)


trainer.Trainer.load_state_dict, trainer.Trainer.run = tell, wait_half_way


class Slow(Likelihood):
    measure = "density"
    outputs_per_value = 1

    def forward(self, outputs, target=None):
        if self.training:
            time.sleep(0.1)
        return D.Independent(D.Laplace(outputs.sigmoid(), scale_of(self)), 3)
"""


def test_a_suite_survives_machines_and_its_driver(
    cluster: Nodes,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 20.0)  # the file of the test changes all
    for name in ("load_state_dict", "run"):
        monkeypatch.setattr(trainer.Trainer, name, getattr(trainer.Trainer, name))
    no_features(tiny)
    tiny.write_text(tiny.read_text().replace("steps = 6", f"steps = {STEPS}"))
    log, on = tmp_path / "log", tmp_path / "on"  # half-way the slow runs wait for this file
    slow = (
        SLOW.replace("LOG", str(log)).replace("MAY_END", str(on)).replace("HALF", str(STEPS // 2))
    )
    (tmp_path / "slow.py").write_text(slow)
    (tmp_path / "beside.py").write_text("def scale_of(likelihood):\n    return 0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ["run", "--suite", str(tiny), "--likelihoods", "gaussian", "--seeds", "2"]
    words += ["--likelihood", f"{tmp_path / 'slow.py'}:Slow", "--results"]
    far, near = tmp_path / "far", tmp_path / "near"
    on_ray = [*words, str(far), "--executor", "ray", "--ray-address", cluster.address]

    path = os.pathsep.join([str(CHECKOUT), str(tmp_path), *sys.path])
    said = tmp_path / "said"
    with (
        said.open("w") as talk,
        subprocess.Popen(
            [sys.executable, "-m", "bench", *on_ray],
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONPATH": path},
            stderr=talk,
        ) as driver,
    ):
        # On two machines of three: at least one is lost, and the others too are not done.
        begun = eventually(lambda: len(list(far.glob("runs/*Slow*/checkpoint.pt"))) == 2, 300)
        assert begun, said.read_text()
        cluster.lose(cluster.others)
        lost = eventually(lambda: "is lost; it goes on" in said.read_text(), 300)
        assert lost, said.read_text()
        driver.kill()
    log.unlink(missing_ok=True)
    on.touch()

    assert main(on_ray) == 0
    assert "is lost; it goes on" not in capsys.readouterr().err
    went_on = [line.split() for line in log.read_text().splitlines()]
    assert {words[0] for words in went_on} == {"0", "1"}
    assert all(0 < int(words[-1]) < STEPS for words in went_on)
    assert main([*words, str(near), "--executor", "inline"]) == 0
    assert _numbers(far) == _numbers(near)


def _numbers(results: Path) -> dict[str, str | bytes]:
    """Everything that must be the same, wherever the runs were made."""
    import pandas as pd

    found: dict[str, str | bytes] = {}
    table = pd.read_csv(results / "report" / "results.csv", dtype=str)
    without_times = [name for name in table if "seconds" not in str(name)]
    found["results.csv"] = table[without_times].to_csv()
    for run in sorted((results / "runs").iterdir()):
        history = pd.read_csv(run / "history.csv", dtype=str).drop(columns="seconds")
        found[f"{run.name} history"] = history.to_csv()
        files = [run / "weights.pt", *run.glob("*.png"), *run.glob("measurements/*.npz")]
        found |= {str(path.relative_to(results)): path.read_bytes() for path in files}
    assert len(found) > 20
    return found

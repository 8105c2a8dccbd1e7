"""Several commands on one results folder, as in a job array."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from bench.store import Store
from bench.store.lease import latest
from tests.bench.conftest import no_features

TUNING = "[columns.budgets.tiny]\ntuning = { rates = [3e-3] }\n\n[[rows]]"


def words(suite: Path, results: Path, *more: str) -> list[str]:
    return ["run", "--suite", str(suite), "--results", str(results), "--jobs", "1", *more]


def command(arguments: list[str], talk: Path) -> None:
    """The life of a process."""
    with talk.open("w", buffering=1) as sys.stderr:
        sys.exit(main(arguments))


@contextmanager
def commands(count: int, suite: Path, results: Path) -> Iterator[list[ForkServerProcess]]:
    """The same command several times at once, each forked from one that has imported all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bench.execution.schedule", "bench.publishing"])
    begun = [
        context.Process(
            target=command, args=(words(suite, results), suite.with_suffix(f".{i}")), name=str(i)
        )
        for i in range(count)
    ]
    try:
        for process in begun:
            process.start()
        yield begun
    finally:
        for process in begun:
            process.kill()
            process.join()


def own(processes: list[ForkServerProcess], suite: Path) -> Counter[str]:
    """How often the runs were done by the commands, by the lines that say so."""
    titles: Counter[str] = Counter()
    for process in processes:
        process.join(timeout=120)
        talk = suite.with_suffix(f".{process.name}").read_text()
        assert process.exitcode == 0, talk
        lines = [line.split("] ")[1] for line in talk.splitlines() if line.startswith("[")]
        titles.update(
            line.split(": ")[0] for line in lines if "done by another process" not in line
        )
    return titles


def turns(results: Path) -> dict[str, int]:
    store = Store.existing(results)
    return {path.name: store.turns(path.name) for path in results.glob("runs/*")}


def table(results: Path) -> pd.DataFrame:
    found = pd.read_csv(results / "report" / "results.csv")
    return found[[name for name in found if "_seconds" not in str(name)]]


def caught(process: ForkServerProcess, results: Path) -> str:
    """Stop a process in the middle of a run; which one."""
    deadline = time.monotonic() + 120
    assert process.pid is not None
    while process.is_alive():
        assert time.monotonic() < deadline
        for folder in results.glob("runs/*"):
            if (owner := latest(folder).owner) and owner.pid == process.pid:
                os.kill(process.pid, signal.SIGSTOP)
                if latest(folder).owner == owner:
                    return folder.name
                os.kill(process.pid, signal.SIGCONT)
    pytest.fail("it has done nothing")


def test_one_of_four_is_killed_and_the_others_take_over(tiny: Path, tmp_path: Path) -> None:
    no_features(tiny)
    alone, results = tmp_path / "alone", tmp_path / "results"
    assert main(words(tiny, alone)) == 0
    with commands(4, tiny, results) as (victim, *others):
        lost = caught(victim, results)
        victim.kill()
        done = own(others, tiny)
    pd.testing.assert_frame_equal(table(results), table(alone), check_exact=True)
    assert turns(results) == dict.fromkeys(turns(alone), 1)
    assert done[Store(results).spec(lost).title] == 1
    assert set(done.values()) == {1}


def test_two_wait_for_the_trials_of_each_other(tiny: Path, tmp_path: Path) -> None:
    no_features(tiny)
    tiny.write_text(tiny.read_text().replace("[[rows]]", TUNING, 1))
    alone, results = tmp_path / "alone", tmp_path / "results"
    assert main(words(tiny, alone)) == 0
    with commands(2, tiny, results) as both:
        done = own(both, tiny)
    pd.testing.assert_frame_equal(table(results), table(alone), check_exact=True)
    assert turns(results) == dict.fromkeys(turns(alone), 1)
    assert done.total() == len(turns(alone))

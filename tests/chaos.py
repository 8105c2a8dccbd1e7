"""Kill a suite at random moments until it is done, and compare it with one that nobody disturbed.

Run as `python -m tests.chaos --kills 50 --seed 0`. Each command is killed (SIGKILL) after a random
time from the first file that it wrote, unless it ends before; then the same command is given again.
Exit status 0: the results are equal byte for byte, times and what says where they come from apart.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pandas as pd

from bench.cli import main
from bench.store.files import PARTIAL
from bench.training import trainer
from reports import TIMED_ON

SUITE = """
title = "Chaos"

[[columns]]
heading = "Digits"
data = ["digits"]
options = { width = 2, latents = 3 }
training = { learning_rate = 1e-3, batch_size = 16, steps = STEPS }

[[rows]]
likelihood = "gaussian"

[[rows]]
likelihood = "optimal_sigma"

[budgets.tiny]
description = "runs of a few seconds"
seeds = SEEDS

[budgets.tiny.history]
points = 4
images = 64
batch_size = 16

[budgets.tiny.evaluation]
test_images = 64
validation_images = 64
calibration_images = 64
frechet_images = 64
manifold_images = 50
features = []
information_images = 64
importance_samples = 8
importance_images = 64
probe_images = 200
batch_size = 16
"""
FORKS = multiprocessing.get_context("forkserver")
"""Each command is a process of its own, and none has to import everything anew."""
PATIENCE = 300.0
"""Seconds that no command takes."""


def command(folder: Path, results: Path) -> None:
    """Run the suite in this process, with a checkpoint after each step: many kills hit one."""
    with (folder / "log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    trainer.CHECKPOINT_SECONDS = 0.0
    words = ["run", "--suite", str(folder / "chaos.toml"), "--results", str(results), "--jobs", "1"]
    sys.exit(main(words))


def start(folder: Path, results: Path) -> BaseProcess:
    FORKS.set_forkserver_preload(["bench.execution.schedule", "bench.publishing"])
    process = FORKS.Process(target=command, args=(folder, results))
    process.start()
    return process


def newest(results: Path) -> tuple[float, str]:
    """When a file of a results folder was written last, and what it is."""
    found = [(0.0, "nothing")]
    for path in results.rglob("*"):
        with suppress(FileNotFoundError):  # a file that was being written has its name now
            if path.is_file():
                found.append((path.stat().st_mtime, what_is(path.relative_to(results))))
    return max(found)


def what_is(path: Path) -> str:
    """A file of a results folder in words."""
    half = path.suffix == PARTIAL
    name = ".".join(path.name.split(".")[1:-2]) if half else path.name
    if path.parts[0] == "report":
        name = "report"
    elif path.parent.name == "measurements" or name.endswith(".png"):
        name = "measurement"
    return f"{name}, half-written" if half else name


def kill_once(folder: Path, results: Path, seconds: float) -> str | None:
    """Start the command and kill it; return what it had written last, None if it ended before."""
    before = newest(results)
    process = start(folder, results)
    deadline = time.monotonic() + PATIENCE
    while process.is_alive() and newest(results) == before:
        assert time.monotonic() < deadline, "the command does not begin"
        time.sleep(0.002)
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), (folder / "log").read_text()[-2000:]
    return newest(results)[1] if process.exitcode else None


def table(results: Path) -> str:
    """results.csv without what no two suites share."""
    found = pd.read_csv(results / "report" / "results.csv", dtype=str)
    apart = [
        name for name in map(str, found) if "_seconds" in name or name in ("seconds", TIMED_ON)
    ]
    return found.drop(columns=apart).to_csv(index=False)


def chaos(folder: Path, kills: int, seed: int, *, steps: int, seeds: int) -> Counter[str]:
    """Kill a suite so many times, then let it end; return what was written when it was killed.

    A suite that is done before is begun anew.

    Raises:
        AssertionError: its results are not those of a suite that was not disturbed.
    """
    suite = SUITE.replace("STEPS", str(steps)).replace("SEEDS", str(seeds))
    (folder / "chaos.toml").write_text(suite, encoding="utf-8")
    began = time.monotonic()
    assert kill_once(folder, folder / "calm", PATIENCE) is None
    expected, longest = table(folder / "calm"), time.monotonic() - began
    moments, killed, suites = random.Random(seed), Counter[str](), 0
    results = folder / "chaos-0"
    while killed.total() < kills:
        # Most moments are early: so each command does a part of the suite.
        last = kill_once(folder, results, longest * moments.random() ** 2)
        if last is not None:
            killed[last] += 1
            continue
        assert table(results) == expected, f"suite {suites} differs"
        suites += 1
        results = folder / f"chaos-{suites}"
    while kill_once(folder, results, PATIENCE) is not None:
        pass
    assert table(results) == expected, f"suite {suites} differs"
    assert not list(results.rglob("runs/*/*.partial")), "a half-written file was left"
    assert not list(results.rglob("checkpoint.pt")), "a checkpoint was left"
    return killed


def from_command_line() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        killed = chaos(
            Path(name), options.kills, options.seed, steps=options.steps, seeds=options.seeds
        )
    print(f"{killed.total()} kills, seed {options.seed}: the results are equal. Written last:")
    for what, count in killed.most_common():
        print(f"{count:4d}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(from_command_line())

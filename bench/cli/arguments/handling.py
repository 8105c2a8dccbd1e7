"""The options of `bench run` that say how runs are done, which changes no number."""

from __future__ import annotations

import argparse
import math
import shlex
from typing import TYPE_CHECKING

from bench.errors import UsageError, require

if TYPE_CHECKING:
    from bench.execution.run import Terms

MOST_JOBS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Device, jobs, limits, and what is told meanwhile."""
    add = parser.add_argument
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    add(
        "--jobs",
        type=int,
        metavar="N",
        help="runs at a time; default: one a core on the CPU, one on a GPU",
    )
    add(
        "--max-seconds-per-run",
        type=float,
        metavar="S",
        help="stop a run after so many seconds of training; with more it goes on from there",
    )
    add("--however-long", action="store_true", help="begin even what is to take over a year")
    add("--retry-failed", action="store_true", help="try runs and measurements that failed again")
    add(
        "--log",
        choices=["tensorboard"],
        help="curves of each run, as they are written, for `tensorboard --logdir RESULTS/runs`",
    )


def terms(options: argparse.Namespace) -> Terms:
    """How runs are done.

    Raises:
        UsageError: a number out of range, or a package that is not installed.
    """
    from bench.execution.run import Terms

    if options.jobs is not None and not 1 <= options.jobs <= MOST_JOBS:
        raise UsageError(f"jobs must be from 1 to {MOST_JOBS}, not {options.jobs}")
    limit = options.max_seconds_per_run
    if limit is not None and not 0 < limit < math.inf:
        raise UsageError(f"max-seconds-per-run must be a number above 0, not {limit:g}")
    if options.log:
        require("tensorboard", "--log tensorboard", "tensorboard")
    return Terms(command(options), options.retry_failed, limit, log=bool(options.log))


def command(options: argparse.Namespace) -> str:
    """The command as the user typed it."""
    return shlex.join(["python", "-m", "bench", *options.words])

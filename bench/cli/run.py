"""`bench run`: the main job."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli.arguments import handling, names, own
from bench.cli.arguments.paths import path
from bench.errors import UsageError
from bench.progress import duration, say

if TYPE_CHECKING:
    import torch

    from bench.execution.cluster import Share
    from bench.execution.estimate import Estimate
    from bench.execution.executors import Executor
    from bench.execution.run import Task, Terms
    from bench.store import Store
    from bench.store.lease import Leases
    from bench.suite import Plan, Suite

HELP = "run a suite and write its report"
BUDGET_BY_DEVICE = {"cuda": "paper", "cpu": "quick"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is run, under which budget, and where."""
    add = parser.add_argument
    what: dict[str, Any] = {"action": names.Word, "kind": "suite", "metavar": "NAME|FILE.toml"}
    add("suite", nargs="?", help=f"what to compare: {', '.join(names.names('suite'))}", **what)
    add("-s", "--suite", help="the same", **what)
    add(
        "--budget",
        help="size of the experiment, e.g. smoke, quick or paper; "
        "default: paper with a GPU, quick without",
    )
    several: dict[str, Any] = {"nargs": "+", "action": names.Words, "default": []}
    only = "only these data sets"
    add("-d", "--datasets", kind="data set", metavar="NAME", help=only, **several)
    add(
        "-l",
        "--likelihoods",
        kind="likelihood",
        checked=False,
        metavar="PATTERN|FILE.py:Class",
        help="only likelihoods whose name matches, e.g. 'optimal*'; one of a file or with options, "
        "e.g. 'my_decoder.py:Truncated(scale=2)', is added to them, or to all",
        **several,
    )
    # Adds any likelihood, also a registered one, to all that a suite has.
    add("--likelihood", dest="additions", help=argparse.SUPPRESS, **several)
    own.add_arguments(parser)
    add("--seeds", type=int, metavar="N", help="seeds 0 to N-1; default: the budget's")
    _add_engine(parser)
    add(
        "--results",
        type=path,
        default=Path("results"),
        metavar="DIR",
        help="where runs and report go, and are read again; default: results",
    )
    add(
        "--dry-run",
        action="store_true",
        help="print what would be trained, measured and fetched, and the expected time",
    )
    handling.add_arguments(parser)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    """Who does the runs."""
    add = parser.add_argument
    add(
        "--executor",
        metavar="NAME",
        help="who does the runs: inline (this process), processes beside it, or ray (a cluster, "
        "docs/scaling.md); default: one of the first two, by the number of jobs",
    )
    add("--ray-address", metavar="HOST:PORT", help="default: RAY_ADDRESS, else this machine alone")
    add("--cpus-per-run", type=float, metavar="N", help="of Ray; default 1")
    add(
        "--gpus-per-run",
        type=float,
        metavar="N",
        help="of Ray, such as 0.5 for two runs on a GPU; default: 1 on CUDA, else 0",
    )


def check(options: argparse.Namespace) -> None:
    """Look up what can be, before anything is imported.

    Raises:
        UsageError: no suite is named, or a likelihood that no suite of the project could have.
    """
    if options.suite is None:
        allowed = ", ".join(names.names("suite"))
        raise UsageError(f"name a suite: `run NAME` or `run FILE.toml` (allowed: {allowed})")
    given = [*options.likelihoods, *options.additions]
    if options.suite in names.names("suite") and not any(":" in each for each in given):
        for each in given:
            names.check("likelihood", each)


def execute(options: argparse.Namespace) -> int:
    """Plan, train and measure what is missing, and write the report."""
    from bench.environment import device
    from bench.execution import curves, outlook
    from bench.execution.estimate import refuse_years
    from bench.execution.schedule import pending
    from bench.execution.tuning import at_most, settle
    from bench.publishing import publish
    from bench.store import Store

    terms, share = handling.terms(options), _share(options)
    on = share.device if share else device(options.device)
    suite, budget = _suite(options, on.type)
    store = (Store.readable if options.dry_run else Store.writable)(options.results)
    plan = _plan(options, suite, budget)
    settle(plan, store, terms=terms)
    todo, later = pending(plan, store, None, terms), at_most(plan, store, terms)
    left = 0 if terms.retry_failed else _failed(plan, store, terms)
    outlook.say_what_is_missing(plan, todo, later, left)
    try:
        with _executor(options, share, on, max(1, len(todo) + len(later))) as executor:
            expect = partial(_estimates, plan, on=on, executor=executor)
            if options.dry_run:
                print(outlook.table(plan, todo, store, expect([*todo, *later], few=True)))
                return 0
            expected = expect([*todo, *later]) if todo else {}
            if expected and not options.however_long:
                refuse_years(expected, executor.jobs)
            store = Store.open(options.results)
            with store.leases() as leases, executor:  # they end after it
                _compute(
                    options,
                    plan,
                    store,
                    on,
                    executor,
                    todo=todo,
                    expected=expected,
                    expect=expect,
                    leases=leases,
                    terms=terms,
                )
    except KeyboardInterrupt:
        if not options.dry_run:
            _say_what_is_there(plan, store)
        raise
    if options.log:
        curves.complete(plan.runs, store)
    print(publish(store, store.report_folder))
    return _status(plan, store, terms)


def _status(plan: Plan, store: Store, terms: Terms) -> int:
    """The exit status of a command that did its work; says what it means."""
    from bench.execution.schedule import as_expected

    if as_expected(plan, store):
        return 0
    again = "; --retry-failed tries them again" if _failed(plan, store, terms) else ""
    say(f"some runs or measurements failed: the report says which{again}")
    return 1


def _compute(
    options: argparse.Namespace,
    plan: Plan,
    store: Store,
    on: torch.device,
    executor: Executor,
    *,
    todo: Sequence[Task],
    expected: dict[str, Estimate],
    expect: Callable[[Sequence[Task]], dict[str, Estimate]],
    leases: Leases,
    terms: Terms,
) -> None:
    """Do what is missing: what is known, then what trials of learning rates chose."""
    from bench.execution.schedule import carry_out
    from bench.execution.tuning import chosen

    started = time.monotonic()
    record = partial(_record, options, plan, store, executor.jobs, todo)

    def following(tried: Collection[str]) -> Sequence[Task]:
        tasks = chosen(plan, store, tried, terms)
        if tasks:
            expected.update(expect(tasks))
            record()
        return tasks

    record()
    carry_out(todo, store, on, executor, expected, leases=leases, following=following)
    # Written again: meanwhile another command may have written its own.
    record(seconds=time.monotonic() - started)


def _failed(plan: Plan, store: Store, terms: Terms) -> int:
    """How many runs failed, or lack a measurement that failed, and are left as they are."""
    from bench.execution.schedule import pending

    with_failed, without = (
        pending(plan, store, None, replace(terms, retry_failed=each)) for each in (True, False)
    )
    return len(with_failed) - len(without)


def _say_what_is_there(plan: Plan, store: Store) -> None:
    """Of a command that was interrupted: say what is kept, and write the report of it."""
    from bench.publishing import publish

    records = [store.record(run.run_id) for run in plan.runs]
    begun = [
        run
        for run, record in zip(plan.runs, records, strict=True)
        if record is None and store.is_begun(run.run_id)
    ]
    done = len(records) - records.count(None)
    goes_on = f", {len(begun)} will go on from a checkpoint" if begun else ""
    say(f"stopped: {done} of {len(records)} runs have ended{goes_on}")
    if done and store.read_plan():
        say("writing the report of what there is; Ctrl-C ends that too")
        print(publish(store, store.report_folder))


def _share(options: argparse.Namespace) -> Share | None:
    """What each run gets of a Ray cluster; None: it is not asked for."""
    from bench.execution import executors
    from bench.execution.cluster import connect

    executors.check(options.executor)
    address, cpus, gpus = options.ray_address, options.cpus_per_run, options.gpus_per_run
    if options.executor == "ray":
        return connect(address, 1.0 if cpus is None else cpus, gpus, options.device)
    if (address, cpus, gpus) != (None, None, None):
        raise UsageError(
            "--ray-address, --cpus-per-run and --gpus-per-run are for --executor ray, "
            f"not {options.executor or 'the default'}"
        )
    return None


def _executor(
    options: argparse.Namespace, share: Share | None, on: torch.device, tasks: int
) -> Executor:
    from bench.environment import default_jobs
    from bench.execution import executors, user_files
    from bench.execution.executors.ray import Ray

    if share:
        return Ray(options.jobs, partial(user_files.unpack, user_files.pack()), share)
    jobs = min(options.jobs or default_jobs(on), tasks)
    return executors.create(jobs, user_files.recalling(), options.executor)


def _suite(options: argparse.Namespace, device_type: str) -> tuple[Suite, str]:
    """The suite, and the name of its budget: the one asked for, or that which suits the device."""
    from bench.suite import load

    suite, budget, why = load(options.suite), options.budget, "as asked"
    if budget is None:
        budget = BUDGET_BY_DEVICE[device_type]
        why = f"the default on {device_type}; --budget changes it"
        if budget not in suite.budgets and len(suite.budgets) == 1:
            budget = next(iter(suite.budgets))
        if budget not in suite.budgets:
            raise UsageError(
                f"suite {suite.name!r} has no budget {budget!r}: choose one with --budget "
                f"(allowed: {', '.join(suite.budgets)})"
            )
    say(f"suite {suite.name}, budget {budget} ({why}): {suite.budget(budget).description}")
    return suite, budget


def _plan(options: argparse.Namespace, suite: Suite, budget: str) -> Plan:
    """The plan; a dry run fetches nothing, and says what would be."""
    import datasets
    from bench.environment import device, has_bfloat16
    from bench.suite import Choices, make

    additions = [each for each in options.likelihoods if ":" in each or "(" in each]
    patterns = [each for each in options.likelihoods if each not in additions]
    choices = Choices(
        budget,
        [*options.datasets, *own.bring(options)],
        patterns,
        [*additions, *options.additions],
        options.seeds,
        options.model,
        has_bfloat16(device(options.device)),
    )
    plan = make(suite, choices, fetch=not options.dry_run)
    for name in plan.absent_data:
        size = f"{(datasets.status(name).transfer or 0) / 1e6:.0f} MB"
        say(f"{name} is not here: the run would fetch it first, {size} at most")
    for reason in plan.to_fetch:
        say(f"{reason}: the run would fetch it first")
    return plan


def _estimates(
    plan: Plan,
    todo: Sequence[Task],
    on: torch.device,
    executor: Executor,
    *,
    few: bool = False,
) -> dict[str, Estimate]:
    """Expected seconds of each task whose data are here; says what they add up to."""
    from bench.execution.estimate import estimates, from_few, total_seconds

    known = [task for task in todo if task.spec.data_set not in plan.absent_data]
    expected = (from_few if few else estimates)(known, on, executor)
    if expected:
        jobs = executor.jobs
        seconds = duration(total_seconds(expected, jobs))
        say(f"expected to take {seconds}: {jobs} run(s) at a time on {on.type}")
    if len(known) < len(todo):
        say(f"how long {len(todo) - len(known)} runs take is known when their data are here")
    return expected


def _record(
    options: argparse.Namespace,
    plan: Plan,
    store: Store,
    jobs: int,
    todo: Sequence[Task],
    *,
    seconds: float | None = None,
) -> None:
    """Write down what the report is about, how it was asked for and, at last, how long it took."""
    from bench.publishing import merge

    old = store.read_plan() or {}
    how = {
        "command": handling.command(options),
        "asked": {"suite": options.suite, "data_sets": options.datasets, **own.asked(options)},
        "jobs": jobs,
        "wall_seconds": seconds,
    }
    if not todo:
        # Nothing is computed: what was said of the command that did stays true.
        how |= {key: old[key] for key in how if key in old}
    store.write_plan(merge(plan, old, store) | how)

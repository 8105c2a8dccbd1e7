"""What the commands of the command line do."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Sequence
from functools import partial

from tabulate import tabulate

import datasets
import likelihoods
import reports
from bench import checking, comparing, experiment, models, publish, suite, template
from bench.environment import default_jobs, device
from bench.errors import UsageError
from bench.estimate import Estimate
from bench.execution import executors
from bench.plan import Choices, Plan, make
from bench.progress import duration, say
from bench.store import Store

SHOWN = (3, 32, 32)
"""The shape of image for which likelihoods are listed: outputs are those for each channel."""
BUDGET_BY_DEVICE = {"cuda": "paper", "cpu": "quick"}


def dispatch(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Carry out a parsed command; returns the exit status.

    Raises:
        UsageError: bad input of any kind.
    """
    commands: dict[str, Callable[[], int]] = {
        "run": lambda: run(options, given),
        "report": lambda: report(options),
        "compare": lambda: comparing.compare(options),
        "check": lambda: checking.check(options.likelihood),
        "new": lambda: new(options.name),
        "list": lambda: listing(options.what, options.given),
        "data": lambda: data_status() if options.action == "status" else data_fetch(options.names),
    }
    try:
        return commands[options.command]()
    except (datasets.DataError, likelihoods.LikelihoodError, reports.ReportError) as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UsageError(f"{where}{error.strerror or error}") from error


def run(options: argparse.Namespace, given: Sequence[str]) -> int:
    """`bench run`: the main job."""
    started = time.monotonic()
    chosen = suite.load(options.suite)
    on = device(options.device)
    budget = options.budget or _default_budget(chosen, on.type)
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"jobs must be at least 1, not {options.jobs}")
    described = chosen.budget(budget).description
    why = "as asked" if options.budget else f"the default on {on.type}; --budget changes it"
    say(f"suite {chosen.name}, budget {budget} ({why}): {described}")
    store = Store(options.results) if options.dry_run else Store.open(options.results)
    plan = make(
        chosen,
        Choices(budget, options.datasets, options.likelihoods, options.likelihood, options.seeds),
    )
    todo = experiment.pending(plan, store)
    jobs = min(options.jobs or default_jobs(on), max(1, len(todo)))
    say(f"{len(plan.runs)} runs, {len(plan.runs) - len(todo)} of them done before")
    prepare = partial(experiment.recall, likelihoods.references())
    with executors.create(jobs, prepare) as executor:
        expected = experiment.estimates(todo, on, executor) if todo else {}
        if todo:
            seconds = experiment.total_seconds(expected, jobs)
            say(f"expected to take {duration(seconds)}: {jobs} run(s) at a time on {on.type}")
        if options.dry_run:
            _print_plan(plan, store, expected)
            return 0
        old = store.read_plan() or {}
        how = {"command": shlex.join(["python", "-m", "bench", *given]), "jobs": jobs}
        if not todo:
            # Nothing is computed: what was said of the command that did stays true.
            how |= {key: old[key] for key in (*how, "wall_seconds") if key in old}
        content = publish.merge(plan, old, store) | how
        store.write_plan(content)
        good = experiment.carry_out(plan, store, on, executor, expected)
    if todo:
        store.write_plan(content | {"wall_seconds": time.monotonic() - started})
    print(publish.publish(store, store.report_folder))
    if not good:
        say("some runs failed or diverged: the report says which")
    return 0 if good else 1


def report(options: argparse.Namespace) -> int:
    """`bench report`: write the report again."""
    store = Store.existing(options.results)
    print(publish.publish(store, options.output or store.report_folder))
    return 0


def new(name: str) -> int:
    """`bench new`: a likelihood to start from."""
    print(template.write(name))
    return 0


def listing(what: str, given: Sequence[str]) -> int:
    """`bench list`: names, one a line; of likelihoods what there is to know of each."""
    if what == "likelihoods":
        print(listing_of_likelihoods(given))
        return 0
    if given:
        raise UsageError(f"`list {what}` takes nothing more, not {given[0]!r}")
    kinds: dict[str, Callable[[], list[str]]] = {
        "datasets": datasets.names,
        "models": models.names,
        "suites": suite.names,
    }
    print("\n".join(kinds[what]()))
    return 0


def listing_of_likelihoods(given: Sequence[str]) -> str:
    """One row a likelihood: those that are registered, then those given as FILE.py:Class."""
    rows = []
    for text in dict.fromkeys([*likelihoods.names(), *given]):
        found = likelihoods.resolve(text)
        made = found.create(SHOWN)
        options = ", ".join(f"{option}={value!r}" for option, value in made.options.items())
        rows.append(
            [
                found.label,
                made.family,
                made.measure,
                f"{made.output_channels / SHOWN[0]:g}",
                sum(parameter.numel() for parameter in made.parameters()),
                options or "none",
                made.reference or "none given",
            ]
        )
    headers = ["name", "family", "measure", "outputs", "parameters", "options", "reference"]
    return str(tabulate(rows, headers, tablefmt="simple"))


def data_status() -> int:
    """`bench data status`: what is here, how large, from where."""
    rows = []
    for name in datasets.names():
        found = datasets.status(name)
        rows.append(
            [
                name,
                "yes" if found.present else _arrived(found),
                f"{found.bytes / 1e6:.1f}",
                "x".join(map(str, found.shape)),
                found.train,
                found.validation,
                found.test,
                found.source,
                found.path,
            ]
        )
    headers = ["name", "here", "MB", "shape", "train", "validation", "test", "source", "folder"]
    print(tabulate(rows, headers, tablefmt="simple"))
    return 0


def _arrived(found: datasets.Status) -> str:
    return f"no, {found.arrived / 1e6:.0f} MB of it" if found.arrived else "no"


def data_fetch(names: Sequence[str]) -> int:
    """`bench data fetch`: make data sets present."""
    for name in names:
        datasets.fetch(name)
        data = datasets.load(name)
        print(f"{name}: {data.source}")
    return 0


def _default_budget(chosen: suite.Suite, device_type: str) -> str:
    """The budget that suits the device, or the only one that the suite has."""
    wanted = BUDGET_BY_DEVICE[device_type]
    if wanted in chosen.budgets:
        return wanted
    if len(chosen.budgets) == 1:
        return next(iter(chosen.budgets))
    raise UsageError(
        f"suite {chosen.name!r} has no budget {wanted!r}: choose one with --budget "
        f"(allowed: {', '.join(chosen.budgets)})"
    )


def _print_plan(plan: Plan, store: Store, expected: dict[str, Estimate]) -> None:
    rows = []
    for each in plan.runs:
        done = store.is_done(each.run_id)
        state = "done" if done else "goes on" if store.is_begun(each.run_id) else "new"
        seconds = "" if done else f"{expected[each.run_id].total:.0f}"
        rows.append([each.data_set, each.model, each.label, each.seed, state, seconds])
    headers = ["data set", "model", "likelihood", "seed", "state", "seconds"]
    print(tabulate(rows, headers, tablefmt="simple"))

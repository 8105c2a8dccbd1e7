"""`bench check`: whether a likelihood, or a model, satisfies its contract, one line a property."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.cli.arguments import names
from bench.errors import UsageError

HELP = "check that a likelihood or a model satisfies its contract, property by property"
TRIED = (3, 4, 4)
"""Images for which a likelihood is made before all else, to learn of bad options."""
Run = Callable[[Callable[[Any], object]], object]
"""Checks all properties, and hands each result over as soon as it is known."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which likelihood or model."""
    parser.add_argument(
        "subject",
        action=names.Word,
        kind="likelihood",
        also=("model",),
        metavar="NAME|FILE.py:Class",
        help="a registered one or your own, with options as in 'my_decoder.py:Mine(scale=2)'",
    )


def execute(options: argparse.Namespace) -> int:
    """Print each outcome on stdout as soon as it is known; 1 if a property failed, else 0."""
    import torch

    run = _of_model(options.subject) or _of_likelihood(options.subject)
    count: Counter[str] = Counter()

    def report(result: Any) -> None:
        print(result, flush=True)
        count[result.outcome] += 1

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a run on the CPU
    try:
        run(report)
    finally:
        torch.set_num_threads(threads)
    print(
        f"{count['pass']} passed, {count['FAIL']} failed, {count['skip']} skipped, "
        f"{count['note']} noted"
    )
    return 1 if count["FAIL"] else 0


def _of_likelihood(text: str) -> Run:
    import likelihoods
    from likelihoods.check import run

    resolved = likelihoods.resolve(text)
    try:
        resolved.create(TRIED)
    except likelihoods.LikelihoodError:
        raise
    except Exception:
        pass  # no bad input but a defect: the kit says which, and where
    return partial(run, resolved.create)


def _of_model(text: str) -> Run | None:
    """The check of a model; None if the text names none."""
    from torch import nn

    from bench import models
    from bench.models.check import run
    from likelihoods import Likelihood
    from likelihoods.outside.files import class_of_file, parsed

    reference, options = parsed(text)
    name = reference
    if reference not in models.names():
        if ":" not in reference:
            return None
        _, cls, _ = class_of_file(reference, nn.Module, "likelihood or model")
        if not issubclass(cls, models.Model):
            return None
        name, options = models.resolve(text)
    if models.get(name).video:
        raise UsageError(f"{name} is a model of video: those of images are checked")

    def build(likelihood: Likelihood, seed: int) -> models.Model:
        return models.create(name, likelihood, seed=seed, **options)

    return partial(run, build)

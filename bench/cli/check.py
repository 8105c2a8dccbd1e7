"""`bench check`: whether a likelihood satisfies the contract, one line a property."""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial

from bench.cli import names

HELP = "check that a likelihood satisfies the contract, property by property"
TRIED = (3, 4, 4)
"""Images for which a likelihood is made before all else, to learn of bad options."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which likelihood."""
    parser.add_argument(
        "likelihood",
        action=names.Word,
        kind="likelihood",
        metavar="NAME|FILE.py:Class",
        help="a registered one or your own, with options as in 'my_decoder.py:Mine(scale=2)'",
    )


def execute(options: argparse.Namespace) -> int:
    """Print each outcome on stdout as soon as it is known; 1 if a property failed, else 0."""
    import torch

    import likelihoods
    from likelihoods.check import run

    resolved = likelihoods.resolve(options.likelihood)
    try:
        resolved.create(TRIED)
    except likelihoods.LikelihoodError:
        raise
    except Exception:
        pass  # no bad input but a defect: the kit says which, and where
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a run on the CPU
    try:
        count = Counter(
            result.outcome for result in run(resolved.create, partial(print, flush=True))
        )
    finally:
        torch.set_num_threads(threads)
    print(
        f"{count['pass']} passed, {count['FAIL']} failed, {count['skip']} skipped, "
        f"{count['note']} noted"
    )
    return 1 if count["FAIL"] else 0

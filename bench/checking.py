"""`bench check`: whether a likelihood satisfies the contract, one line a property."""

from __future__ import annotations

from collections import Counter

import torch

import likelihoods
from likelihoods.check import Result, run

SHAPE: likelihoods.Shape = (3, 4, 4)
"""Images for which a likelihood is created first, so that bad options are an error."""


def check(text: str) -> int:
    """Check a likelihood, and print each outcome on stdout as soon as it is known.

    Args:
        text: NAME or FILE.py:Class, with options as in NAME(option=value).

    Returns:
        The exit status: 0 if no property failed, else 1.

    Raises:
        LikelihoodError: there is no such likelihood, or it cannot have such options.
    """
    likelihood = likelihoods.resolve(text)
    try:
        likelihood.create(SHAPE)
    except likelihoods.LikelihoodError:
        raise
    except Exception:
        pass  # a defect and not bad input: the kit says which, and where
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a run on the CPU
    try:
        counts = Counter(result.outcome for result in run(likelihood.create, _print))
    finally:
        torch.set_num_threads(threads)
    print(
        f"{counts['pass']} passed, {counts['FAIL']} failed, {counts['skip']} skipped, "
        f"{counts['note']} noted"
    )
    return 1 if counts["FAIL"] else 0


def _print(result: Result) -> None:
    print(result, flush=True)

"""`bench check`: whether a likelihood satisfies the contract, one line a property."""

from __future__ import annotations

from collections import Counter

import torch

import likelihoods
from likelihoods.check import Result, run

TRIED: likelihoods.Shape = (3, 4, 4)
"""Images for which a likelihood is made before all else, to learn of bad options."""


def check(text: str) -> int:
    """Check a likelihood, and print each outcome on stdout as soon as it is known.

    Args:
        text: NAME or FILE.py:Class, with options as in NAME(option=value).

    Returns:
        The exit status: 0 if no property failed, else 1.

    Raises:
        LikelihoodError: there is no such likelihood, or it cannot have such options.
    """
    given = likelihoods.resolve(text)
    try:
        given.create(TRIED)
    except likelihoods.LikelihoodError:
        raise
    except Exception:
        pass  # no bad input but a defect: the kit says which, and where
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a run on the CPU
    try:
        found = Counter(result.outcome for result in run(given.create, _tell))
    finally:
        torch.set_num_threads(threads)
    print(
        f"{found['pass']} passed, {found['FAIL']} failed, {found['skip']} skipped, "
        f"{found['note']} noted"
    )
    return 1 if found["FAIL"] else 0


def _tell(result: Result) -> None:
    print(result, flush=True)

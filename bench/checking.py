"""`bench check`: whether a likelihood satisfies the contract, one line a property."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch

import likelihoods
from likelihoods.check import Result, run

TRIED: likelihoods.Shape = (3, 4, 4)
"""Images for which a likelihood is made before all else, to learn of bad options."""


def check(text: str) -> int:
    """Check a likelihood, and print each outcome on stdout as soon as it is known.

    Args:
        text: what `resolve` knows.

    Returns:
        The exit status: 0 if no property failed, else 1.

    Raises:
        LikelihoodError: there is no such likelihood, or it cannot have such options.
    """
    given = resolve(text)
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


# Stands in for `likelihoods.resolve`, which also takes options and FILE.py:Class.


@dataclass(frozen=True)
class Given:
    """A likelihood as named on the command line."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def create(self, shape: likelihoods.Shape) -> likelihoods.Likelihood:
        """Make it for images of a shape."""
        return likelihoods.create(self.name, shape, **self.options)


def resolve(text: str) -> Given:
    """Return the likelihood that is registered under a name.

    Raises:
        LikelihoodError: there is none.
    """
    likelihoods.get(text)
    return Given(text)

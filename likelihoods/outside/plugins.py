"""Likelihoods that installed packages offer.

A package states them in its pyproject.toml:

    [project.entry-points.likelihood_bench]
    truncated = "my_package.decoders:Truncated"
"""

import warnings
from importlib.metadata import entry_points
from typing import Final

from likelihoods.core.base import Likelihood
from likelihoods.core.registry import register

GROUP: Final = "likelihood_bench"


def load_plugins() -> None:
    """Register what installed packages offer; of one that cannot be had a warning says why."""
    for point in entry_points(group=GROUP):
        try:
            found = point.load()
            if not (isinstance(found, type) and issubclass(found, Likelihood)):
                raise TypeError(f"{point.value} is not a subclass of Likelihood")
            register(point.name)(found)
        except Exception as error:  # the code of somebody else
            text = (str(error).strip().splitlines() or [""])[0]
            warnings.warn(
                f"likelihood {point.name!r} of an installed package cannot be had: "
                f"{type(error).__name__}: {text}",
                stacklevel=2,
            )

"""Likelihoods of installed packages.

A package states them in its pyproject.toml:

    [project.entry-points.likelihood_bench]
    truncated = "my_package.decoders:Truncated"
"""

import warnings
from importlib.metadata import entry_points
from typing import Final

from likelihoods.core.base import Likelihood
from likelihoods.core.options import described
from likelihoods.core.registry import register

GROUP: Final = "likelihood_bench"


def load_plugins() -> None:
    """Register the likelihoods of installed packages; a warning names those that fail to load."""
    for point in entry_points(group=GROUP):
        try:
            cls = point.load()
            if not (isinstance(cls, type) and issubclass(cls, Likelihood)):
                raise TypeError(f"{point.value} is not a subclass of Likelihood")
            register(point.name)(cls)
        except Exception as error:  # the package's code may raise anything
            warnings.warn(
                f"likelihood {point.name!r} of an installed package cannot be had: "
                f"{described(error)}",
                stacklevel=2,
            )

"""Decoder likelihoods: modules that turn a decoder's raw outputs into distributions over images.

A likelihood is one class in a file of this folder; the file is found by its being there. Folders
beneath hold what is no family: ``core`` what the families stand on, ``check`` the conformance kit.

    >>> likelihood = likelihoods.create("per_pixel_sigma", shape=(3, 32, 32))
    >>> likelihood(outputs).log_prob(x)         # (B,), nats in the native measure
    >>> likelihood.log_mass(outputs, x)         # (B,), nats, comparable between all likelihoods
"""

from importlib import import_module
from pkgutil import iter_modules

from likelihoods.core.base import Likelihood, Measure, Shape
from likelihoods.core.grid import quantise, to_levels
from likelihoods.core.options import LikelihoodError
from likelihoods.core.registry import create, get, names, register

__all__ = [
    "Likelihood",
    "LikelihoodError",
    "Measure",
    "Shape",
    "create",
    "get",
    "names",
    "quantise",
    "register",
    "to_levels",
]

for _module in iter_modules(__path__):
    if not _module.ispkg:
        import_module(f"{__name__}.{_module.name}")

"""Decoder likelihoods: modules that turn a decoder's raw outputs into distributions over images.

A likelihood is one class in a file of this folder; the file is found by its being there. It may
also live in a file anywhere, ``resolve("my_decoder.py:Truncated")``, or in a package that offers it
as an entry point of the group ``likelihood_bench``. Folders beneath hold what is no family:
``core`` what the families stand on, ``check`` the conformance kit, ``outside`` what reads files and
entry points.

    >>> likelihood = likelihoods.create("per_pixel_sigma", shape=(3, 32, 32))
    >>> likelihood(outputs).log_prob(x)         # (B,), nats in the native measure
    >>> likelihood.log_mass(outputs, x)         # (B,), nats, comparable between all likelihoods
"""

from importlib import import_module
from pkgutil import iter_modules

from likelihoods.core.base import Likelihood, Measure, Shape
from likelihoods.core.grid import quantise, to_levels
from likelihoods.core.numerics import soft_clip
from likelihoods.core.options import LikelihoodError, described
from likelihoods.core.registry import create, get, is_own, names, register
from likelihoods.outside.given import Given, fingerprint, references, resolve
from likelihoods.outside.plugins import load_plugins

__all__ = [
    "Given",
    "Likelihood",
    "LikelihoodError",
    "Measure",
    "Shape",
    "create",
    "described",
    "fingerprint",
    "get",
    "is_own",
    "names",
    "quantise",
    "references",
    "register",
    "resolve",
    "soft_clip",
    "to_levels",
]

for _module in iter_modules(__path__):
    if not _module.ispkg:
        import_module(f"{__name__}.{_module.name}")
load_plugins()

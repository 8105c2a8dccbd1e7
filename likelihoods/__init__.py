"""Decoder likelihoods: modules that turn a decoder's raw outputs into distributions over images.

A likelihood is one class in a file of `families`, which is found by its being there. It may also
live in a file anywhere, ``resolve("my_decoder.py:Truncated")``, or in a package that offers it as
an entry point of the group ``likelihood_bench``.

Each folder imports only those before it: ``core`` (base class, registry, grid, numerics),
``families`` (the likelihoods), ``outside`` (likelihoods from files and packages), ``check`` (the
conformance kit). Within ``core`` the order is options, grid, numerics, contract, distributions,
base, registry.

Example:
    >>> import torch, likelihoods
    >>> likelihood = likelihoods.create("per_pixel_sigma", shape=(3, 32, 32))
    >>> outputs = torch.zeros(5, likelihood.output_channels, 32, 32)  # of a decoder
    >>> x = torch.zeros(5, 3, 32, 32)
    >>> likelihood(outputs).log_prob(x).shape  # nats in the native measure
    torch.Size([5])
    >>> likelihood.log_mass(outputs, x).shape  # nats, comparable between all likelihoods
    torch.Size([5])
"""

from likelihoods.core.base import (
    Likelihood,
    Measure,
    Shape,
    checked_level_cdf,
    checked_log_mass,
    checked_reconstruction_loss,
)
from likelihoods.core.contract import without_validation
from likelihoods.core.distributions import within_support
from likelihoods.core.grid import quantise, to_levels
from likelihoods.core.numerics import soft_clip
from likelihoods.core.options import LikelihoodError, described
from likelihoods.core.registry import create, get, is_own, names, register
from likelihoods.families import load_families
from likelihoods.outside.files import NamedLikelihood, references, resolve
from likelihoods.outside.fingerprint import fingerprint
from likelihoods.outside.plugins import load_plugins

__all__ = [
    "Likelihood",
    "LikelihoodError",
    "Measure",
    "NamedLikelihood",
    "Shape",
    "checked_level_cdf",
    "checked_log_mass",
    "checked_reconstruction_loss",
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
    "within_support",
    "without_validation",
]

load_families()
load_plugins()

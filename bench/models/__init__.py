"""Model families, one file each; every file of this folder is found without further edits."""

import importlib
import pkgutil

from bench.models.base import (
    Context,
    Model,
    Objective,
    Sampled,
    create,
    get,
    names,
    raw_outputs,
    register,
)
from bench.models.normal import Normal
from bench.models.outside import NamedModel, is_own, references, resolve, version

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "Context",
    "Model",
    "NamedModel",
    "Normal",
    "Objective",
    "Sampled",
    "create",
    "get",
    "is_own",
    "names",
    "raw_outputs",
    "references",
    "register",
    "resolve",
    "version",
]

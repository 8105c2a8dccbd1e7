"""The registry: every file of `sets/` registers its data set under a name."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from datasets.core.dataset import DataError
from datasets.core.loader import Loader

LoaderType = TypeVar("LoaderType", bound=type[Loader])

_loaders: dict[str, Loader] = {}


def register(name: str) -> Callable[[LoaderType], LoaderType]:
    """Class decorator: register a `Loader` under a name; one that is taken raises a ValueError."""

    def decorate(cls: LoaderType) -> LoaderType:
        if name in _loaders:
            raise ValueError(f"data set {name!r} is registered twice")
        _loaders[name] = cls()
        _loaders[name].name = name
        return cls

    return decorate


@cache
def _discover() -> None:
    folder = Path(__file__).parent.parent / "sets"
    for module in pkgutil.iter_modules([str(folder)]):
        importlib.import_module(f"datasets.sets.{module.name}")


def names() -> list[str]:
    """Names of all data sets, sorted."""
    _discover()
    return sorted(_loaders)


def find(name: str) -> Loader:
    """Return the loader of a data set; the DataError of an unknown name lists them."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"unknown data set {name!r}: allowed are {', '.join(names())}{hint}")
    return _loaders[name]

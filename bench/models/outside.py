"""Models of users: `FILE.py:Class(option=value)`, and what identifies their networks."""

import sys
from typing import Any, NamedTuple

from bench.models.base import Model, get, register
from likelihoods.outside.files import class_of_file, parsed
from likelihoods.outside.fingerprint import fingerprint_of

_OURS = __name__.rpartition(".")[0]
_references: dict[str, str] = {}


class NamedModel(NamedTuple):
    """A model of a user's file and options, as the user named them."""

    name: str
    """The one under which it is registered: that of the class."""
    options: dict[str, Any]


def resolve(text: str) -> NamedModel:
    """Find a model by `FILE.py:Class` or `FILE.py:Class(option=value, ...)`.

    It is registered under the name of the class from then on; a file that was edited is read again.

    Raises:
        likelihoods.LikelihoodError: no such file or class, or the file cannot be imported.
        UsageError: the name is taken by another class.
    """
    reference, options = parsed(text)
    name, cls, path = class_of_file(reference, Model, "model")  # type: ignore[type-abstract]
    register(name)(cls)
    _references[name] = f"{path}:{name}"
    return NamedModel(name, options)


def references() -> dict[str, str]:
    """Name -> FILE.py:Class of all models that were read from files."""
    return dict(_references)


def is_own(cls: type[Model]) -> bool:
    """Whether a model belongs to this project."""
    return cls.__module__.startswith(f"{_OURS}.")


def version(name: str) -> int | str:
    """Return what tells a network from those that had its name before, or have it elsewhere.

    Of a model of this project its `version`. Of a user's it is a fingerprint, the SHA-256 of the
    file as it was read and of what it imports from beside it (see `likelihoods.fingerprint`), and
    of the versions of the models of this project that it imports.
    """
    cls = get(name)
    if is_own(cls):
        return cls.version
    imported = vars(sys.modules[cls.__module__]).values()
    ours = {
        each
        for each in (*cls.__mro__, *imported)
        if isinstance(each, type) and issubclass(each, Model) and is_own(each)
    }
    classes = [base for base in cls.__mro__ if issubclass(base, Model) and not is_own(base)]
    return fingerprint_of(
        classes, [f"{each.__qualname__} {each.version}".encode() for each in ours]
    )

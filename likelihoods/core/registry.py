"""The registry of likelihoods by name, and their creation from name and options."""

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.options import LikelihoodError, nearest

Class = TypeVar("Class", bound=type[Likelihood])


class _Entry(NamedTuple):
    cls: type[Likelihood]
    preset: Mapping[str, Any]


_entries: dict[str, _Entry] = {}


def register(name: str, **preset: Any) -> Callable[[Class], Class]:
    """Register a class under a name, with the options in ``preset`` fixed.

    A name that is taken by another class raises a LikelihoodError.
    """

    def decorate(cls: Class) -> Class:
        taken = _entries[name].cls if name in _entries else cls
        module, title = taken.__module__, taken.__qualname__
        # A class may replace itself, when its module is loaded again.
        if (module, title) != (cls.__module__, cls.__qualname__):
            file = getattr(sys.modules.get(module), "__file__", None) or module
            raise LikelihoodError(
                f"the name {name!r} is taken by {title} of {file}; choose another"
            )
        _entries[name] = _Entry(cls, preset)
        return cls

    return decorate


def names() -> list[str]:
    """Return the registered names, sorted."""
    return sorted(_entries)


def get(name: str) -> type[Likelihood]:
    """Return the class that is registered under a name; an unknown one raises a LikelihoodError."""
    return _entry(name).cls


def is_own(name: str) -> bool:
    """Return whether a likelihood belongs to this package; see `get`."""
    return get(name).__module__.partition(".")[0] == __name__.partition(".")[0]


def create(name: str | type[Likelihood], shape: Shape, **options: Any) -> Likelihood:
    """Create a likelihood, by its registered name or class, for images of shape (C, H, W).

    Raises:
        LikelihoodError: no such name, no such option, or a value that the option cannot take.

    Example:
        >>> import likelihoods
        >>> likelihoods.create("logistic_mixture", shape=(3, 32, 32), components=5)
        logistic_mixture(shape=(3, 32, 32), components=5)
    """
    if not isinstance(name, str | type):
        raise LikelihoodError(f"{name!r} is neither a name nor a class of likelihoods")
    entry = _entry(name) if isinstance(name, str) else _Entry(name, {})
    label = name if isinstance(name, str) else name.__name__
    defaults = {
        option: parameter.default
        for option, parameter in inspect.signature(entry.cls).parameters.items()
        if option != "shape" and option not in entry.preset
    }
    if unknown := [option for option in options if option not in defaults]:
        allowed = f"{', '.join(defaults) or 'none'}{nearest(unknown[0], defaults)}"
        raise LikelihoodError(f"{label} has no option {unknown[0]!r}; its options: {allowed}")
    missing = [o for o, v in defaults.items() if v is inspect.Parameter.empty and o not in options]
    if missing:
        raise LikelihoodError(f"{label} needs the option {missing[0]!r}")
    try:
        likelihood = entry.cls(_checked(shape), **entry.preset, **options)
    except LikelihoodError as error:
        raise LikelihoodError(f"{label}: {error}") from None
    if "shape" not in vars(likelihood):
        raise LikelihoodError(f"{label}: its __init__ must begin with super().__init__(shape)")
    likelihood.name = label
    in_force = (defaults | options).items()
    likelihood.options = {o: list(v) if isinstance(v, tuple) else v for o, v in in_force}
    return likelihood


def _entry(name: str) -> _Entry:
    if name in _entries:
        return _entries[name]
    raise LikelihoodError(
        f"no likelihood {name!r}; there are: {', '.join(names())}{nearest(name, names())}"
    )


def _checked(shape: object) -> Shape:
    """Return the shape as three integers of at least one."""
    if isinstance(shape, tuple | list) and len(shape) == 3:
        channels, height, width = shape
        if all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape):
            return channels, height, width
    raise LikelihoodError(f"shape={shape!r} is not (channels, height, width), positive integers")

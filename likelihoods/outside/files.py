"""What users name: `NAME(option=value)` or `FILE.py:Class(option=value)`."""

import ast
import os
import sys
import traceback
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.options import LikelihoodError, described, nearest
from likelihoods.core.registry import create, get, register
from likelihoods.outside.fingerprint import CONTENT, sha256

T = TypeVar("T")

_references: dict[str, str] = {}


@dataclass(frozen=True)
class NamedLikelihood:
    """A registered likelihood and options, as a user named them.

    Example:
        >>> import likelihoods
        >>> named = likelihoods.resolve("beta_vae(beta=0.1)")
        >>> named.name, named.options, named.create((3, 32, 32)).variance
        ('beta_vae', {'beta': 0.1}, 0.1)
    """

    text: str  # what the user wrote
    name: str  # the one under which it is registered; of a file the name of the class
    options: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None  # the file that it was read from; None if it was registered before

    @property
    def label(self) -> str:
        """The name with the options that the user chose, such as `beta_vae(beta=0.1)`."""
        options = ", ".join(f"{option}={value}" for option, value in self.options.items())
        return f"{self.name}({options})" if options else self.name

    def create(self, shape: Shape) -> Likelihood:
        """Make it for images of shape (C, H, W); see `likelihoods.create`."""
        return create(self.name, shape, **self.options)


def resolve(text: str) -> NamedLikelihood:
    """Find a likelihood by `NAME` or `FILE.py:Class`, either with `(option=value, ...)`.

    The class of a file is registered under its own name from then on; nothing else of the file is
    needed, not even `register`. A file that was edited is read again. Values are Python literals.

    Raises:
        LikelihoodError: no such name, file, class or option, or the file cannot be imported.
    """
    reference, options = parsed(text)
    if not (":" in reference or reference.endswith(".py")):
        get(reference)
        return NamedLikelihood(text, reference, options)
    name, cls, path = class_of_file(reference, Likelihood, "likelihood")
    register(name)(cls)
    _references[name] = f"{path}:{name}"
    return NamedLikelihood(text, name, options, path)


def references() -> list[str]:
    """Return FILE.py:Class of all that was read from files; another process may need them too."""
    return list(_references.values())


def parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Return reference and options of `reference(option=value, ...)`; else a LikelihoodError."""
    reference, bracket, rest = text.strip().partition("(")
    if not bracket:
        return reference, {}
    try:
        call = ast.parse(f"_({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(not w.arg for w in call.keywords):
            raise ValueError  # w.arg is None for **
        options = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise LikelihoodError(
            f"{text!r} is not NAME(option=value, ...), each option by its name, the values "
            "numbers, 'words', lists or None"
        ) from None
    return reference.strip(), options


def class_of_file(reference: str, base: type[T], kind: str) -> tuple[str, type[T], Path]:
    """Find FILE.py:Class, reading the file if it is new or has changed.

    Args:
        reference: names file and class.
        base: what the class is a subclass of; the file must define the class itself.
        kind: what such a class is called.

    Returns:
        The name of the class in the file, the class, and the file.

    Raises:
        LikelihoodError: there is no such file or class, or the file cannot be imported.
    """
    file, _, name = reference.rpartition(":") if ":" in reference else (reference, "", "")
    path = _path(file)
    module = _read(path, file)
    known = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
    }
    if name in known:
        return name, known[name], path.resolve()
    what = f"{file} has no {kind} {name!r}" if name else f"{file} needs a class, {file}:Class"
    there = ", ".join(known) if known else f"no subclass of {base.__name__}"
    raise LikelihoodError(f"{what}; it defines{':' * bool(known)} {there}{nearest(name, known)}")


def _path(name: str) -> Path:
    return Path(os.path.expanduser(name))  # it leaves a user who does not exist as written


def _read(path: Path, name: str) -> ModuleType:
    """Return the module that a file makes, anew if the file has changed."""
    if path.suffix != ".py":
        raise LikelihoodError(f"{name!r} is not FILE.py, before the colon of FILE.py:Class")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LikelihoodError(f"{name}: {error.strerror or error}") from None
    except ValueError as error:  # such as a null in the name
        raise LikelihoodError(f"{name!r}: {error}") from None
    # Two files of one name are two modules, and neither hides a package.
    full = f"{path.stem}@{sha256(str(path.resolve()).encode())[:10]}"
    loaded = sys.modules.get(full)
    if loaded is not None and getattr(loaded, CONTENT, None) == content:
        return loaded
    spec = spec_from_file_location(full, path)
    if spec is None:
        raise LikelihoodError(f"{name} cannot be imported")
    module = module_from_spec(spec)
    setattr(module, CONTENT, content)
    sys.modules[full] = module  # where pickle and dataclasses look it up
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        del sys.modules[full]
        raise LikelihoodError(f"{name} cannot be imported: {_where(error, path)}") from None
    return module


def _where(error: BaseException, path: Path) -> str:
    """Return an error as one line, with the line of the file at which it arose."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f"{described(error)} (line {lines[-1]})" if lines else described(error)

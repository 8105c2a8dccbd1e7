"""Likelihoods as users name them: `NAME(option=value)` or `FILE.py:Class(option=value)`."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import traceback
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from likelihoods.core.base import Likelihood, Shape
from likelihoods.core.options import LikelihoodError, nearest
from likelihoods.core.registry import create, get, register

CONTENT: Final = "__likelihood_content__"
"""Where the module of such a file keeps the bytes that it was made from."""


_references: dict[str, str] = {}


@dataclass(frozen=True)
class Given:
    """A likelihood that somebody named, with options."""

    text: str
    """As it was named."""
    name: str
    """The name that it is registered under; of a file the name of the class."""
    options: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None
    """The file that it was read from; None if it was registered before."""

    @property
    def label(self) -> str:
        """The name with the options that were given, such as `beta_vae(beta=0.1)`."""
        options = ", ".join(f"{option}={value}" for option, value in self.options.items())
        return f"{self.name}({options})" if options else self.name

    def create(self, shape: Shape) -> Likelihood:
        """Make it for images of shape (C, H, W).

        Raises:
            LikelihoodError: no such option, or a value that the option cannot take.
        """
        return create(self.name, shape, **self.options)


def resolve(text: str) -> Given:
    """Find a likelihood by `NAME` or `FILE.py:Class`, either with `(option=value, ...)`.

    The class of a file is registered under its own name from then on; nothing else of the file is
    needed, not even `register`. A file that was edited is read again.

    Args:
        text: the name; values of options are Python literals.

    Raises:
        LikelihoodError: no such name, file, class or option, or the file cannot be imported.
    """
    reference, options = _parsed(text)
    if ":" not in reference:
        if reference.endswith(".py"):
            raise _unnamed(reference, "", _read(Path(reference).expanduser(), reference))
        get(reference)
        return Given(text, reference, options)
    name, _, class_name = reference.rpartition(":")
    path = Path(name).expanduser()
    module = _read(path, name)
    found = _likelihoods(module).get(class_name)
    if found is None:
        raise _unnamed(name, class_name, module)
    register(class_name)(found)
    _references[class_name] = f"{path.resolve()}:{class_name}"
    return Given(text, class_name, options, path.resolve())


def references() -> list[str]:
    """Return FILE.py:Class of all that was read from files; another process may need them too."""
    return list(_references.values())


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Return what `reference(option=value)` says."""
    reference, bracket, rest = text.strip().partition("(")
    if not bracket:
        return reference, {}
    try:
        call = ast.parse(f"_({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        options = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
        if "None" in options:  # **
            raise ValueError
    except (SyntaxError, ValueError):
        raise LikelihoodError(
            f"{text!r} is not NAME(option=value, ...), each option by its name, the values "
            "numbers, 'words', lists or None"
        ) from None
    return reference.strip(), options


def _read(path: Path, name: str) -> ModuleType:
    """Return the module that a file makes, anew if the file has changed."""
    if path.suffix != ".py":
        raise LikelihoodError(f"{name!r} is not FILE.py, before the colon of FILE.py:Class")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LikelihoodError(f"{name}: {error.strerror or error}") from None
    # Two files of one name are two modules, and neither hides a package.
    full = f"{path.stem}@{_digest(str(path.resolve()).encode())[:10]}"
    known = sys.modules.get(full)
    if known is not None and getattr(known, CONTENT, None) == content:
        return known
    spec = spec_from_file_location(full, path)
    if spec is None:
        raise LikelihoodError(f"{name} cannot be imported")
    module = module_from_spec(spec)
    setattr(module, CONTENT, content)
    sys.modules[full] = module  # where pickle and dataclasses look it up
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except Exception as error:  # the code of somebody else
        del sys.modules[full]
        raise LikelihoodError(f"{name} cannot be imported: {_where(error, path)}") from None
    for cls in _likelihoods(module).values():
        cls.family = path.stem
    return module


def _where(error: Exception, path: Path) -> str:
    """Return an error as one line, with the line of the file at which it arose."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    lines = [
        at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == str(path)
    ]
    place = f" (line {lines[-1]})" if lines else ""
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}{place}"


def _likelihoods(module: ModuleType) -> dict[str, type[Likelihood]]:
    """Return the likelihoods that a module defines itself, by the names of their classes."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Likelihood)
        and value.__module__ == module.__name__
    }


def _unnamed(file: str, wrong: str, module: ModuleType) -> LikelihoodError:
    """Return what is wrong with a class that is missing or not named."""
    known = _likelihoods(module)
    what = f"{file} has no likelihood {wrong!r}" if wrong else f"{file} needs a class, {file}:Class"
    there = f"it defines: {', '.join(known)}" if known else "it defines no subclass of Likelihood"
    return LikelihoodError(f"{what}; {there}{nearest(wrong, known)}")


def fingerprint(name: str) -> str:
    """Return the SHA-256 of what defines a likelihood.

    That is: the files of its class and of the classes that it derives from, what these import from
    their own package or from this one, and the core that all stand on. Of a file that was
    named as FILE.py:Class it is the content that was read, whatever became of the file since, and
    the files that it imports from beside it.

    Raises:
        LikelihoodError: there is no such name.
    """
    found: dict[str, ModuleType] = {}
    for cls in get(name).__mro__:
        if issubclass(cls, Likelihood):
            _collect(cls.__module__, found)
    core = sorted(Path(inspect.getfile(Likelihood)).parent.glob("*.py"))
    digests = {_digest(_content(module)) for module in found.values()}
    digests |= {_digest(path.read_bytes()) for path in core}
    return _digest("".join(sorted(digests)).encode())


def _collect(name: str, found: dict[str, ModuleType], beside: Path | None = None) -> None:
    """Add a module to those found, and what it imports from its own package or from this one.

    Of a file of a user's, and of what it imports, also what lies in its folder, `beside`.
    """
    own = __name__.partition(".")[0]
    module = sys.modules.get(name)
    if module is None or name in found or name == own:
        return
    found[name] = module
    if beside is None and hasattr(module, CONTENT):
        beside = Path(str(module.__file__)).resolve().parent
    if beside is not None:
        for each in _imported(module):
            if _folder(each) == beside:
                _collect(each, found, beside)
    tops = {name.partition(".")[0], own}
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType):
            # The attributes of a package are all its modules, whoever imported them.
            where = "" if hasattr(module, "__path__") else value.__name__
        else:
            where = _home(value)
        if where.partition(".")[0] in tops:
            _collect(where, found, beside)


def _imported(module: ModuleType) -> set[str]:
    """Return the names of the loaded modules that the source of a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_content(module))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = f"{module.__package__}." if node.level and module.__package__ else ""
            names |= {f"{package}{node.module}"}
            names |= {f"{package}{node.module}.{alias.name}" for alias in node.names}
    return names & sys.modules.keys()


def _folder(name: str) -> Path | None:
    """Return the folder in which a module, or the package that it belongs to, lies."""
    file = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    return path.parent.parent if path.stem == "__init__" else path.parent


def _home(value: object) -> str:
    """Return the name of the module that a class or function is from; "" of anything else."""
    where = getattr(value, "__module__", None)
    return where if isinstance(where, str) else ""


def _content(module: ModuleType) -> bytes:
    """Return the source of a module."""
    kept = getattr(module, CONTENT, None)
    if isinstance(kept, bytes):
        return kept
    return Path(module.__file__).read_bytes() if module.__file__ else b""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

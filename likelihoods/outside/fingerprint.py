"""The fingerprint of a likelihood, or of another class: a hash over the source behind it."""

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterable
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Final

from likelihoods.core.base import Likelihood
from likelihoods.core.registry import get

CONTENT: Final = "__likelihood_content__"
"""Attribute of the module of a user's file: the bytes that it was made from."""
OWN: Final = __name__.partition(".")[0]  # the name of this package


def fingerprint(name: str) -> str:
    """Return the SHA-256 of what defines a likelihood.

    That is: the files of its class and of its base classes, what these import from their own
    package or from this one, and the core. Of FILE.py:Class it is the content that was read, even
    if the file has changed since, and the files that it imports from beside it. An unknown name
    raises a LikelihoodError.
    """
    classes = [cls for cls in get(name).__mro__ if issubclass(cls, Likelihood)]
    core = Path(inspect.getfile(Likelihood)).parent.glob("*.py")
    return fingerprint_of(classes, [path.read_bytes() for path in core])


def fingerprint_of(classes: Iterable[type], more: Iterable[bytes] = ()) -> str:
    """Return the SHA-256 of the files of classes, of what these import, and of `more` contents.

    What counts as imported is told in `fingerprint`.
    """
    modules: dict[str, ModuleType] = {}
    for cls in classes:
        _collect(cls.__module__, modules)
    digests = {sha256(content) for content in (*map(_content, modules.values()), *more)}
    return sha256("".join(sorted(digests)).encode())


def _collect(name: str, modules: dict[str, ModuleType], beside: Path | None = None) -> None:
    """Add a module, and what it imports from its own package or from this one.

    Of a user's file, and of what it imports, also the modules in its folder, `beside`.
    """
    module = sys.modules.get(name)
    if module is None or name in modules or name == OWN:
        return
    modules[name] = module
    if beside is None and hasattr(module, CONTENT):
        beside = Path(str(module.__file__)).resolve().parent
    packages = {name.partition(".")[0], OWN}
    for imported in _imported(module):
        is_beside = beside is not None and _folder(imported) == beside
        if is_beside or imported.partition(".")[0] in packages:
            _collect(imported, modules, beside)


def _imported(module: ModuleType) -> set[str]:
    """Return the names of the loaded modules that the source of a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_content(module))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            source = resolve_name(relative, module.__package__ or "")
            names |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return names & sys.modules.keys()


def _folder(name: str) -> Path | None:
    """Return the folder in which a module, or the package that it belongs to, lies."""
    file = getattr(sys.modules.get(name.partition(".")[0]), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    return path.parent.parent if path.stem == "__init__" else path.parent


def _content(module: ModuleType) -> bytes:
    content = getattr(module, CONTENT, None)
    if isinstance(content, bytes):
        return content
    return Path(module.__file__).read_bytes() if module.__file__ else b""


def sha256(content: bytes) -> str:
    """Return the SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()

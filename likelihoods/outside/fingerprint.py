"""The fingerprint of a likelihood: a hash over the source that determines its numbers."""

import ast
import hashlib
import inspect
import sys
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
    modules: dict[str, ModuleType] = {}
    for cls in get(name).__mro__:
        if issubclass(cls, Likelihood):
            _collect(cls.__module__, modules)
    core = sorted(Path(inspect.getfile(Likelihood)).parent.glob("*.py"))
    digests = {sha256(_content(module)) for module in modules.values()}
    digests |= {sha256(path.read_bytes()) for path in core}
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

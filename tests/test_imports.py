"""The plan of the house: who may import whom, and how large a file, a function, a folder may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from bench import CHECKOUT

PACKAGES = ("bench", "datasets", "likelihoods", "reports")
GROUND = ("datasets", "likelihoods", "reports")
"""They import none of each other."""
ROOMS = (
    "cli",
    "publishing",
    "execution",
    "store",
    "suite",
    "training",
    "evaluation",
    "models",
    "metrics",
)
"""Folders of bench/; each may import those after it."""
SHARED = (
    "__init__",
    "data",
    "environment",
    "errors",
    "interrupts",
    "progress",
    "seeds",
    "settings",
)
"""Files of bench/ that every room may import, and that import no room."""
LINES, FUNCTION_LINES, ENTRIES = 400, 50, 13
COLLECTIONS = ("datasets", "likelihoods/families", "bench/evaluation")
"""Folders in which each file is found without further edits: they may hold any number."""


@cache
def files() -> dict[str, Path]:
    """Module -> its file, of the whole project."""
    found = {}
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def is_package(module: str) -> bool:
    return files()[module].name == "__init__.py"


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(files()[module].read_text(encoding="utf-8"))


def names_imported(module: str) -> Iterator[str]:
    """Full names of everything that a module imports, wherever in it, relative imports resolved."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")
            above = above[: len(above) - node.level + is_package(module)] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def module_of(name: str, importer: str) -> str:
    """The module of the project that an imported name stands for; "" for one from elsewhere.

    What is imported from a package is its submodule of that name, or else the package itself; but
    within a package, a name is one of the module that it comes from.
    """
    package, _, last = name.rpartition(".")
    if name in files() or package not in files():
        return name if name in files() else ""
    if is_package(package) and importer.startswith(f"{package}."):
        for origin in names_imported(package):
            if origin.rpartition(".")[2] == last and origin != name:
                return module_of(origin, importer)
    return package


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of the project that a module imports.

    A package that walks through its own folder imports all that is in it.
    """
    found = {module_of(name, module) for name in names_imported(module)}
    if is_package(module) and "iter_modules(__path__)" in files()[module].read_text("utf-8"):
        found |= {each for each in files() if each.rpartition(".")[0] == module}
    return frozenset(found - {""})


def room(module: str) -> str:
    """The room of bench/ that a module is in; "" for the shared files."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] not in SHARED else ""


def test_the_graph_is_that_of_the_project() -> None:
    """A few arrows that must be seen: nested in a function, of a submodule, of a package."""
    assert "bench.publishing" in imports("bench.cli.run")
    assert "bench.store" in imports("bench.cli.report")
    assert "bench.evaluation.elbo" in imports("bench.training.trainer")
    assert "bench.evaluation.elbo" in imports("bench.evaluation")
    assert "bench.seeds" in imports("bench.training.trainer")
    assert "bench" in imports("bench.environment")
    assert "reports" in imports("bench.evaluation.base")
    assert "likelihoods.core.base" in imports("likelihoods.families.bernoulli")
    assert len(files()) > 80


@pytest.mark.parametrize("package", GROUND)
def test_the_ground_stands_alone(package: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module in files()
        if module.split(".")[0] == package
        for name in sorted(names_imported(module))
        if name.split(".")[0] in PACKAGES and name.split(".")[0] != package
    ]
    assert wrong == []


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module: imports(module) for module in files()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_rooms_import_downwards() -> None:
    order = [*ROOMS, ""]
    wrong = [
        f"{module} imports {imported}"
        for module in files()
        if module.split(".")[0] == "bench" and module != "bench.__main__"
        for imported in sorted(imports(module))
        if imported.split(".")[0] == "bench"
        and order.index(room(imported)) < order.index(room(module))
    ]
    assert wrong == []


def test_rooms_are_those_of_the_plan_and_each_has_its_tests() -> None:
    folders = {path.parent.name for path in (CHECKOUT / "bench").glob("*/__init__.py")}
    assert folders == set(ROOMS)
    assert {path.stem for path in (CHECKOUT / "bench").glob("*.py")} == {*SHARED, "__main__"}
    assert {each for each in ROOMS if not list((CHECKOUT / "tests/bench" / each).glob("*.py"))} == (
        set()
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long(package: str) -> None:
    lengths = {
        str(path.relative_to(CHECKOUT)): len(path.read_text("utf-8").splitlines())
        for module, path in files().items()
        if module.split(".")[0] == package
    }
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_is_long(package: str) -> None:
    long = [
        f"{module}.{node.name}: {length} lines"
        for module in files()
        if module.split(".")[0] == package
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_is_crowded(package: str) -> None:
    crowded = {}
    for folder in {path.parent for path in files().values()}:
        name = str(folder.relative_to(CHECKOUT))
        if name.split("/", maxsplit=1)[0] != package or name in COLLECTIONS:
            continue
        entries = [path.name for path in folder.iterdir() if path.name != "__pycache__"]
        if name == "bench":  # its rooms have a test of their own
            entries = [each for each in entries if each not in ROOMS]
        if len(entries) > ENTRIES:
            crowded[name] = len(entries)
    assert crowded == {}

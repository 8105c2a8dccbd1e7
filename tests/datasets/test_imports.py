"""The folders of datasets/ import in one direction, and nothing of the rest of the project."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import datasets

ROOT = Path(datasets.__file__).parent
ORDER = ["transport", "core", "formats", "own", "sets"]  # as the docstring of the package states


def modules() -> dict[str, Path]:
    files = [file for file in ROOT.rglob("*.py") if file.name != "__init__.py"]
    return {".".join(file.relative_to(ROOT.parent).with_suffix("").parts): file for file in files}


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            yield node.module or ""


def test_folders_import_those_before_them_only() -> None:
    assert {name.split(".")[1] for name in modules()} == set(ORDER)
    for name, file in modules().items():
        for other in imported(file):
            package, _, rest = other.partition(".")
            assert package not in {"bench", "likelihoods", "reports"}, f"{name} imports {other}"
            if package == "datasets":
                folders = [ORDER.index(part.split(".")[0]) for part in (rest, name.split(".")[1])]
                assert folders == sorted(folders), f"{name} imports {other}"


def test_no_circle() -> None:
    TopologicalSorter({name: set(imported(file)) for name, file in modules().items()}).prepare()

"""The rooms of the reports import only those before them, in the order that the package states."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import reports

FOLDER = Path(reports.__file__).parent
STATED = (reports.__doc__ or "").split("those before it:")[1]
ROOMS = re.findall(r"^    (\w+(?:, \w+)*)  ", STATED, re.MULTILINE)
ORDER = {room: place for place, rooms in enumerate(ROOMS) for room in rooms.split(", ")}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "reports"


def imports(path: Path) -> set[str]:
    """Every module of the reports that a file imports."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    named: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reports"):
            whole = node.module == "reports"
            named |= (
                {f"reports.{each.name}" for each in node.names} if whole else {node.module or ""}
            )
    return named


def test_every_room_is_stated_and_imports_only_those_before_it() -> None:
    rooms = {path.stem for path in FOLDER.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__pycache__"} == set(ORDER)
    wrong = [
        f"{path.relative_to(FOLDER)} imports {module}"
        for path in FOLDER.rglob("*.py")
        if path != FOLDER / "__init__.py"
        for module in imports(path)
        if ORDER[room(module)] > ORDER[path.relative_to(FOLDER).parts[0].removesuffix(".py")]
    ]
    assert wrong == []


def test_no_circle_within_a_room() -> None:
    graph = {
        ".".join(["reports", *path.relative_to(FOLDER).with_suffix("").parts]): imports(path)
        for path in FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }
    while leaves := [name for name, needs in graph.items() if not needs & set(graph)]:
        for name in leaves:
            del graph[name]
    assert graph == {}


def test_no_file_is_long() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in FOLDER.rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > 400} == {}

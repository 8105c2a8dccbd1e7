"""Results folders of another version, damaged ones, and disks that refuse."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.bench.cli.bad_input.case import RESULTS, RUN, SUITE, Case, Place

Content = str | bytes | None
REPORT = ("report",)
READERS: dict[str, Sequence[str]] = {
    "run": RUN,
    "dry run": (*RUN, "--dry-run"),
    "report": REPORT,
    "compare": ("compare", "gaussian"),
    "merge": ("merge", RESULTS, "--results", "new"),
}

FORMATS: tuple[tuple[str, Content, str], ...] = (
    ("another format", '{"format": 99}', "is of format 99, and this version reads format"),
    ("an older format", '{"format": 1}', "is of format 1, and this version reads format"),
    ("a format in words", '{"format": "3"}', "is of format '3', and this version reads format"),
    ("no format", "{}", "is of format 1, and this version reads format"),
    ("half a format", '{"form', "format.json in 'results' is damaged"),
    ("an empty format", "", "format.json in 'results' is damaged"),
    ("bytes for a format", b"\xff\xfe", "format.json in 'results' is damaged"),
    ("a list for a format", "[3]", "format.json in 'results' is damaged"),
    ("a missing format", None, "is of format 1, and this version reads format"),
)
"""Name, content of format.json, and what is said by every command."""

PLANS = (
    ("half a plan", '{"suite', "plan.json in 'results' is damaged"),
    ("an empty plan", "", "plan.json in 'results' is damaged"),
    ("a plan of nothing", "{}", "plan.json in 'results' is damaged (suite: Field required)"),
    ("a plan of a number", "3", "plan.json in 'results' is damaged"),
    ("a plan of a null", "null", "plan.json in 'results' is damaged"),
    ("a plan nested beyond sense", "[" * 100_000, "plan.json in 'results' is damaged"),
)

ENTRIES: tuple[tuple[str, dict[str, object], str], ...] = (
    ("no title", {"title": None}, "title: Field required"),
    ("no rows", {"rows": None}, "rows: Field required"),
    ("rows of numbers", {"rows": [1]}, "rows.0: "),
    ("rows of another version", {"rows": [{"name": "a", "label": "b", "new": 1}]}, "rows.0.new: "),
    ("columns in words", {"columns": "all"}, "columns: "),
    ("columns of nothing", {"columns": [{}]}, "columns.0."),
    ("runs in a list", {"by_column": []}, "by_column: "),
    ("runs of numbers", {"by_column": {"a": [1]}}, "by_column.a.0: "),
    ("a run that leaves", {"by_column": {"a": ["../../x"]}}, "by_column.a.0: "),
    ("a trial that leaves", {"trials": {"a": ["/etc"]}}, "trials.a.0: "),
    ("no trials", {"trials": None}, "trials: Field required"),
    ("measurements of words", {"measurements": {"a": ["elbo"]}}, "measurements.a.0: "),
    ("measurements of nothing", {"measurements": {"a": [{}]}}, "measurements.a.0.name: "),
    ("reasons in numbers", {"unavailable": {"a": 1}}, "unavailable.a: "),
)
"""Name, entries of plan.json, and what is said of them."""


def _picture(tile: str | None, size: tuple[int, int] = (8, 8)) -> bytes:
    content, text = io.BytesIO(), None
    if tile:
        text = PngInfo()
        text.add_text("tile", tile)
    Image.new("L", size).save(content, "png", pnginfo=text)
    return content.getvalue()


def _bomb() -> bytes:
    """A picture of ten kilobytes that would fill 400 megabytes."""
    return _picture("32x32", (20_000, 20_000))


FILES: tuple[tuple[str, str, Content, str], ...] = (
    ("half a specification", "spec.json", '{"data', "spec.json in 'results/runs/"),
    ("a missing specification", "spec.json", None, "has no usable specification"),
    ("one of another version", "spec.json", '{"seed": 0}', "has no usable specification"),
    ("a list for one", "spec.json", "[]", "spec.json in 'results/runs/"),
    ("half an environment", "environment.json", '{"de', "environment.json in 'results/runs/"),
    ("a list for one of it", "environment.json", "[1]", "environment.json in 'results/runs/"),
    ("an empty history", "history.csv", "", "history.csv in 'results/runs/"),
    ("bytes for a history", "history.csv", b"\xff\xfe\x00", "history.csv in 'results/runs/"),
    ("half a history", "history.csv", 'step,"sec', "history.csv in 'results/runs/"),
    ("another history", "history.csv", "a,b\n1,2\n", "history.csv in 'results/runs/"),
    (
        "words in a history",
        "history.csv",
        "step,seconds,nll_nats,bits_per_dim\n0,0,few,2\n",
        "is damaged (it has no numbers of nll_nats)",
    ),
    ("no picture", "samples.png", "nonsense", "samples.png in 'results/runs/"),
    (
        "half a picture",
        "samples.png",
        _picture("8x1", (64, 64))[:60],
        "samples.png in 'results/runs/",
    ),
    ("a picture of others", "samples.png", _picture(None), "samples.png in 'results/runs/"),
    ("a picture of no tiles", "samples.png", _picture("0x0"), "samples.png in 'results/runs/"),
    ("a picture cut wrongly", "samples.png", _picture("7x5"), "samples.png in 'results/runs/"),
    ("tiles in words", "samples.png", _picture("axb"), "samples.png in 'results/runs/"),
    ("a picture bomb", "samples.png", _bomb(), "samples.png in 'results/runs/"),
)
"""Name, file of a run, content, and what a report says."""


def _refusing(place: Place, function: str, number: int) -> None:
    """A disk on which nothing can be written."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    place.patch.setattr(tempfile, function, refuse)


def _full_for_a_report(place: Place) -> None:
    place.results()
    _refusing(place, "TemporaryDirectory", 28)


def _two(place: Place) -> None:
    """Results, and a folder without any."""
    place.results()
    (place.root / "empty").mkdir()


def _no_new_file(place: Place) -> None:
    opened = Path.open

    def refuse(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if "x" in mode:
            raise OSError(28, os.strerror(28), str(path))
        return opened(path, mode, *more, **options)

    place.patch.setattr(Path, "open", refuse)


def _blocked(place: Place, name: str) -> None:
    """A file where there should be a folder."""
    place.results()
    path = place.root / RESULTS / name
    path.rename(path.with_name("aside"))
    path.write_text("")


def _planned(entries: dict[str, object], place: Place) -> None:
    place.changed("plan.json", **entries)


def cases() -> Iterator[Case]:
    for number, (name, content, says) in enumerate(FORMATS):
        prepare = partial(Place.damaged, pattern="format.json", content=content)
        chosen = list(READERS) if number == 0 else [list(READERS)[number % len(READERS)]]
        for reader in chosen:
            yield Case(f"folder: {name}, {reader}", READERS[reader], says, prepare)
    old = partial(Place.write, path=f"{RESULTS}/runs/x/spec.json", content="{}")
    yield Case("folder: runs of an older format", RUN, FORMATS[-1][2], old)
    for name, content, says in PLANS:
        prepare = partial(Place.damaged, pattern="plan.json", content=content)
        yield Case(f"folder: {name}", REPORT, says, prepare)
    for name, entries, says in ENTRIES:
        prepare = partial(_planned, entries)
        yield Case(
            f"folder: a plan with {name}",
            REPORT,
            f"plan.json in 'results' is damaged ({says}",
            prepare,
        )
    half = partial(Place.damaged, pattern="plan.json", content="{")
    for reader, words in READERS.items():
        yield Case(f"folder: half a plan, {reader}", words, "plan.json in 'results'", half)
    for name, file, content, says in FILES:
        prepare = partial(Place.damaged, pattern=f"runs/*/{file}", content=content)
        yield Case(f"folder: {name}", REPORT, says, prepare)
    for number in (13, 28, 30):
        says = f"'results' cannot be written: {os.strerror(number)}"
        prepare = partial(_refusing, function="TemporaryFile", number=number)
        yield Case(f"disk: {os.strerror(number)}", RUN, says, prepare)
    yield Case(
        "disk: a report on a full one",
        REPORT,
        "the report cannot be written into results/report: No space left",
        _full_for_a_report,
    )
    full = "fresh.py: No space left on device"
    yield Case("disk: a new file on a full one", ["new", "fresh"], full, _no_new_file)
    yield Case(
        "folder: runs that are a file",
        RUN,
        "results folder 'results' cannot be written: ",
        partial(_blocked, name="runs"),
    )
    yield Case(
        "folder: a report that is a file",
        REPORT,
        "the report cannot be written into results/report: ",
        partial(_blocked, name="report"),
    )
    for name, words, says in (
        ("an empty folder", ["merge", "empty", "--results", "new"], "no results in 'empty'"),
        ("a file", ["merge", SUITE, "--results", "new"], f"no results in '{SUITE}'"),
        ("into a file", ["merge", RESULTS, "--results", SUITE], "cannot be written"),
    ):
        yield Case(f"merge: {name}", words, says, _two)

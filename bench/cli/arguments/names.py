"""Names on the command line: looked up, and completed, without importing what they stand for."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from bench import CHECKOUT
from bench.errors import UsageError, unknown

FOLDERS = {
    "data set": "datasets/sets",
    "likelihood": "likelihoods/families",
    "model": "bench/models",
}
FIXED = {"format of tables": ["latex", "parquet"], "format of figures": ["pdf", "svg"]}
"""Kinds whose names are these."""
REGISTERED = re.compile(r'^@register\("(\w+)"', re.MULTILINE)
PLUGINS = "likelihood_bench"
"""The entry points by which packages offer likelihoods (`likelihoods.outside.plugins`)."""


@cache
def names(kind: str) -> list[str]:
    """The names of a kind of `FIXED`, or of `FOLDERS` or suites, as read in the source, sorted."""
    if kind in FIXED:
        return FIXED[kind]
    if kind == "suite":
        return sorted(path.stem for path in (CHECKOUT / "bench" / "suites").glob("*.toml"))
    files = (CHECKOUT / FOLDERS[kind]).glob("*.py")
    return sorted(each for path in files for each in REGISTERED.findall(path.read_text("utf-8")))


def check(kind: str, word: str) -> None:
    """Make sure that a word may be a name of this kind.

    What is in files, has a wildcard, or may come from another package, is left to who reads them.

    Raises:
        UsageError: there is no such name; with the nearest.
    """
    name = word.partition("(")[0]
    elsewhere = ".toml" in word or ":" in word or word.endswith(".py")
    if kind in FIXED and word not in FIXED[kind]:
        raise unknown(kind, word, FIXED[kind])
    if elsewhere or set(name) & set("*?[") or name in names(kind):
        return
    if kind == "likelihood" and entry_points(group=PLUGINS):
        return
    if kind == "data set" and (read := sys.modules.get("datasets")) and name in read.names():
        return  # registered by somebody's file
    raise unknown(kind, name, names(kind))


def split(text: str) -> list[str]:
    """The words between commas outside of brackets: `mine.py:Mine(scale=2,levels=8)` is one."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    # An empty word alone stays one, which is no name: it must not mean all.
    return [part.strip() for part in parts if part.strip()] or [""]


class Words(argparse.Action):
    """A list of words, separated by spaces or commas; given again, the option adds to it.

    Args:
        kind: of `names`, which a shell is offered. None: any words.
        also: other kinds whose names fit.
        checked: whether words that are no such names are refused.
    """

    def __init__(
        self,
        *words: Any,
        kind: str | None = None,
        also: Sequence[str] = (),
        checked: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(*words, **more)
        self.kind, self.also = kind, also
        self._checked = checked and kind is not None
        self.completer = lambda **_: names(kind) if kind else ()

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the words of this option, or of this place."""
        given = [values] if isinstance(values, str) else values or []
        words = [word for each in given for word in split(each)]
        for word in words if self._checked else ():
            check(str(self.kind), word)
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest, None) or []), *words])


class Word(Words):
    """One name of a kind; an option and a place may both stand for it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Take the name; None: nothing stands in this place."""
        if not isinstance(values, str):
            return
        kind, former = str(self.kind), getattr(namespace, self.dest, None)
        if not any(values in names(other) for other in self.also):
            check(kind, values)
        if former not in (None, values):
            raise UsageError(f"one {kind} at a time: {former!r} or {values!r}?")
        setattr(namespace, self.dest, values)

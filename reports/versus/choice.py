"""Which decoders are compared: names, options and labels as a user writes them."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from reports.analysis.groups import Entry, Group, decoders, groups
from reports.content import Content, ReportError, Row

CALL = re.compile(r"\s*([^()]*[^()\s])\s*\((.*)\)\s*")
"""name(option=value, ...)"""
NEXT_OPTION = re.compile(r",(?=\s*\w+\s*=)")


@dataclass(frozen=True)
class Choice:
    """A decoder, or one value of the option that its row sweeps."""

    decoder: Row
    value: float | None = None

    @property
    def label(self) -> str:
        """What is printed, whatever the group."""
        option = "" if self.value is None else f" ({self.decoder.sweep} = {self.value:g})"
        return f"{self.decoder.label}{option}"

    @property
    def spelled(self) -> str:
        """The name with its options, such as "name(option=0.1)"."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.decoder.name}({options})" if options else self.decoder.name

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that tell it from others of its name."""
        swept = {} if self.value is None else {str(self.decoder.sweep): self.value}
        return {**(self.decoder.options or {}), **swept}

    def entry(self, group: Group) -> Entry:
        """Return its entry in a group; without runs where it has none there."""
        (entry,) = (each for each in group.entries if each.decoder == self.decoder)
        if self.value is None:
            return entry
        runs = [each.runs for each in entry.settings if each.value == self.value]
        return Entry(self.decoder, runs[0] if runs else entry.runs.iloc[:0], chosen=self.value)


def choose(content: Content, new: str, against: Sequence[str]) -> tuple[Choice, tuple[Choice, ...]]:
    """Return what is compared, and with what.

    `new` is a label, a name, or name(option=value), where the option may be the swept one; case
    does not matter. Each of `against` is a pattern of names, as in a shell, or anything that `new`
    may be; without any, all other decoders are meant.

    Raises:
        ReportError: `new` or a pattern means nothing, `new` several decoders, or nothing is left.

    """
    rows = [Choice(row) for row in decoders(content)]
    entries = [entry for group in groups(content) for entry in group.entries]
    values = dict.fromkeys(Choice(e.decoder, each.value) for e in entries for each in e.settings)
    known = [*rows, *sorted(values, key=lambda each: (each.decoder.label, each.value or 0.0))]
    chosen = _one(new, known)
    if not against:
        others = tuple(each for each in rows if each.decoder != chosen.decoder)
        if not others:
            raise ReportError(f"there is no other decoder to compare {new!r} with")
        return chosen, others
    matched: list[Choice] = []
    for pattern in against:
        folded = pattern.casefold()
        choices = [row for row in rows if fnmatchcase(row.decoder.name.casefold(), folded)]
        choices = choices or _exactly(pattern, known)
        if not choices:
            raise _unknown("decoder or pattern", pattern, known)
        if choices == [chosen]:
            raise ReportError(f"pattern {pattern!r} matches nothing but {new!r} itself")
        matched += choices
    return chosen, tuple(each for each in known if each in matched and each != chosen)


def _one(text: str, known: Sequence[Choice]) -> Choice:
    choices = _exactly(text, known) or [
        each for each in known if each.value is None and _same(each.decoder.name, text)
    ]
    if not choices:
        raise _unknown("decoder", text, known)
    if len(choices) > 1:
        listed = ", ".join(repr(each.label) for each in choices)
        raise ReportError(f"{text!r} is several decoders; name one by its label: {listed}")
    return choices[0]


def _exactly(text: str, known: Sequence[Choice]) -> list[Choice]:
    """Return what has this label, or this name with these options."""
    by_label = [each for each in known if _same(each.label, text)]
    called = CALL.fullmatch(text)
    if by_label or not called:
        return by_label
    pairs = (part.partition("=") for part in NEXT_OPTION.split(called[2]) if part.strip())
    options = {key.strip(): _literal(value.strip()) for key, _, value in pairs}
    named = [each for each in known if each.options and _same(each.decoder.name, called[1])]
    return [each for each in named if _agree(each.options, options)]


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _agree(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        value == second[key] or _same(str(value), str(second[key])) for key, value in first.items()
    )


def _same(first: str, second: str) -> bool:
    return "".join(first.casefold().split()) == "".join(second.casefold().split())


def _unknown(kind: str, text: str, known: Sequence[Choice]) -> ReportError:
    names = list(dict.fromkeys(each.spelled for each in known))
    labels = {each.label.casefold(): each.spelled for each in known}
    folded = {name.casefold(): name for name in names} | labels
    near = difflib.get_close_matches(text.casefold(), folded, n=1)
    hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
    return ReportError(f"unknown {kind} {text!r}{hint} (in the results: {', '.join(names)})")

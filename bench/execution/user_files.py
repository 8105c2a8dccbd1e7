"""Likelihoods of users' files, for processes on machines that do not have the files."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import likelihoods
from likelihoods.outside import files
from likelihoods.outside.fingerprint import CONTENT

OURS = ("bench", "datasets", "likelihoods", "reports")


class UserFile(NamedTuple):
    """A file with a likelihood, and the modules beside it that it may import."""

    reference: str
    """FILE.py:Class, where the user has it."""
    contents: dict[str, bytes]
    """By the path below its folder; of FILE.py what was read, even if it has changed since."""


def pack() -> list[UserFile]:
    """Everything that was read from files of users."""
    return [_packed(reference) for reference in likelihoods.references()]


_folders: list[tempfile.TemporaryDirectory[str]] = []  # removed when this process ends


def unpack(packed: Sequence[UserFile]) -> None:
    """Read the likelihoods of files that came from elsewhere; their fingerprints stay the same."""
    for reference, contents in packed:
        path, _, name = reference.rpartition(":")
        _folders.append(tempfile.TemporaryDirectory(prefix="likelihood-bench-"))
        folder = Path(_folders[-1].name).resolve()
        for place, content in contents.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(content)
        sys.path.append(str(folder))
        # One that cannot be read here fails in its runs, where the reason is kept.
        with suppress(likelihoods.LikelihoodError):
            likelihoods.resolve(f"{folder / Path(path).name}:{name}")
            files._references[name] = reference  # messages name the user's file


def _packed(reference: str) -> UserFile:
    file, _, name = reference.rpartition(":")
    path = Path(file)
    contents = {}
    for module_name, module in list(sys.modules.items()):
        top = module_name.partition(".")[0]
        origin = getattr(module, "__file__", None)
        source = Path(origin).resolve() if origin else None
        if top in OURS or source is None or path.parent not in source.parents:
            continue
        place = source.relative_to(path.parent)
        if place.parts[0] in (top, f"{top}.py"):
            contents[str(place)] = source.read_bytes()
    contents[path.name] = getattr(sys.modules[likelihoods.get(name).__module__], CONTENT)
    return UserFile(reference, contents)

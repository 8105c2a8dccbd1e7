"""What users bring, for other processes: likelihoods and models of their files, and their data."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import datasets
import likelihoods
from bench import models
from bench.data import OwnData, bring, brought
from bench.errors import UsageError
from bench.models import outside
from likelihoods.outside import files
from likelihoods.outside.fingerprint import CONTENT

OURS = ("bench", "datasets", "likelihoods", "reports")


class UserFile(NamedTuple):
    """A file with a likelihood or a model, and the modules beside it that it may import."""

    reference: str
    """FILE.py:Class, where the user has it."""
    contents: dict[str, bytes]
    """By the path below its folder; of FILE.py what was read, even if it has changed since."""
    is_model: bool = False


def recalling() -> Callable[[], None]:
    """What a new process on this machine does first, to know what this one knows."""
    return partial(_recall, likelihoods.references(), list(models.references().values()), brought())


def _recall(named: Sequence[str], nets: Sequence[str], data: Sequence[OwnData]) -> None:
    # What cannot be read any more fails in its runs, where the reason is kept.
    for text in named:
        with suppress(likelihoods.LikelihoodError):
            likelihoods.resolve(text)
    for text in nets:
        with suppress(likelihoods.LikelihoodError, UsageError):
            models.resolve(text)
    for each in data:
        with suppress(datasets.DataError, likelihoods.LikelihoodError, UsageError):
            bring(each)


def pack() -> list[UserFile]:
    """Everything that was read from files of users, for machines that do not have the files."""
    named = [
        _packed(reference, likelihoods.get(reference.rpartition(":")[2]), is_model=False)
        for reference in likelihoods.references()
    ]
    nets = [
        _packed(reference, models.get(name), is_model=True)
        for name, reference in models.references().items()
    ]
    return named + nets


_folders: list[tempfile.TemporaryDirectory[str]] = []  # removed when this process ends


def unpack(packed: Sequence[UserFile]) -> None:
    """Read files that came from elsewhere; their fingerprints stay the same."""
    folders: dict[Path, Path] = {}  # what lay beside each other does so here
    for reference, contents, is_model in packed:
        path, _, name = reference.rpartition(":")
        if (origin := Path(path).parent) not in folders:
            _folders.append(tempfile.TemporaryDirectory(prefix="likelihood-bench-"))
            folders[origin] = Path(_folders[-1].name).resolve()
            sys.path.append(str(folders[origin]))
        folder = folders[origin]
        for place, content in contents.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(content)
        # One that cannot be read here fails in its runs, where the reason is kept.
        with suppress(likelihoods.LikelihoodError, UsageError):
            text = f"{folder / Path(path).name}:{name}"
            if is_model:
                models.resolve(text)
            else:
                likelihoods.resolve(text)
            known = outside._references if is_model else files._references
            known[name] = reference  # messages name the user's file


def _packed(reference: str, cls: type, *, is_model: bool) -> UserFile:
    path = Path(reference.rpartition(":")[0])
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
    contents[path.name] = getattr(sys.modules[cls.__module__], CONTENT)
    return UserFile(reference, contents, is_model)

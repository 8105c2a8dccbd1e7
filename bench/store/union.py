"""Runs of several results folders brought into one: copied, checked before anything is written."""

from __future__ import annotations

import filecmp
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from bench.errors import UsageError
from bench.evaluation import Outcome
from bench.store import files
from bench.store.store import Store

FILES = ("*.*", "measurements/*.npz", "measurements/*.json")
"""Of a run, without leases; values of each image come before the measurement they belong to."""
NOTHING, BEGUN, TRIED, TRAINED = range(4)
"""How far a run is. What is further wins."""


def check(stores: Sequence[Store]) -> None:
    """Compare the runs that several folders hold.

    Raises:
        UsageError: two of them trained a run to different weights, or measured it differently.
    """
    held = {store: set(_runs(store)) for store in stores}
    for a, b in combinations(stores, 2):
        for run_id in sorted(held[a] & held[b]):
            if what := _difference(a, b, run_id):
                raise UsageError(
                    f"run {run_id} in {str(a.root)!r} contradicts that in {str(b.root)!r}: {what}"
                )


def gather(source: Store, target: Store) -> str:
    """Copy what the target lacks, or holds in a worse state; says what that was.

    Killed anywhere, it leaves a valid target, and goes on when it is called again.
    """
    counts: Counter[str] = Counter()
    for run_id in _runs(source):
        counts[_bring(source, target, run_id)] += 1
    named = len(list((source.root / "runs").glob("*/spec.json")))
    counts["left out (no usable specification)"] = named - counts.total()
    told = [f"{count} {what}" for what, count in sorted(counts.items()) if count]
    return f"{source.root}: of {named} runs {', '.join(told) or 'none taken'}"


def _runs(store: Store) -> Iterator[str]:
    """The runs of a folder that are what their names say."""
    for path in sorted((store.root / "runs").glob("*/spec.json")):
        run_id = path.parent.name
        try:
            usable = store.spec(run_id).run_id == run_id
        except UsageError:
            usable = False
        if usable:
            yield run_id


def _folder(store: Store, run_id: str) -> Path:
    return store.root / "runs" / run_id


def _state(store: Store, run_id: str) -> int:
    if store.is_trained(run_id):
        return TRAINED
    if store.record(run_id):
        return TRIED
    return BEGUN if store.is_begun(run_id) else NOTHING


def _difference(a: Store, b: Store, run_id: str) -> str:
    """What contradicts in two folders that have both trained a run; "" if nothing does."""
    if min(_state(a, run_id), _state(b, run_id)) < TRAINED:
        return ""
    for key in ("status", "diverged_step"):
        ends = [(store.record(run_id) or {}).get(key) for store in (a, b)]
        if ends[0] != ends[1]:
            return f"{key} {ends[0]} and {ends[1]}"
    if _differ(_folder(a, run_id) / "weights.pt", _folder(b, run_id) / "weights.pt"):
        return "the weights differ"
    for key in _measured(a, run_id) & _measured(b, run_id):
        found = [store.measurement(run_id, key) or {} for store in (a, b)]
        one, other = ((each.get("outcome"), each.get("columns")) for each in found)
        if one != other and not any(_is_missing(each) for each in found):
            return f"the measurement {key} differs"
    return ""


def _differ(a: Path, b: Path) -> bool:
    """Whether two files of weights are there and hold different ones."""
    if not (a.is_file() and b.is_file()) or filecmp.cmp(a, b, shallow=False):
        return False
    # Another version of PyTorch may write the same weights in other bytes.
    one, other = _weights(a), _weights(b)
    same: bool = one.keys() == other.keys() and all(
        torch.equal(one[key], other[key]) for key in one
    )
    return not same


def _weights(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise UsageError(
            f"{str(path)!r} cannot be read ({type(error).__name__}): delete the folder of the run"
        ) from error


def _measured(store: Store, run_id: str) -> set[str]:
    return {path.stem for path in (_folder(store, run_id) / "measurements").glob("*.json")}


def _is_missing(result: dict[str, Any]) -> bool:
    return bool(result.get("outcome", Outcome.FAILED) == Outcome.FAILED)


def _bring(source: Store, target: Store, run_id: str) -> str:
    """Copy a run, or what the target lacks of it; says which."""
    state, there = _state(source, run_id), _state(target, run_id)
    if state > there or not (_folder(target, run_id) / "spec.json").is_file():
        _copy(source, target, run_id, replace=True)
        record = source.record(run_id)
        if record:
            target.write_record(run_id, record)  # last: it says that the others are whole
        return f"taken ({record['status'] if record else 'begun'})"
    if state == there == TRAINED and _copy(source, target, run_id, replace=False):
        return "there before and completed"
    return "there before"


def _copy(source: Store, target: Store, run_id: str, *, replace: bool) -> int:
    """Copy the files of a run but its record; returns how many there were to copy.

    Args:
        source: copied from.
        target: copied to.
        run_id: the run.
        replace: whether files of the target are replaced; else only failed measurements are.
    """
    copied = 0
    origin, folder = _folder(source, run_id), _folder(target, run_id)
    better = {
        key
        for key in _measured(source, run_id)
        if _is_missing(target.measurement(run_id, key) or {})
        and not _is_missing(source.measurement(run_id, key) or {})
    }
    for path in (path for kind in FILES for path in sorted(origin.glob(kind))):
        if path.name == "run.json" or path.name.startswith("."):
            continue
        to = folder / path.relative_to(origin)
        if replace or path.stem in better or not to.exists():
            files.copy(path, to)
            copied += 1
    return copied

"""A store on a machine that does not share the disk: what is written to it is sent home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.evaluation import Measurement, Result
from bench.store import files, lease
from bench.store.store import Kind, Store

Files = Mapping[str, bytes | None]
"""Path below the results folder -> content of the file; None: there is none any more."""


def take_along(store: Store, run_id: str) -> Files:
    """What a store holds of a run, for whoever goes on with it elsewhere."""
    return {
        path: (store.root / path).read_bytes() for path in _stamps(store.root, f"runs/{run_id}")
    }


def receive(root: Path, changed: Files) -> None:
    """Put files into a results folder, each whole, in the order in which they were written."""
    for path, content in changed.items():
        if content is None:
            (root / path).unlink(missing_ok=True)
        else:
            files.write_bytes(root / path, content)


class Away(Store):
    """A folder of its own, whose changes go home whenever a state or a measurement is written.

    Args:
        root: an empty folder.
        brought: what `take_along` returned.
        send: is given the files that have changed.
        lend: returns a file of the cache at home by its path; None if it has no such file.
    """

    def __init__(
        self,
        root: Path,
        brought: Files,
        send: Callable[[Files], object],
        lend: Callable[[str], bytes | None],
    ) -> None:
        super().__init__(root)
        self._send, self._lend = send, lend
        receive(root, brought)
        self._sent = _stamps(root)

    def send_changes(self) -> None:
        """Send home what has changed since the last time."""
        now = _stamps(self.root)
        new = sorted(path for path in now if now[path] != self._sent.get(path))
        changed: dict[str, bytes | None] = {
            path: (self.root / path).read_bytes() for path in sorted(new, key=now.__getitem__)
        }
        # Last: a checkpoint is dropped when what replaces it has been written.
        changed |= dict.fromkeys(self._sent.keys() - now.keys())
        self._sent = now
        if changed:
            self._send(changed)

    def write_state(self, run_id: str, kind: Kind, state: Mapping[str, Any]) -> None:
        """See `Store.write_state`; it goes home at once."""
        super().write_state(run_id, kind, state)
        self.send_changes()

    def write_measurement(
        self, run_id: str, measurement: Measurement, result: Result, environment: Mapping[str, Any]
    ) -> None:
        """See `Store.write_measurement`; it goes home at once."""
        super().write_measurement(run_id, measurement, result, environment)
        self.send_changes()

    def cached(self, key: str) -> dict[str, Any] | None:
        """See `Store.cached`; what is not here may be at home."""
        path = str(self._cache_file(key).relative_to(self.root))
        if path not in self._sent and (content := self._lend(path)) is not None:
            receive(self.root, {path: content})
            self._sent[path] = _stamps(self.root, path)[path]
        return super().cached(key)


def cache_files(store: Store) -> set[str]:
    """Paths of what a store keeps of real images."""
    return set(_stamps(store.root, "cache"))


def _stamps(root: Path, below: str = "") -> dict[str, tuple[int, int, int]]:
    """What tells two versions of each file apart, by its path; time comes first.

    Files that are being written are left out, and so are leases, which only count at home.
    """
    top = root / below
    paths = [top] if top.is_file() else sorted(top.rglob("*"))
    whole = [
        path for path in paths if path.is_file() and not path.name.startswith((".", lease.PREFIX))
    ]
    found = {str(path.relative_to(root)): path.stat() for path in whole}
    return {path: (each.st_mtime_ns, each.st_ino, each.st_size) for path, each in found.items()}

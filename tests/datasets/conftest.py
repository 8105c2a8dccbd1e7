"""Small data sets in the official formats, sources that misbehave, and no way out."""

import gzip
import hashlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import Loader
from datasets.core import registry
from datasets.core.storage import LOCK
from datasets.formats.idx import NAMES, IdxLoader
from datasets.transport import sources
from datasets.transport.partials import Partials, SourceError
from datasets.transport.sources import Source

COUNTS = (5, 2, 3)
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture(autouse=True)
def no_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package client is found, nobody but this machine is reached, the cache is elsewhere."""
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> None:
        assert address[0] == "127.0.0.1", f"a test tried to reach {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.setenv("PATH", str(tmp_path / "clients"))
    monkeypatch.setattr(sources, "PIP", ("pip",))
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path / "default"))


def entries(folder: Path) -> list[str]:
    """Names of what lies in a data folder, but for the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != LOCK)


def idx(values: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """The bytes of an idx file, written as its specification says."""
    header = bytes([0, 0, 8, values.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in values.shape) + values.tobytes()


def idx_files() -> dict[str, bytes]:
    """A training part of seven 4x3 images and a test part of three."""
    random = np.random.default_rng(0)
    files = {}
    for part, count in (("train", 7), ("t10k", 3)):
        images = random.integers(0, 256, (count, 4, 3), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx(images)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count, dtype=np.uint8))
    return files


@dataclass(frozen=True, kw_only=True)
class Fake(Source):
    """A source that writes the given files, then fails as told."""

    label: str
    files: dict[str, bytes] = field(default_factory=dict)
    failure: BaseException | None = None
    delay: float = 0.0
    calls: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.label

    def fetch(self, folder: Path, partials: Partials, progress: bool | None) -> None:
        self.calls.append(self.title)
        time.sleep(self.delay)
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        if self.failure:
            raise self.failure


def good(title: str = "good", packed: bool = False) -> Fake:
    files = {f"TINY/raw/{name}": content for name, content in idx_files().items()}
    if packed:
        files = {f"{path}.gz": gzip.compress(content) for path, content in files.items()}
    return Fake(label=title, files=files, bytes=100, members={})


def bad(title: str = "bad", failure: BaseException | None = None, **files: bytes) -> Fake:
    return Fake(
        label=title,
        files={f"TINY/raw/{name}": content for name, content in files.items()},
        failure=failure or SourceError("it is closed on Sundays"),
        bytes=100,
        members={},
    )


Tiny = Callable[..., Loader]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """Register a data set `tiny` of the MNIST family with the sources given."""

    def make(*sources: Source) -> Loader:
        class TinyLoader(IdxLoader):
            name = "tiny"
            shape = (1, 4, 3)
            counts = COUNTS
            bytes = 200
            description = "tiny"
            folder = "TINY/raw"

        loader = TinyLoader()
        md5 = [hashlib.md5(idx_files()[name]).hexdigest() for name in NAMES]
        loader.md5 = (md5[0], md5[1], md5[2], md5[3])
        loader.sources = sources
        registry.names()
        monkeypatch.setitem(registry._loaders, "tiny", loader)
        return loader

    return make


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A data folder in which somebody has put the files of `tiny`."""
    folder = tmp_path / "local" / "TINY" / "raw"
    folder.mkdir(parents=True)
    for name, content in idx_files().items():
        (folder / name).write_bytes(content)
    return tmp_path / "local"

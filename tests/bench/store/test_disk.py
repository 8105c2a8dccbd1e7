"""A disk that is really full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.errors import DiskError
from bench.store import Store

CPU = torch.device("cpu")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_the_checkpoint_before_stays_and_the_next_is_written_when_there_is_room(
    small_disk: Path,
) -> None:
    store = Store.open(small_disk / "results")
    store.write_state("run", "checkpoint", {"step": 1, "weights": torch.ones(50_000)})
    next_one = {"step": 2, "weights": torch.ones(250_000)}
    with pytest.raises(DiskError) as caught:
        store.write_state("run", "checkpoint", next_one)
    text = str(caught.value)
    assert "checkpoint.pt' (1.0 MB) cannot be written: No space left on device" in text
    assert f"the disk at {str(small_disk)!r} has 0.8 MB free" in text
    kept = store.state("run", "checkpoint", CPU)
    assert kept is not None
    assert kept["step"] == 1
    assert [path.name for path in (store.root / "runs" / "run").iterdir()] == ["checkpoint.pt"]
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    store.write_state("run", "checkpoint", next_one)
    kept = store.state("run", "checkpoint", CPU)
    assert kept is not None
    assert kept["step"] == 2

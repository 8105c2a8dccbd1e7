"""Curves for TensorBoard: those of the histories, as they are written."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from bench.cli import main
from bench.errors import DiskError
from bench.execution import curves
from bench.store import Store

ROWS: list[dict[str, float]] = [
    {"step": step, "seconds": step / 10, "nll_nats": 5.0 - step} for step in range(3)
]


class Board:
    """Stands for SummaryWriter, and keeps what it is given."""

    def __init__(self, folder: str) -> None:
        self.scalars: list[tuple[str, float, int, float]] = []
        self.closed = False
        self.path = Path(folder) / "events.out.tfevents.1"
        self.path.write_text("")

    def add_scalar(self, tag: str, value: float, global_step: int, walltime: float) -> None:
        self.scalars.append((tag, value, global_step, walltime))

    def flush(self) -> None:
        self.path.write_text(str(self.scalars))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []

    def make(folder: str) -> Board:
        board = Board(folder)
        made.append(board)
        return board

    monkeypatch.setattr(curves, "import_module", lambda _: SimpleNamespace(SummaryWriter=make))
    return made


def test_each_point_is_written_once(tmp_path: Path, boards: list[Any]) -> None:
    (tmp_path / "events.out.tfevents.0").write_text("of an earlier try")
    with curves.written(tmp_path) as log:
        (board,) = boards
        log(ROWS[:1])
        log(ROWS[:1])
        log(ROWS)
        assert not board.closed
    assert board.closed
    assert [path.name for path in tmp_path.iterdir()] == ["events.out.tfevents.1"]
    assert [scalar[:3] for scalar in board.scalars] == [
        ("validation/nll_nats", 5.0 - step, step) for step in range(3)
    ]
    times = [scalar[3] for scalar in board.scalars]
    assert times[2] - times[0] == pytest.approx(0.2, abs=1e-3)


def test_without_a_folder_or_the_package_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    for folder in (None, tmp_path):
        with curves.written(folder) as log:
            log(ROWS)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == "TensorBoard is not installed here: curves are not written\n"


def test_a_full_disk_is_no_fault_of_the_run(tmp_path: Path, boards: list[Any]) -> None:
    with pytest.raises(DiskError, match="No space left"), curves.written(tmp_path) as log:  # noqa: PT012
        boards[0].flush = lambda: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        log(ROWS)


def test_without_the_package_the_command_says_what_to_install(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.errors.find_spec", lambda _: None)
    words = ["run", str(tiny), "--results", str(tmp_path / "results"), "--log", "tensorboard"]
    assert main(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: --log tensorboard needs tensorboard, which is not installed: "
        "pip install '.[tensorboard]'"
    )
    assert not (tmp_path / "results").exists()


def test_curves_of_a_command_are_its_histories(tiny: Path, tmp_path: Path) -> None:
    """By TensorBoard's own reader; also of a run that was trained without a log."""
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed: pip install '.[tensorboard]'",
    )
    results = tmp_path / "results"
    words = ["run", str(tiny), "--results", str(results), "--jobs", "1"]
    words += ["--likelihoods", "gaussian"]
    assert main(words) == 0
    assert not list(results.glob(f"runs/*/{curves.EVENTS}"))
    assert main([*words, "optimal*", "--log", "tensorboard"]) == 0
    store, folders = Store(results), sorted((results / "runs").iterdir())
    assert len(folders) == 2
    for folder in folders:
        (events,) = folder.glob(curves.EVENTS)
        read = reader.EventAccumulator(str(events))
        read.Reload()
        history = store.history(folder.name)
        assert isinstance(history, pd.DataFrame)
        points = read.Scalars("validation/bits_per_dim")
        assert [point.step for point in points] == list(history["step"])
        assert [point.value for point in points] == pytest.approx(list(history["bits_per_dim"]))

"""What is refused before a cluster is needed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bench.cli import main
from bench.execution import cluster

RAY = ["--executor", "ray"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--executor", "rai"], "unknown executor 'rai'; did you mean 'ray'? (allowed: inline, "),
        ([*RAY, "--cpus-per-run", "0"], "cpus-per-run must be a fraction of 1 or a whole number"),
        ([*RAY, "--cpus-per-run", "nan"], "a fraction of 1 or a whole number, not nan"),
        ([*RAY, "--cpus-per-run", "inf"], "a fraction of 1 or a whole number, not inf"),
        ([*RAY, "--gpus-per-run", "1.5"], "gpus-per-run must be 0, a fraction of 1 or a whole num"),
        ([*RAY, "--gpus-per-run", "-1"], "gpus-per-run must be 0, a fraction of 1 or a whole num"),
        ([*RAY, "--gpus-per-run", "many"], "argument --gpus-per-run: invalid float value: 'many'"),
        (["--gpus-per-run", "1"], "are for --executor ray, not the default"),
        (["--executor", "inline", "--ray-address", "a:1"], "are for --executor ray, not inline"),
        (RAY, "pip install '.[ray]'"),
    ],
)
def test_bad_options_are_told_in_one_line_before_anything_else(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)  # Ray is not installed
    results = tmp_path / "results"
    assert main(["run", "--suite", "absent.toml", "--results", str(results), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not results.exists()


@pytest.mark.parametrize("address", ["nonsense", "ray://host:1", ":1", "host:", "host:x"])
def test_an_address_that_is_none(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install '.[ray]'")
    assert main(["run", "--suite", "paper", *RAY, "--ray-address", address]) == 2
    said = capsys.readouterr().err
    assert f"ray-address {address!r} is no address (allowed: HOST:PORT, auto, local)" in said


def test_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install '.[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        assert main(["run", "--suite", "paper", *RAY]) == 2
    assert f"no Ray cluster answers at {address!r}" in capsys.readouterr().err

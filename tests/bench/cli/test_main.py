"""The command line as a user meets it: what it prints where, and with which exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench import CHECKOUT
from bench.cli import main
from bench.evaluation.information import Information
from bench.publishing import content
from bench.store import Store
from bench.training import Trainer, Trajectory
from tests.bench.conftest import no_features


def run(tiny: Path, results: Path, *more: str) -> int:
    return main(["run", "--suite", str(tiny), "--results", str(results), "--jobs", "1", *more])


def table(results: Path) -> pd.DataFrame:
    """All columns but the times: they must repeat."""
    found = pd.read_csv(results / "report" / "results.csv")
    return found[[name for name in found if "_seconds" not in str(name)]]


def test_from_a_suite_to_a_report(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    assert run(tiny, results) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{results / 'report' / 'README.md'}\n"
    assert "expected to take" in captured.err
    text = (results / "report" / "README.md").read_text()
    assert "Budget: tiny" in text
    assert "scikit-learn's digits, in place of " in text
    found = table(results)
    assert list(found["status"]) == ["finished"] * 4
    assert (
        found[["bits_per_dim", "kl_nats", "mse", "fd_thumbnail", "information_nats"]]
        .notna()
        .all(axis=None)
    )
    assert main(["recommend", "--results", str(results)]) == 0
    answer = " ".join(capsys.readouterr().out.split())
    assert "| grey images | density: bits/dim | not known | " in answer
    two = ("--report", "one", "two")
    assert main(["recommend", "--results", str(results), *two]) == 2
    said = capsys.readouterr().err
    assert "--report names 2 folders for 1 folder of results; as many are due" in said
    held = content(Store(results), tmp_path).per_image
    assert set(held) == set(found["run"])
    for each in found.itertuples():
        assert held[str(each.run)]["bits_per_dim"].mean() == pytest.approx(each.bits_per_dim)
    folders = list((results / "runs").iterdir())
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == [
            "environment.json",
            "history.csv",
            "lease-1",
            "measurements",
            "reconstructions.png",
            "run.json",
            "samples.png",
            "spec.json",
            "weights.pt",
        ]
        labels = {path.stem.rpartition("-")[0] for path in (folder / "measurements").iterdir()}
        assert labels == {
            "calibration",
            "elbo",
            "information",
            "iwae",
            "pictures",
            "probe",
            "quality_thumbnail",
            "without_code",
        }
        assert json.loads((folder / "spec.json").read_text())["seed"] == 0


def test_twice_the_same_numbers_and_nothing_twice(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    no_features(tiny)
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(tiny, first) == run(tiny, second, "--jobs", "2") == 0
    pd.testing.assert_frame_equal(table(first), table(second), check_exact=True)
    before = {path: path.stat().st_mtime_ns for path in (first / "runs").rglob("*.*")}
    capsys.readouterr()
    assert run(tiny, first) == 0
    assert "4 runs: 4 done before" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in (first / "runs").rglob("*.*")}


def test_a_comparison_can_be_made_in_parts(tiny: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert run(tiny, results, "--likelihoods", "optimal*") == 0
    assert run(tiny, results, "--likelihoods", "gaussian") == 0
    assert set(table(results)["likelihood"]) == {"gaussian", "optimal_sigma"}
    assert run(tiny, results, "--seeds", "2", "--likelihoods", "gaussian") == 0
    assert len(table(results)) == 3


def test_dry_run_prints_the_plan_and_computes_nothing(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    assert run(tiny, results, "--dry-run") == 0
    captured = capsys.readouterr()
    assert [line.split()[-2] for line in captured.out.splitlines()[2:]] == ["train"] * 4
    assert "4 runs: 4 to be trained" in captured.err
    assert "beta_vae(beta=10.0)" in captured.out
    assert "expected to take" in captured.err
    assert not results.exists()


def test_a_failed_run_is_kept_and_the_suite_goes_on(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Trainer.run

    def broken(trainer: Trainer, **options: Any) -> Trajectory:
        if trainer.model.likelihood.name == "gaussian":
            raise RuntimeError("out of luck\nand more")
        return original(trainer, **options)

    results = tmp_path / "results"
    monkeypatch.setattr(Trainer, "run", broken)
    assert run(tiny, results) == 1
    found = table(results).set_index("likelihood")
    assert found.loc["gaussian", "status"] == "failed"
    assert found.loc["gaussian", "error"] == "RuntimeError: out of luck"
    assert found.loc["optimal_sigma", "status"] == "finished"
    assert "failed" in (results / "report" / "README.md").read_text()
    monkeypatch.undo()
    capsys.readouterr()
    assert run(tiny, results) == 1
    said = capsys.readouterr().err
    assert "4 runs: 3 done before, 1 failed before" in said
    assert "1 that failed are left as they are: --retry-failed tries them again" in said
    assert "the report says which; --retry-failed tries them again" in said
    assert run(tiny, results, "--dry-run") == 0
    assert "failed, left" in capsys.readouterr().out
    assert run(tiny, results, "--retry-failed") == 0
    assert "4 runs: 1 to be trained, 3 done before" in capsys.readouterr().err


def test_what_is_added_is_measured_and_no_weight_is_touched(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More importance samples, another number of test images: two measurements of four runs."""
    results = tmp_path / "results"
    assert run(tiny, results) == 0
    first = table(results)

    def files() -> dict[Path, int]:
        paths = (path for path in (results / "runs").rglob("*.*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in paths}

    before = files()
    text = tiny.read_text()
    text = text.replace("importance_samples = 2", "importance_samples = 3")
    tiny.write_text(text.replace("test_images = 24", "test_images = 25"))
    capsys.readouterr()
    assert run(tiny, results, "--dry-run") == 0
    captured = capsys.readouterr()
    assert captured.out.count("measure elbo, iwae") == 4
    assert "4 runs: 4 only to be measured" in captured.err
    assert files() == before
    monkeypatch.setattr(Trainer, "run", lambda *_, **__: pytest.fail("trained again"))
    assert run(tiny, results) == 0
    assert capsys.readouterr().err.count("measured elbo, iwae, without_code in") == 4
    after = files()
    assert {path: after[path] for path in before} == before
    made = after.keys() - before.keys()
    assert {path.name.partition("-")[0] for path in made} == {"elbo", "iwae", "without_code"}
    assert len(made) == 16  # of the elbo of each run, its values of each image too
    second = table(results)
    assert list(second["run"]) == list(first["run"])
    assert set(second["importance_samples"]) == {3}
    assert set(second["test_images"]) == {25}
    same = ["fd_thumbnail", "information_nats", "calibration_error", "smallest_sigma_reached"]
    pd.testing.assert_frame_equal(second[same], first[same], check_exact=True)


def test_a_measurement_that_fails_is_one_line_and_the_rest_is_reported(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"

    def broken(*_: object) -> None:
        raise RuntimeError("out of luck\nand more")

    with monkeypatch.context() as patched:
        patched.setattr(Information, "measure", broken)
        assert run(tiny, results, "--likelihoods", "gaussian") == 1
    said = capsys.readouterr().err
    assert "; no information: RuntimeError: out of luck; about" in said
    assert "some runs or measurements failed: the report says which" in said
    found = table(results).iloc[0]
    assert found["status"] == "finished"
    assert found["not_measured"] == "information: RuntimeError: out of luck"
    assert found["bits_per_dim"] > 0
    assert run(tiny, results, "--likelihoods", "gaussian") == 1
    assert run(tiny, results, "--likelihoods", "gaussian", "--retry-failed") == 0
    assert "1 runs: 1 only to be measured" in capsys.readouterr().err
    assert table(results)["information_nats"].notna().all()


def test_divergence_is_recorded_and_the_suite_goes_on(tiny: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    # Steps so large that the first one already leaves the numbers behind.
    text = tiny.read_text().replace("learning_rate = 1e-3", "learning_rate = 1e30")
    tiny.write_text(text)
    assert run(tiny, results) == 1
    found = table(results)
    assert set(found["status"]) == {"diverged"}
    assert found["diverged_step"].between(1, 6).all()
    tiny.write_text(text.replace("[[rows]]", "[[rows]]\nmay_diverge = true"))
    assert run(tiny, results) == 0


def test_killed_in_the_middle_it_goes_on(tiny: Path, tmp_path: Path) -> None:
    no_features(tiny)
    results = tmp_path / "results"
    command = [sys.executable, "-m", "bench", "run", "--suite", str(tiny)]
    command += ["--results", str(results), "--jobs", "1"]
    # As a shell does with what a script starts in the background.
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    process = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not list(results.glob("runs/*/measurements/*.json")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
    finally:
        process.send_signal(signal.SIGTERM)
    _, talk = process.communicate(timeout=60)
    assert process.returncode == 130, talk
    assert "Traceback" not in talk
    assert re.search(r"stopped: [1-4] of 4 runs have ended", talk)
    assert f"this goes on from here: python -m bench run --suite {tiny}" in talk
    assert len(table(results)) >= 1, "the report of what there is"
    assert run(tiny, results) == 0
    assert len(table(results)) == 4


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    for what, name in (
        ("datasets", "digits"),
        ("models", "vae"),
        ("suites", "paper"),
    ):
        assert main(["list", what]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines].count(name) == 1
    assert main(["data", "status"]) == 0
    out = capsys.readouterr().out
    assert "cifar10" in out
    assert "scikit-learn" in out


def test_status_tells_of_an_interrupted_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path))
    part = tmp_path / ".likelihood-bench-partial" / "svhn" / "part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(3_000_000))
    assert main(["data", "status"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("svhn"))
    assert "no, 3 MB of it" in line


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from bench.cli import main\n"
        "words = 'run --help', 'list suites', 'run papr', 'run mnist -d x', 'run mnist -l x', ''\n"
        "assert [main(each.split()) for each in words] == [0, 0, 2, 2, 2, 0]\n"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'numpy', 'pandas', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False)
    assert done.returncode == 0


def test_another_package_called_datasets_is_named(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("")
    code = (
        f"import sys\nsys.path[:0] = [{str(tmp_path)!r}, {str(CHECKOUT)!r}]\n"
        "from bench.cli import main\nsys.exit(main(['list', 'datasets']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: package 'datasets' is ")
    assert done.stderr.count("\n") == 1

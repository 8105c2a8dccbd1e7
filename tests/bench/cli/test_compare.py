"""`bench compare`, from runs to its README; and the commands it names make what is missing."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main
from reports.analysis import collapse


def run(tiny: Path, results: Path, *more: str) -> None:
    assert main(["run", "--suite", str(tiny), "--results", str(results), "--jobs", "1", *more]) == 0


def commands(readme: Path) -> list[list[str]]:
    found = re.findall(r"`(python -m bench run [^`]*)`", readme.read_text("utf-8"))
    return [shlex.split(each)[3:] for each in found]


def test_what_is_missing_is_made_by_the_command_that_is_named(
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collapse, "LEAST_KL", 0.0)  # after six steps all are
    monkeypatch.setattr(collapse, "SHARE", math.inf)
    results = tmp_path / "my results"
    run(tiny, results, "--likelihoods", "gaussian", "beta_vae")
    run(tiny, results, "--likelihoods", "optimal*", "--seeds", "5")
    compare = ["compare", "optimal", "--results", str(results)]
    capsys.readouterr()
    assert main(compare) == 0
    summary, path = capsys.readouterr().out.splitlines()
    readme = results / "report" / "compare-optimal" / "README.md"
    assert path == str(readme)
    text = readme.read_text("utf-8")
    assert summary in text
    assert summary.startswith("On digits (vae, 5 seeds), Optimal has ")
    assert "no verdict: 1 seed, an interval needs 5" in summary
    assert (readme.parent / "figures" / "differences-digits-vae.png").is_file()

    missing = commands(readme)
    assert [words[words.index("--likelihoods") + 1] for words in missing] == [
        "gaussian",
        "beta_vae",
    ]
    for words in missing:
        assert main([*words, "--jobs", "1"]) == 0
    assert main(compare) == 0
    assert "None: on all data, both sides have the same seeds." in readme.read_text("utf-8")
    assert commands(readme) == []

    table = pd.read_csv(results / "report" / "results.csv").set_index(["likelihood", "seed"])
    assert len(table) == 5 * 4
    bits = table["bits_per_dim"]
    pairs = [bits["optimal_sigma", seed] - bits["gaussian", seed] for seed in range(5)]
    found = pd.read_csv(readme.parent / "differences.csv")
    of_bits = found[(found["baseline"] == "gaussian") & (found["metric"] == "bits_per_dim")]
    row = of_bits.iloc[0].to_dict()
    assert row["difference"] == pytest.approx(sum(pairs) / 5)
    assert row["pairs"] == 5
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert set(table["outputs_per_value"]) == {1}
    assert "raw outputs a value" in readme.read_text("utf-8")


def test_output_and_baselines_are_those_asked_for(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, output = tmp_path / "results", tmp_path / "elsewhere"
    run(tiny, results)
    where = ["--results", str(results)]
    new = "beta_vae(beta=10.0)"
    capsys.readouterr()
    assert main(["compare", new, "--against", "gauss*", *where, "--output", str(output)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(output / "README.md")
    assert "# beta\\_vae" not in (output / "README.md").read_text("utf-8")
    assert (output / "README.md").read_text("utf-8").startswith("# beta_vae (beta = 10) against ga")
    assert main(["compare", new, *where]) == 0
    assert (results / "report" / "compare-beta_vae_beta=10.0_" / "README.md").is_file()
    assert (results / "report" / "README.md").is_file()

"""docs/your-data-and-network.md: every command and block of code on it, on a few digits as PNG."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import datasets
from bench import CHECKOUT, data
from bench.cli import main
from bench.models import base, outside
from datasets.core import registry

PAGE = (CHECKOUT / "docs" / "your-data-and-network.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {"class Stripes": "../stripes.py"}
"""Blocks that are files; other blocks of Python are carried out."""


@pytest.fixture(autouse=True)
def beside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder from which commands are given; what they bring is forgotten afterwards."""
    registry.names()
    for module, name, empty in (
        (registry, "_loaders", dict(registry._loaders)),
        (base, "_MODELS", dict(base._MODELS)),
        (outside, "_references", {}),
        (data, "_brought", []),
    ):
        monkeypatch.setattr(module, name, empty)
    digits = datasets.load("digits")
    monkeypatch.setenv("LIKELIHOOD_BENCH_DATA", str(tmp_path / "data"))
    (suite,) = (text for language, text in BLOCKS if language == "toml")
    (tmp_path / "mine.toml").write_text(suite, encoding="utf-8")
    (tmp_path / "photos").mkdir()
    for number, digit in enumerate(digits.train[:40, 0].numpy()):
        Image.fromarray(digit).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    data.on_device.cache_clear()
    return tmp_path


def table() -> pd.DataFrame:
    return pd.read_csv("results/report/results.csv")


def test_the_page(
    beside_a_checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its order."""
    seen = []
    for language, text in BLOCKS:
        if language == "python":
            files = [file for mark, file in FILES.items() if mark in text]
            if files:
                Path(files[0]).write_text(text, encoding="utf-8")
            else:
                exec(text, {})
        for line in text.splitlines() if language == "bash" else ():
            assert line.startswith("python -m bench ")
            words = shlex.split(line)[3:]
            if words[0] == "report":  # by another process, that knows neither
                base._MODELS.pop("MyNet")
                registry._loaders.pop("photos")
                (beside_a_checkout / "my_net.py").unlink()
            assert main(words) == 0, f"{line}\n{capsys.readouterr().err}"
            said = capsys.readouterr()
            if words[0] == "run":
                assert list(table()["status"]) == ["finished"] * 2
                assert "none of" not in said.err
                seen += list(zip(table()["data_set"], table()["model"], strict=True))[:1]
            if words[0] == "check":
                assert "7 passed, 0 failed" in said.out
    assert seen == [
        ("photos", "vae"),
        ("small_digits", "vae"),
        ("Stripes", "vae"),
        ("photos", "MyNet"),
    ]
    folder = Path("results/report")
    report, runs = ((folder / name).read_text("utf-8") for name in ("README.md", "runs.md"))
    assert "photos: 40 PNG and JPEG files, 28x28 pixels" in runs
    assert "Digits MyNet" not in report
    assert "photos MyNet" in report


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--data", "../nowhere"], "nowhere is neither a folder nor a file FILE.npz"),
        (["--data", "../photos", "--data-size", "0"], "'0' is not SIDE or HxW"),
        (["--data", "../photos", "--data-size", "3x"], "'3x' is not SIDE or HxW, such as 32 or"),
        (["--data", "../photos", "--data-size", "30"], "must be multiples of 4, not 30x30"),
        (["--data", "../photos", "--data-crop", "left"], "unknown data_crop 'left'"),
        (
            ["--data", "../checkout"],
            "checkout holds no PNG or JPEG at any depth, and no other file",
        ),
        (["--data", "../absent.py:Mine"], "../absent.py: No such file or directory"),
        (["--model", "../absent.py:Net"], "../absent.py: No such file or directory"),
        (["--model", "vae"], "'vae' is not FILE.py, before the colon of FILE.py:Class"),
    ],
)
def test_mistakes_are_told_in_one_line(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--suite", "../mine.toml", *given]) == 2
    (line,) = errors(capsys)
    assert message in line
    assert not Path("results").exists()


def test_columns_of_video_are_left_out_and_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite `paper` on one's own data, then also on one's own network."""
    main(["new", "../my_net", "--model"])
    plain = ["run", "--suite", "paper", "--budget", "smoke", "--data", "../photos", "--dry-run"]
    plain += ["--likelihoods", "gaussian"]
    from bench.cli import run

    monkeypatch.setattr(run, "_estimates", lambda *_, **__: {})
    assert main(plain) == 0
    said = capsys.readouterr()
    assert "../photos is data set photos: 28 train, 4 validation, 8 test" in said.err
    assert "photos takes model and training of column 'SVHN VAE', the first of images" in said.err
    assert "column 'BAIR SVG' is left out: photos is images" in said.err
    assert said.out.count("gaussian") == 1
    assert main([*plain, "--model", "../my_net.py:MyNet(width=8)"]) == 0
    said = capsys.readouterr()
    assert "column 'BAIR SVG' is left out: MyNet takes images" in said.err
    assert [line.split()[:3] for line in said.out.splitlines() if "gaussian" in line] == [
        ["photos", "MyNet", "gaussian"]
    ]
    assert not Path("results").exists()


def test_the_network_takes_the_place_of_others_and_an_edit_is_a_new_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In processes of their own; a report after an edit says so."""
    main(["new", "../my_net", "--model"])
    command = ["run", "--suite", "../mine.toml", "--likelihoods", "gaussian", "optimal_sigma"]
    command += ["--model", "../my_net.py:MyNet(width=8)", "--data", "../photos", "--jobs", "2"]
    assert main(command) == 0, capsys.readouterr().err
    first = table()
    assert set(first["model"]) == {"MyNet"}
    assert set(first["column"]) == {"photos MyNet"}
    assert Path("results/report/README.md").read_text().startswith("# Decoder likelihoods\n")
    path = Path("../my_net.py")
    path.write_text(path.read_text() + "# edited\n")
    capsys.readouterr()
    assert main(["report"]) == 0
    assert "my_net.py:MyNet(width=8) has changed since" in capsys.readouterr().err
    assert main([*command, "--dry-run"]) == 0
    assert "2 to be trained" in capsys.readouterr().err
    assert main(["compare", "student_t"]) == 2
    (line,) = errors(capsys)
    assert "--data ../photos --model '../my_net.py:MyNet(width=8)' --likelihoods student_t" in line

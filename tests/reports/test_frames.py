"""Results as tables of pandas: of a content, and of the results.csv of its report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports
from reports import ReportError
from reports.document import Also, document
from reports.frames import as_parquet
from tests.reports.typed import content, five, run

HISTORY = pd.DataFrame({"step": [0, 5], "seconds": [0.0, 1.5], "bits_per_dim": [8.0, 1 / 3]})


def given() -> reports.Content:
    """Five decoders, a sweep among them; one run is collapsed."""
    runs = [*five(), run("fit", seed=1, kl_nats=0.0)]
    names = [each["run"] for each in runs]
    per_image = {name: {"mse": np.array([0.1, 0.2]), "nll_nats": np.ones(2)} for name in names[:2]}
    histories = dict.fromkeys(names[:3], HISTORY)
    return content(runs, histories=histories, per_image=per_image)


def test_runs_say_where_a_report_shows_them() -> None:
    runs = reports.as_frames(given()).runs.set_index("run")
    assert set(runs["heading"]) == {"Blobs, in place of SVHN (VAE)"}
    assert set(runs["stands_for"]) == {"svhn"}
    swept = runs[runs["label"] == "Odd"].set_index("option_beta")
    assert swept["chosen"].to_dict() == {0.1: False, 0.01: True}
    assert runs.loc[runs["label"] != "Odd", "chosen"].all()
    assert runs["collapsed"].to_dict()["fit-None-1"].startswith("the KL is")
    assert (runs["collapsed"] != "").sum() == 1


def test_a_sweep_without_a_choice_has_none() -> None:
    runs = [run("odd", option_beta=beta, status="failed") for beta in (0.1, 0.2)]
    assert not reports.as_frames(content(runs)).runs["chosen"].any()


def test_the_file_holds_the_same_runs(tmp_path: Path) -> None:
    frames, made = reports.as_frames(given()), document(given())
    path = tmp_path / "results.csv"
    path.write_text(str(made.tables["results.csv"]))
    read = reports.read(path)
    pd.testing.assert_frame_equal(read.runs, frames.runs, check_exact=True)
    for what in ("history", "per_image"):
        with pytest.raises(ReportError, match="holds runs alone"):
            getattr(read, what)


def test_histories_and_values_of_images_are_tidy() -> None:
    frames = reports.as_frames(given())
    history, images = frames.history, frames.per_image
    assert list(history) == ["run", "step", "seconds", "bits_per_dim"]
    assert len(history) == 6
    assert list(images) == ["run", "image", "mse", "nll_nats"]
    assert list(images["image"]) == [0, 1, 0, 1]
    assert images.groupby("run")["mse"].mean().tolist() == pytest.approx([0.15, 0.15])
    assert set(frames.runs["run"]) >= set(images["run"]) | set(history["run"])
    text = str(document(given(), Also(per_image=True)).tables["per_image.csv"])
    assert text.splitlines()[0] == "run,image,mse,nll_nats"


def test_without_any_they_are_empty() -> None:
    frames = reports.as_frames(content([]))
    assert [len(each) for each in (frames.runs, frames.history, frames.per_image)] == [0, 0, 0]
    assert list(frames.per_image) == ["run", "image"]


def test_what_is_no_results_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    for text, told in (
        ("", "No columns"),
        ("a,b\n1,2\n", "no column 'run'"),
        ("run\n1", "'heading'"),
    ):
        path.write_text(text)
        with pytest.raises(ReportError, match=told):
            reports.read(path)
    with pytest.raises(ReportError, match="No such file"):
        reports.read(tmp_path / "absent.csv")


def test_parquet_holds_what_the_csv_holds(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    made = document(given(), Also(parquet=True, per_image=True))
    for name in ("results", "per_image"):
        content = made.tables[f"{name}.parquet"]
        assert isinstance(content, bytes)
        (tmp_path / name).write_bytes(content)
    read = pd.read_parquet(tmp_path / "results")
    expected = reports.as_frames(given()).runs
    pd.testing.assert_frame_equal(read, expected, check_dtype=False, check_exact=True)
    mixed = pd.DataFrame({"run": ["a", "b"], "option": [[1, 2], "none"], "replayed": [True, None]})
    assert as_parquet(mixed)


def test_without_pyarrow_parquet_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ImportError("no pyarrow")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", absent)
    with pytest.raises(ReportError, match="Parquet needs pyarrow, which is not installed"):
        document(given(), Also(parquet=True))

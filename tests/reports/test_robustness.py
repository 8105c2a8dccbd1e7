"""The whole report, written, on results that are thin or wrong: it says so, without nonsense."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports
from reports import Content
from tests.reports.example import MNIST, PATCHES, example

MEASURED = (
    "nll_nats",
    "bits_per_dim",
    "fd_inception_75",
    "fd_inception_75_samples",
    "validation_nll_nats",
    "validation_bits_per_dim",
    "kl_nats",
    "mse",
    "information_nats",
    "marginal_kl_nats",
)


def made(seeds: int = 5) -> Content:
    return example(seeds=seeds, columns=(MNIST, replace(PATCHES, not_run="no disk")), images=False)


def changed(content: Content, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Content:
    return Content(**vars(content) | {"results": change(content.results.copy())})


def only(*names: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda runs: runs[runs["likelihood"].isin(names)]


def without(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda runs: runs[runs["likelihood"] != name]


def identical(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.assign(**dict.fromkeys(MEASURED, 1.0))


def diverged(runs: pd.DataFrame) -> pd.DataFrame:
    return runs.assign(status="diverged", **dict.fromkeys(MEASURED, np.nan))


def one_each(runs: pd.DataFrame) -> pd.DataFrame:
    """Leave every decoder a seed of its own, so that no two pair up."""
    shifted = runs["likelihood"].map({name: 10 * i for i, name in enumerate(set(MADE_NAMES))})
    return runs.assign(seed=runs["seed"] + shifted)


MADE_NAMES = sorted(set(made(1).results["likelihood"]))

CASES: dict[str, tuple[Callable[[], Content], tuple[str, ...]]] = {
    "one seed": (
        lambda: made(1),
        (
            "No difference has an interval: 1 seed, an interval needs 5.",
            "One run each: bold marks the best value, nothing more",
            "**No claim is judged: 1 seed, an interval needs 5.**",
            "the seeds give no interval",
        ),
    ),
    "two seeds": (
        lambda: made(2),
        (
            "No difference has an interval: 2 seeds, an interval needs 5.",
            "Fewer than 5 runs each: bold marks the best mean, nothing more.",
            "2 seeds, an interval needs 5: Categorical leads",
        ),
    ),
    "all diverged": (
        lambda: changed(made(), diverged),
        (
            "no run of Shared sigma finished: diverged (5/5)",
            "No finished run measured both rate and distortion.",
            "No finished run recorded bits/dim during training.",
        ),
    ),
    "a missing decoder": (
        lambda: changed(made(), without("gaussian")),
        ("Gaussian was not run",),
    ),
    "no sweep": (
        lambda: changed(made(), without("beta_vae")),
        ("beta-VAE was not run", "No sweep with measured information"),
    ),
    "identical values": (
        lambda: changed(made(), identical),
        (
            "No difference has an interval: the same value for every seed.",
            " tie on [MNIST, in place of SVHN (VAE)](#table-b-mnist-vae)",
            "ranges over less than 1 nat",
        ),
    ),
    "a single decoder": (
        lambda: changed(made(), only("optimal_sigma")),
        ("there are no ranks", "Gaussian was not run"),
    ),
    "seeds that do not pair": (
        lambda: changed(made(), one_each),
        ("No difference has an interval: no seed was measured in both.",),
    ),
    "empty": (
        lambda: changed(made(), lambda runs: runs.iloc[:0]),
        ("There are no runs, so nothing is said of any claim.", "There are no runs to compare."),
    ),
    "no columns at all": (
        lambda: Content(**vars(made()) | {"results": pd.DataFrame()}),
        ("There are no runs, so nothing is said of any claim.",),
    ),
}

DECIDED = {"a missing decoder", "no sweep", "a single decoder", "seeds that do not pair"}
"""Cases that leave enough for a verdict on some claim."""


@pytest.mark.parametrize("case", CASES)
def test_thin_results_make_a_report_that_says_so(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.figures.style.RESOLUTION", 30)
    make, says = CASES[case]
    reports.write(make(), tmp_path)
    text = "\n".join(page.read_text(encoding="utf-8") for page in tmp_path.glob("*.md"))
    for words in says:
        assert words in text
    assert not re.search(r"\b(nan|NaN|NaT|None|inf|e[+-]\d\d)\b", text)
    assert not re.search(r"\|[ ]*\|", text), "an empty cell"
    if case not in DECIDED:
        assert not re.search(r"\| (\*\*)?(supported|refuted)\b", text)

"""Results typed by hand, on which the verdict of each claim is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from reports import Content
from reports.analysis.groups import groups
from reports.analysis.verdict import Verdict
from reports.claims import CLAIMS, Finding, findings
from reports.content import Row
from tests.reports.typed import FID, METRICS, content, run

S, R, N = Verdict.SUPPORTED, Verdict.REFUTED, Verdict.NOT_DECIDED
NOISE = (0.0, 0.3, -0.2, 0.1, 0.05, -0.1)
SCALES = {
    "nll_nats": 1.0,
    "bits_per_dim": 0.01,
    "fid": 1.0,
    "fid_samples": 1.0,
    "marginal_kl_nats": 1.0,
}
"""How much of the noise each number has."""
SAMPLES = replace(FID, key="fid_samples", name="FID of samples", headline=False)
TUNED = pd.DataFrame({"column_key": [""]})
"""Trials of the one column."""
Runs = list[dict[str, Any]]

ROWS = (
    *(
        Row(name, name)
        for name in (
            "bernoulli",
            "categorical",
            "bitwise_categorical",
            "gaussian",
            "per_pixel_sigma",
            "shared_sigma",
            "optimal_sigma",
            "optimal_per_image_sigma",
        )
    ),
    Row("beta_vae", "beta-VAE", sweep="beta"),
)


def seeds(name: str, count: int = 5, **cells: Any) -> Runs:
    """Runs of some seeds; every number of `cells` changes a little with the seed."""
    made = []
    for seed in range(count):
        shift = NOISE[seed] * (1 + 0.1 * len(name))
        varied = {
            key: value + shift * SCALES[key] if key in SCALES else value
            for key, value in cells.items()
        }
        made.append(run(name, seed, **varied))
    return made


def subject(runs: Runs, **changes: Any) -> Content:
    return content(runs, rows=ROWS, metrics=(*METRICS, FID, SAMPLES), **changes)


def look(number: int, runs: Runs, **changes: Any) -> list[Finding]:
    given = subject(runs, **changes)
    (group,) = groups(given)
    return findings(CLAIMS[number - 1], given, group)


def verdicts(found: list[Finding]) -> list[Verdict]:
    return [each.verdict for each in found]


DIMENSIONS = 784
MARGIN = 0.02 * np.log(2) * DIMENSIONS
"""Nats of an image: 10.9."""


def sweep(best: float = 0.1, count: int = 5, grows: float = 1000.0, **cells: Any) -> Runs:
    """A sweep of 0.01 to 10 whose NLL is lowest, 0, at `best` and grows by so much a decade."""
    runs = []
    for place, beta in enumerate((0.01, 0.1, 1.0, 10.0)):
        decades = abs(np.log10(beta / best))
        nll = grows * decades
        given = {"variance": beta, "nll_nats": nll}
        given |= {"bits_per_dim": 2.0 + decades, "fid": 40.0 + 20 * decades}
        given |= {"dimensions": DIMENSIONS} | cells
        for each in seeds("beta_vae", count, option_beta=beta, **given):
            validation = nll + place * NOISE[each["seed"]]
            runs.append({"validation_nll_nats": validation, "option_beta": beta} | each)
            runs[-1]["validation_nll_nats"] = validation
            for key, scale in (("bits_per_dim", 0.001), ("nll_nats", 0.1), ("fid", 0.1)):
                runs[-1][key] += scale * place * NOISE[each["seed"]]
    return runs


def learned(
    variance: float,
    nll: float,
    count: int = 5,
    name: str = "shared_sigma",
    bits: float = 2.0,
    fid: float = 40.0,
) -> Runs:
    given = {"nll_nats": nll, "validation_nll_nats": nll, "bits_per_dim": bits, "fid": fid}
    return [
        each | {"variance": variance * (1 + 0.01 * NOISE[index])}
        for index, each in enumerate(seeds(name, count, **given))
    ]


def history(speed: float, end: float = 0.0) -> pd.DataFrame:
    steps = np.arange(0, 110, 10)
    nll = end + 100 * np.exp(-steps * speed / 20)
    return pd.DataFrame({"step": steps, "seconds": steps / 5, "nll_nats": nll})


def on_its_way(histories: dict[str, pd.DataFrame], name: str) -> dict[str, pd.DataFrame]:
    """The histories with a variance that falls to the end, of the runs of one likelihood."""
    return {
        run: each.assign(variance=np.exp(-each["step"] / 10)) if name in run else each
        for run, each in histories.items()
    }

"""The table of trials, and decoders that were better before the last step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import Content, Metric
from reports.content import ReportError
from reports.document import document
from tests.reports.typed import METRICS, STAND_IN, cells, content, run, whole

BITS = Metric("validation_bits_per_dim", "validation bits/dim", "the same", decimals=3)
FIXED = replace(STAND_IN, heading="Blobs", key="fixed")
TUNED = replace(STAND_IN, heading="Blobs, rates tuned", key="tuned")


def trial(likelihood: str, rate: float, bits: float, **changes: Any) -> dict[str, Any]:
    own = {"column_key": "tuned", "learning_rate": rate, "validation_bits_per_dim": bits}
    name = f"{likelihood}-{changes.get('option_beta')}-{rate}-{changes.get('seed', -1)}"
    return run(likelihood, **{"seed": -1, **own, "run": name, **changes})


def beta(value: float) -> dict[str, Any]:
    return {"option_beta": value, "options": f'{{"beta": {value}}}'}


TRIALS = [
    trial("fit", 0.1, 4.0),
    trial("fit", 0.2, 3.0),
    trial("fit", 0.3, 5.0),
    trial("wide", 0.1, 2.0),
    trial("wide", 0.2, 2.5),
    trial("wide", 0.3, np.nan, status="diverged"),
    *(trial("odd", rate, 6.0, **beta(value)) for value in (0.01, 0.1) for rate in (0.1, 0.2, 0.3)),
]


def tuned(trials: list[dict[str, Any]] | None = None) -> Content:
    fixed: dict[str, Any] = {"column_key": "fixed", "learning_rate": 0.2}
    own: dict[str, Any] = {"column_key": "tuned"}
    runs = [
        run("fit", **fixed),
        run("fit", **{**fixed, **own}),
        run("wide", **fixed),
        run("wide", run="another", learning_rate=0.1, **own),
        run("odd", **fixed, **beta(0.1)),
        run("odd", **{**fixed, **own}, **beta(0.1)),
    ]
    return content(
        runs,
        columns=(FIXED, TUNED),
        metrics=(*METRICS, BITS, Metric("fid", "FID", "distance")),
        trials=pd.DataFrame(TRIALS if trials is None else trials),
    )


def section(text: str, title: str) -> str:
    return text.split(f"## {title}")[1].split("\n## ", maxsplit=1)[0]


def test_trials_stand_beside_the_rate_that_they_chose() -> None:
    text = whole(tuned())
    shown = section(text, "Learning rates")
    assert "### Blobs, in place of svhn (Blobs, rates tuned)" in shown
    assert "(Blobs)" not in shown
    assert cells(shown, "Fit") == {
        "decoder": "Fit",
        "rate 0.1": "4.000",
        "rate 0.2": "3.000",
        "rate 0.3": "5.000",
        "chosen": "0.2",
        "remark": "",
    }
    wide = cells(shown, "Wide")
    assert (wide["rate 0.3"], wide["chosen"]) == ("diverged", "0.1")
    assert "at the end of the grid" in wide["remark"]
    assert cells(shown, "Odd (beta = 0.01)")["chosen"] == "not run"
    assert cells(shown, "Odd (beta = 0.1)")["chosen"] == "0.2"
    assert "each value of a sweep: 3, at 3 rates on 1 seed." in shown
    assert "but for the rate, one run a seed: Wide, Fit." in shown
    assert "by a sweep besides: Odd (2 values of beta)." in shown
    assert "The trials took 12 s" in shown


def test_trials_are_no_results() -> None:
    with_trials, without = document(tuned()), document(tuned(trials=[]))
    assert "Learning rates" not in whole(tuned(trials=[]))
    assert with_trials.tables == without.tables
    # Claims are judged on the tuned group alone, which also leaves no group without tuning.
    kept = [name for name in without.pages if name not in ("claims.md", "sweep.md")]
    assert [with_trials.pages[name] for name in kept] == [without.pages[name] for name in kept]


def test_unequal_numbers_of_trials_are_said() -> None:
    shown = section(whole(tuned(TRIALS[1:])), "Learning rates")
    assert "each value of a sweep: 2 and 3, at 3 rates" in shown


def test_a_decoder_without_a_sound_trial_says_so() -> None:
    lost = [{**each, "kl_nats": 0.0} for each in TRIALS[:3]]
    shown = section(whole(tuned([*lost, *TRIALS[3:]])), "Learning rates")
    assert cells(shown, "Fit")["remark"] == "no trial was sound"
    assert cells(shown, "Fit")["rate 0.1"] == "4.000, collapsed"


def test_shared_runs_count_once_and_may_not_stand_twice_in_a_column() -> None:
    made = tuned()
    assert "4 runs, of which 4 finished" in whole(made)
    twice = pd.concat([made.results, made.results.iloc[:1]])
    with pytest.raises(ReportError, match="the results name run fit-None-0 twice"):
        replace(made, results=twice)


def curve(*bits: float) -> pd.DataFrame:
    steps = np.arange(len(bits))
    return pd.DataFrame({"step": steps, "seconds": steps, "bits_per_dim": bits})


def test_decoders_that_were_better_before_the_last_step() -> None:
    title = "Last step and best validation point"
    histories = {
        "fit-None-0": curve(8.0, 2.0, 2.02),
        "wide-None-0": curve(8.0, 2.0, 2.009),
        "soft-None-0": curve(8.0, 2.0, 1.0),
        "odd-None-0": curve(np.nan, np.nan, np.nan),
    }
    runs = [run(name) for name in ("fit", "wide", "soft", "odd")]
    shown = section(whole(content(runs, histories=histories)), title)
    assert cells(shown, "Fit") == {
        "decoder": "Fit",
        "last step": "2.020",
        "best validation point": "2.000",
        "at step": "1",
    }
    for name in ("Wide", "Soft", "Odd"):
        with pytest.raises(LookupError):
            cells(shown, name)
    del histories["fit-None-0"]
    assert title not in whole(content(runs, histories=histories))
    assert title not in whole(content(runs))


def test_the_mean_over_seeds_decides() -> None:
    runs = [run("fit", seed) for seed in range(2)]
    histories = {"fit-None-0": curve(3.0, 1.0, 1.5), "fit-None-1": curve(3.0, 2.5, 2.0)}
    text = whole(content(runs, histories=histories))
    assert "## Last step" not in text, "the mean curve falls to 1.75, and ends there"
    histories["fit-None-1"] = curve(3.0, 2.1, 2.0)
    shown = section(whole(content(runs, histories=histories)), "Last step")
    assert cells(shown, "Fit")["last step"] == "1.750"
    assert cells(shown, "Fit")["best validation point"] == "1.550"
    assert cells(shown, "Fit")["at step"] == "1"

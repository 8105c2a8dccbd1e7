from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from reports.analysis.groups import groups
from reports.analysis.moving import AWAY, LAST, REACHED, SETTLED, lag, moving, travel
from reports.document import document
from tests.reports.typed import content, run, whole


def history(*variances: float) -> pd.DataFrame:
    """Points at equal distances."""
    steps = np.linspace(0, 100, len(variances))
    return pd.DataFrame({"step": steps, "seconds": steps, "variance": variances})


def straight(slope: float) -> pd.DataFrame:
    """ln variance that changes by a slope over the whole training."""
    return history(*np.exp(-np.linspace(0, slope, 5)))


@pytest.mark.parametrize("slope", [-3.0, 0.0, 0.2, 5.0])
def test_the_last_tenth_of_a_straight_line_is_a_tenth(slope: float) -> None:
    assert travel(straight(slope)) == pytest.approx(abs(slope) * LAST)


def test_what_happened_before_does_not_count() -> None:
    assert travel(history(1.0, *[0.01] * 20)) == 0


@pytest.mark.parametrize(
    "curve",
    [
        None,
        pd.DataFrame(),
        history(1.0),
        history(0.25, 0.25, 0.25),
        history(np.nan, np.nan),
        history(0.0, 0.0, 0.5),
    ],
    ids=["none", "empty", "one point", "constant", "not shared", "not positive"],
)
def test_a_variance_that_is_none_or_a_constant_does_not_move(curve: pd.DataFrame | None) -> None:
    assert travel(curve) == 0


def test_a_single_sigma_on_its_way_moves_and_one_that_has_arrived_does_not() -> None:
    """ln sigma by Adam at 1e-3 with a perfect decoder, whose error is 0.0096: docs/validity.md."""
    import torch

    def curve(start: float, steps: int) -> pd.DataFrame:
        log_sigma = torch.tensor(0.5 * np.log(start), requires_grad=True)
        adam, variances = torch.optim.Adam([log_sigma], lr=1e-3), []
        for _ in range(steps):
            variances.append(float((2 * log_sigma.detach()).exp()))
            adam.zero_grad()
            (784 * (log_sigma + 0.0048 * (-2 * log_sigma).exp())).backward()
            adam.step()
        return history(*variances)

    on_its_way, arrived = curve(1.0, 1200), curve(0.068, 3000)
    assert on_its_way["variance"].iloc[-1] == pytest.approx(0.0944, rel=0.01)
    assert travel(on_its_way) > 4 * SETTLED
    assert arrived["variance"].iloc[-1] == pytest.approx(0.0096, rel=0.01)
    assert travel(arrived) < SETTLED / 4


def test_a_variance_that_a_falling_rate_stopped_is_not_the_error() -> None:
    resting = history(0.05, *[0.02] * 20).assign(mse=0.02 / 1.2)
    assert travel(resting) == 0
    assert lag(resting) == pytest.approx(np.log(1.2))
    assert lag(resting) > REACHED
    assert lag(resting.assign(mse=resting["variance"])) == 0
    assert lag(resting.drop(columns="mse")) == 0
    assert lag(resting.assign(mse=1.2 * 0.02)) < 0  # training images are fitted better than others
    assert lag(history(1.0, 1.0, 1.0).assign(mse=0.1)) == 0  # a constant of the decoder
    subject = content([run("fit", 0)], histories={"fit-None-0": resting})
    (group,) = groups(subject)
    assert [moving(subject, entry) for entry in group.entries if entry.decoder.name == "fit"] == [1]


def test_the_report_marks_the_decoder_and_says_why() -> None:
    runs = [run(name, seed) for name in ("wide", "fit") for seed in (0, 1)]
    histories = {
        "wide-None-0": straight(0.1),
        "wide-None-1": straight(0.1),
        "fit-None-0": straight(5.0),
        "fit-None-1": straight(0.1),
    }
    subject = content(runs, histories=histories)
    (group,) = groups(subject)
    shares = {entry.decoder.name: moving(subject, entry) for entry in group.entries}
    assert shares == {"soft": 0, "hard": 0, "wide": 0, "fit": 0.5, "odd": 0}
    text = whole(subject)
    assert re.search(r"\| Fit ‡ +\|", text)
    assert not re.search(r"\| Wide ‡ +\|", text)
    assert f"The variance has not arrived: {AWAY}. So it is for Fit (50% of its runs)." in text


def test_without_a_variance_on_its_way_nothing_is_marked() -> None:
    made = document(content([run("fit")]))
    assert "‡" not in made.readme.split("## Results")[1]
    # It is a word of the glossary in any case.
    assert all("‡" not in text for name, text in made.pages.items() if name != "runs.md")

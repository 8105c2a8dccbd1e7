"""One decoder against another at equal steps and equal seconds, on curves typed by hand."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reports import Content
from reports.versus.pairs import Equal, equal
from tests.reports.typed import cells, content, run
from tests.reports.versus.made import matched, readme

FAST = pd.DataFrame({"step": [0, 10, 20], "seconds": [0.0, 2, 4], "bits_per_dim": [8.0, 4, 2]})
SLOW = pd.DataFrame({"step": [0, 10, 20], "seconds": [0.0, 4, 8], "bits_per_dim": [8.0, 6, 3]})


THIRD = FAST.assign(bits_per_dim=[8.0, 5, 3.5])


def timed(slow: pd.DataFrame = SLOW, seeds: int = 3) -> Content:
    both = [("fit", 4.0, FAST), ("wide", 8.0, slow), ("soft", 4.0, THIRD)]
    return content(
        [run(name, seed, train_seconds=t) for name, t, _ in both for seed in range(seeds)],
        histories={f"{name}-None-{seed}": h for name, _, h in both for seed in range(seeds)},
    )


def at_equal(subject: Content, new: str = "fit", baseline: str = "wide") -> Equal:
    found = matched(subject, new, baseline)
    return equal(found, found.baselines[0])


@pytest.mark.parametrize(("new", "baseline", "sign"), [("fit", "wide", 1), ("wide", "fit", -1)])
def test_the_slower_is_read_at_the_training_time_of_the_faster(
    new: str, baseline: str, sign: int
) -> None:
    found = at_equal(timed(), new, baseline)
    assert found.at == 4.0
    assert found.there == ((2.0, 6.0) if sign > 0 else (6.0, 2.0))
    assert found.seconds.mean == sign * -4.0
    assert found.steps.mean == sign * -1.0
    # The third ends at 3.5: the fast one is there at step 12.5, the slow one at 18 1/3.
    assert found.target == 3.5
    assert found.sooner.mean == pytest.approx((12.5 / (18 + 1 / 3)) ** sign)
    assert found.short == ()


def test_neither_of_the_two_decides_the_target() -> None:
    """Curves that are the same until one is better at the end are there together."""
    subject = timed(SLOW.assign(bits_per_dim=[8.0, 3.5, 2.5]))
    better = {
        run: history.assign(bits_per_dim=[8.0, 3.5, 2.0])
        for run, history in subject.histories.items()
        if run.startswith("fit")
    }
    found = at_equal(replace(subject, histories={**subject.histories, **better}))
    assert found.steps.mean == -0.5
    assert found.sooner.mean == 1.0


def test_two_decoders_alone_have_no_target() -> None:
    subject = timed()
    two = subject.results[subject.results["likelihood"] != "soft"]
    found = at_equal(replace(subject, results=two))
    assert found.target is None
    assert (found.sooner.mean, found.sooner.why) == (None, "no other decoder sets a target")


def test_without_a_crossing_there_is_no_ratio() -> None:
    subject = timed()
    low = {r: THIRD.assign(bits_per_dim=[8.0, 2, 0.5]) for r in subject.histories if "soft" in r}
    found = at_equal(replace(subject, histories={**subject.histories, **low}))
    assert (found.sooner.mean, found.sooner.why) == (None, "neither comes down to the target")


def test_between_measurements_it_is_a_straight_line() -> None:
    slow = SLOW.assign(seconds=[0.0, 6, 8])
    assert at_equal(timed(slow)).there == (2.0, 8 - 2 * 4 / 6)


def test_nothing_is_extrapolated() -> None:
    late = at_equal(timed(SLOW[:2]))  # until 4 s, the time of the other, but not to the end
    assert late.seconds.mean == -4.0
    assert late.steps.mean is None
    assert late.short == ("Wide",)
    cut = timed(SLOW[:2].assign(seconds=[0.0, 3.0]))
    assert at_equal(cut).seconds.mean is None
    text = readme(cut, "fit", "wide")
    assert "No pair of finished runs has curves of bits/dim that compare." in text
    assert "The history is too short, and nothing is extrapolated, for some run of Wide." in text


def test_a_curve_that_starts_late_is_not_extrapolated_backwards() -> None:
    assert at_equal(timed(SLOW[2:])).there is None


def test_the_text_says_what_the_tables_say() -> None:
    text = readme(timed(), "fit", "wide")
    wide = cells(text, "Wide", 4)
    assert wide["Δ at equal steps"] == "-1.000"
    assert wide["Δ at equal seconds"] == "-4.000"
    assert (wide["at (s)"], wide["Fit there"], wide["baseline there"]) == ("4", "2.000", "6.000")
    assert "of **validation** images, measured during training" in text
    assert "At equal seconds of training, on validation images, it has 4.000 bits/dim less" in text
    assert "Its training takes 0.50 times the seconds of Wide." in text
    assert cells(text, "Wide", 5)["training, ratio"] == "0.50"

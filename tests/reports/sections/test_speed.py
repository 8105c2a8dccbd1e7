from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.analysis.groups import groups
from reports.analysis.speed import Reach, points, reach, targets
from reports.sections import Subject
from reports.sections.training import speed
from tests.reports.typed import cells, content, run, whole


def history(*values: float) -> pd.DataFrame:
    steps = np.arange(len(values)) * 10
    return pd.DataFrame({"step": steps, "seconds": steps / 5, "bits_per_dim": values})


def curve(*values: float) -> pd.DataFrame:
    return points(history(*values), "bits_per_dim")


def test_a_target_is_reached_on_the_line_between_measurements() -> None:
    assert reach(curve(8.0, 4.0, 2.0), 3.0) == Reach(15.0, 3.0)
    assert reach(curve(8.0, 4.0, 2.0), 2.0) == Reach(20.0, 4.0)
    assert reach(curve(8.0, 4.0, 2.0), 9.0) == Reach(0.0, 0.0)
    assert reach(curve(8.0, 4.0, 2.0), 1.0) is None
    assert reach(curve(), 1.0) is None


def test_the_first_time_counts() -> None:
    assert reach(curve(8.0, 2.0, 8.0, 2.0), 2.0) == Reach(10.0, 2.0)


def test_missing_measurements_are_passed_over() -> None:
    assert list(curve(8.0, np.nan, np.inf, 2.0)["value"]) == [8.0, 2.0]
    assert points(None, "bits_per_dim").empty
    assert points(history(1.0), "nll_nats").empty


def test_times_of_two_machines_are_not_compared_in_silence() -> None:
    runs = [run("soft", timed_on="A; commit 1"), run("hard", timed_on="A; commit 1")]
    assert "Times of different machines" not in whole(content(runs))
    runs.append(run("wide", timed_on="A; commit 1 | B; commit 2"))
    warning = (
        "**Times of different machines or versions of the code do not compare**: "
        "A; commit 1 (3 runs) and B; commit 2 (1 run)."
    )
    assert whole(content(runs)).count(warning) == 1, "beside the costs; there are no curves"


def test_the_table_says_who_does_not_reach_a_target() -> None:
    runs = [run("soft"), run("hard"), run("wide"), run("fit", status="diverged"), run("fit", 1)]
    subject = content(
        runs,
        histories={
            "soft-None-0": history(8.0, 4.0, 2.0),
            "hard-None-0": history(8.0, 6.0, 6.0),
            "wide-None-0": history(8.0, 3.0, 3.0),
            "fit-None-0": history(8.0, 0.1),
        },
    )
    (group,) = groups(subject)
    found = targets(subject, group, "bits_per_dim")
    assert found is not None
    assert (found.worst, found.median) == (6.0, 3.0)
    table = speed(Subject(subject))
    assert list(cells(table, "Soft").values())[1:] == ["5", "1.0", "15", "3.0"]
    assert list(cells(table, "Hard").values())[1:] == ["10", "2.0", *["not reached (1/1)"] * 2]
    assert cells(table, "Odd")["steps to 6"] == "not run"
    assert cells(table, "Fit")["steps to 6"] == "diverged (1/2)"
    text = whole(subject)
    assert "Targets: 6 bits/dim, the worst final value" in text
    assert "says little" not in text


@pytest.mark.parametrize(
    ("constant", "start", "said"),
    [
        (4.0, 8.0, "A time to 6 says little: 4 needs no training"),
        (9.0, 5.0, "A time to 6 says little: 5 needs no training"),
        (2.0, 8.0, "A time to 3 and 6 says little: 2 needs no training"),
    ],
)
def test_a_target_that_needs_no_training_is_called_one(
    constant: float, start: float, said: str
) -> None:
    runs = [run(name, mean_image_bits_per_dim=constant) for name in ("soft", "hard", "wide")]
    finals = {"soft": 2.0, "hard": 6.0, "wide": 3.0}
    histories = {f"{name}-None-0": history(start, last) for name, last in finals.items()}
    assert said in whole(content(runs, histories=histories))


def test_that_runs_shared_their_machine_stands_beside_the_times() -> None:
    histories = {"soft-None-0": history(8.0, 2.0)}
    said = "**13 runs shared the GPU, so seconds do not compare.**"
    shared = content([run("soft")], histories=histories, shared=said.strip("*."))
    assert whole(shared).count(said) == 3, "convergence, its speed, and costs"
    assert said not in whole(content([run("soft")], histories=histories, shared=""))


@pytest.mark.parametrize("histories", [{}, {"soft-None-0": history(np.nan)}])
def test_without_curves_the_report_says_so(histories: dict[str, pd.DataFrame]) -> None:
    text = whole(content(histories=histories))
    assert "No finished run recorded bits/dim during training." in text

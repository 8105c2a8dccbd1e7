"""Which rate trials choose, and that no decoder gets more of them than another."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from bench import suite
from bench.suite import Choices, Plan, RunSpec, Score, Search, make
from reports import Status
from tests.bench.conftest import MakeSpec

TUNING = "[columns.budgets.tiny]\ntuning = { rates = [3e-4, 3e-3], seeds = 2 }\n\n[[rows]]"
LOST = Score(math.inf, sound=False)


def sound(bits: float) -> Score:
    return Score(bits, sound=True)


@pytest.fixture
def tuned(tiny: Path) -> Plan:
    tiny.write_text(tiny.read_text().replace("[[rows]]", TUNING, 1))
    return make(suite.load(str(tiny)), Choices("tiny", seeds=2))


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ({1e-4: [sound(3)], 1e-3: [sound(2)], 1e-2: [sound(4)]}, 1e-4 * 10),
        ({1e-4: [sound(2), sound(4)], 1e-3: [sound(3.5), sound(3)], 1e-2: [LOST, LOST]}, 1e-4),
        # One lucky seed wins nothing.
        ({1e-4: [sound(1), LOST], 1e-3: [sound(5), sound(5)], 1e-2: [LOST, LOST]}, 1e-3),
        ({1e-4: [sound(2)], 1e-3: [Score(1, sound=False)], 1e-2: [sound(3)]}, 1e-4),
        # What seeds alone may bring about changes nothing; above it the best rate wins.
        ({1e-4: [sound(1.981)], 1e-3: [sound(2)], 1e-2: [sound(2.1)]}, 1e-3),
        ({1e-4: [sound(1.97)], 1e-3: [sound(2)], 1e-2: [sound(1.96)]}, 1e-2),
        # Ties.
        ({1e-4: [sound(2)], 1e-3: [sound(2)], 1e-2: [sound(2)]}, 1e-3),
        ({1e-4: [sound(2)], 1e-3: [sound(3)], 1e-2: [sound(2)]}, 1e-4),
        ({1e-4: [LOST], 1e-3: [LOST], 1e-2: [LOST]}, 1e-3),
        # Where none is sound, a collapsed trial is still better than one that diverged.
        ({1e-4: [LOST], 1e-3: [LOST], 1e-2: [Score(9, sound=False)]}, 1e-2),
        ({1e-4: [Score(8, sound=False)], 1e-3: [LOST], 1e-2: [Score(9, sound=False)]}, 1e-4),
    ],
)
def test_the_rate_with_most_sound_trials_and_the_lowest_mean_is_chosen(
    make_spec: MakeSpec, scores: dict[float, list[Score]], chosen: float
) -> None:
    fixed = make_spec().at(1e-3, seed=0)
    trials = {
        fixed.at(rate, -1 - number).run_id: (fixed.at(rate, -1 - number), score)
        for rate, own in scores.items()
        for number, score in enumerate(own)
    }
    search = Search("key", (fixed,), tuple(trial for trial, _ in trials.values()))
    assert search.choose(lambda trial: trials[trial.run_id][1]) == pytest.approx(chosen)


def test_every_decoder_and_value_gets_the_same_trials(tuned: Plan) -> None:
    assert [column.heading for column in tuned.columns] == ["Digits", "Digits, rates tuned"]
    fixed, other = (column.key for column in tuned.columns)
    assert tuned.by_column[other] == []
    trials = tuned.trials[other]
    # The rate that is fixed for all is tried too.
    pairs = Counter((run.label, run.training.learning_rate) for run in trials)
    labels = {"gaussian", "optimal_sigma", "beta_vae(beta=0.1)", "beta_vae(beta=10.0)"}
    assert pairs == Counter({(name, rate): 2 for name in labels for rate in (3e-4, 1e-3, 3e-3)})
    assert {run.seed for run in trials} == {-1, -2}
    assert {run.seed for run in tuned.by_column[fixed]} == {0, 1}
    same = {run.model_dump_json(exclude={"training": {"learning_rate"}}) for run in tuned.runs}
    assert len(same) == 4 * (2 + 2), "they differ in decoder, seed and rate alone"


def test_trials_are_measured_by_what_judges_them_alone(tuned: Plan) -> None:
    trial = next(run for run in tuned.runs if run.is_trial)
    assert [each.label for each in tuned.of(trial)] == ["elbo", "without_code"]
    assert len(tuned.of(tuned.runs[0])) > 2
    assert tuned.expects(trial, Status.DIVERGED)
    assert not tuned.expects(trial, Status.FAILED)
    assert not tuned.expects(tuned.runs[0], Status.DIVERGED)


def test_runs_at_the_fixed_rate_are_shared(tuned: Plan) -> None:
    before = {run.run_id for run in tuned.runs}
    fixed, other = (column.key for column in tuned.columns)
    for number, search in enumerate(list(tuned.open)):
        tuned.close(search, 1e-3 if number else 3e-3)
    assert not tuned.open
    added = [run for run in tuned.runs if run.run_id not in before]
    assert {(run.label, run.training.learning_rate) for run in added} == {("gaussian", 3e-3)}
    assert tuned.by_column[other] == [*added, *tuned.by_column[fixed][2:]]
    for run in added:
        assert tuned.of(run) == tuned.of(tuned.runs[0])


def test_published_numbers_stand_beside_one_rate_for_all_alone(tiny: Path) -> None:
    text = tiny.read_text().replace("[[rows]]", TUNING, 1)
    tiny.write_text(text.replace('stands_for = "svhn"', 'published = "SVHN"'))
    found = make(suite.load(str(tiny)), Choices("tiny"))
    assert [column.published for column in found.columns] == ["SVHN", None]


def test_a_budget_replaces_the_search_of_its_column(tiny: Path) -> None:
    own = "tuning = { rates = [1e-2] }\n"
    tiny.write_text(tiny.read_text().replace("[[rows]]", own + TUNING, 1))
    column, budget = suite.load(str(tiny)).columns[0], suite.load(str(tiny)).budget("tiny")
    used, kept = (column.under(name, budget).tuning for name in ("tiny", "other"))
    assert used is not None
    assert kept is not None
    assert (used.rates, used.seeds) == ([3e-4, 3e-3], 2)
    assert (kept.rates, kept.seeds) == ([1e-2], 1)


def test_equal_stand_ins_share_their_trials(tiny: Path) -> None:
    text = tiny.read_text().replace("[[rows]]", TUNING, 1)
    column = text[text.index("[[columns]]") : text.index("[[rows]]")]
    twin = column.replace('heading = "Digits"', 'heading = "Twin"')
    tiny.write_text(text.replace("[[rows]]", f"{twin}[[rows]]", 1))
    found = make(suite.load(str(tiny)), Choices("tiny"))
    headings = ["Digits", "Digits, rates tuned", "Twin", "Twin, rates tuned"]
    assert [column.heading for column in found.columns] == headings
    assert len(found.open) == 4
    assert len(found.runs) == 4 + 4 * 3 * 2


def test_another_rate_or_seed_is_another_run(make_spec: MakeSpec) -> None:
    run: RunSpec = make_spec()
    assert run.at(run.training.learning_rate, run.seed).run_id == run.run_id
    others = {run.at(2e-3, 0).run_id, run.at(2e-3, -1).run_id, run.at(1e-3, -1).run_id}
    assert len(others | {run.run_id}) == 4
    assert run.at(2e-3, -2).title == "random vae gaussian trial 2 of rate 0.002"

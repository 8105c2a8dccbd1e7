from __future__ import annotations

from pathlib import Path

import pytest

import likelihoods
from bench import suite
from bench.errors import UsageError
from bench.suite import Budget
from bench.training import Training


def test_the_paper_suite_has_every_decoder_of_the_comparison() -> None:
    paper = suite.load("paper")
    assert {row.likelihood for row in paper.rows} == {
        "bernoulli",
        "categorical",
        "bitwise_categorical",
        "logistic_mixture",
        "gaussian",
        "per_pixel_sigma",
        "student_t",
        "beta_vae",
        "shared_sigma",
        "optimal_sigma",
        "optimal_per_image_sigma",
    }
    assert {row.likelihood for row in paper.rows} <= set(likelihoods.names())
    (sweep,) = (row for row in paper.rows if row.sweep)
    assert [options["beta"] for options in sweep.variants()] == [0.001, 0.01, 0.1, 1, 10]
    assert set(paper.budgets) == {"smoke", "quick", "paper"}


def test_the_paper_budget_is_the_published_protocol() -> None:
    paper = suite.load("paper")
    protocol = paper.columns[0].under("paper", paper.budget("paper"))
    assert protocol.training == Training(
        optimiser="adam", learning_rate=1e-3, batch_size=128, epochs=10
    )
    assert protocol.options == {"width": 32, "latents": 20}


def test_unknown_names_list_the_known_ones(tiny: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown suite 'papr'; did you mean 'paper'\?"):
        suite.load("papr")
    with pytest.raises(UsageError, match=r"'nowhere.toml' does not exist"):
        suite.load("nowhere.toml")
    with pytest.raises(UsageError, match=r"unknown budget 'tinny'; did you mean 'tiny'"):
        suite.load(str(tiny)).budget("tinny")


def test_what_is_only_named_is_taken_over() -> None:
    paper, extended = suite.load("paper"), suite.load("extended")
    assert [column.heading for column in extended.columns] == [
        "SVHN VAE",
        "SVHN VAE, dequantised",
        "CIFAR HVAE",
    ]
    assert [column for column in extended.columns if column in paper.columns] == [
        extended.columns[0],
        extended.columns[2],
    ]
    assert extended.rows[0] == paper.rows[4]
    assert extended.budgets == paper.budgets


def test_the_extended_suite_has_every_decoder_that_the_paper_lacks() -> None:
    paper, extended = (
        {row.likelihood for row in suite.load(name).rows} for name in ("paper", "extended")
    )
    assert paper | extended == set(likelihoods.names())
    assert len(paper & extended) == 5


def test_the_dequantised_column_differs_in_that_alone() -> None:
    plain, noisy, _ = suite.load("extended").columns
    for name, budget in suite.load("extended").budgets.items():
        plain_one, noisy_one = plain.under(name, budget), noisy.under(name, budget)
        expected = plain_one.training.model_copy(update={"dequantise": True})
        assert noisy_one.training == expected
        assert noisy_one.options == plain_one.options


def test_what_is_learned_starts_from_the_data_outside_the_published_protocol() -> None:
    for name in suite.names():
        loaded = suite.load(name)
        for column in loaded.columns:
            for budget in loaded.budgets:
                start = column.under(budget, loaded.budgets[budget]).training.start
                assert start == ("published" if budget == "paper" else "data"), (name, budget)


def test_a_suite_extends_another(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text('extends = "paper"\n[[rows]]\nlikelihood = "gaussian"\n')
    extended, paper = suite.load(str(path)), suite.load("paper")
    assert extended.name == "two"
    assert [row.likelihood for row in extended.rows] == ["gaussian"]
    assert extended.columns == paper.columns
    path.write_text('extends = "paper"\n[budgets.mine]\ndescription = "mine"\nseeds = 7\n')
    assert suite.load(str(path)).budgets == paper.budgets | {
        "mine": Budget(description="mine", seeds=7)
    }
    path.write_text('extends = "paper"\n[[add_rows]]\nlikelihood = "student_t"\nlabel = "mine"\n')
    more = suite.load(str(path)).rows
    assert [row.label for row in more] == [*(row.label for row in paper.rows), "mine"]

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


def _tuning(rates: str) -> str:
    return f"tuning = {{ rates = [{rates}] }}\n[[rows]]"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Tiny"', 'title = "Tiny', "not valid TOML"),
        ('title = "Tiny"', "", "key 'title' is missing"),
        ('title = "Tiny"', "title = 3", "title: Input should be a valid string, not 3"),
        ('heading = "Digits"', 'headding = "Digits"', "unknown key 'columns.0.headding'"),
        ("learning_rate", "learning_rte", r"unknown key .*learning_rte.*\(allowed: optimiser, "),
        ("steps = 6", 'steps = "6"', "steps: Input should be a valid integer, not '6'"),
        ("steps = 6", "steps = -6", "greater than or equal to 1, not -6"),
        ("steps = 6", "steps = 6, epochs = 1", "exactly one of epochs and steps"),
        ("1e-3", "-1.0", "learning_rate: Input should be greater than 0, not -1.0"),
        ("test_images = 24", "test_imgs = 24", r"test_imgs.*\(allowed: .*test_images, "),
        ("points = 3", "point = 3", r"unknown key .*history.point'.*\(allowed: points, images, "),
        ("points = 3", "points = 1", "points: Input should be greater than or equal to 2, not 1"),
        ("test_images = 24", 'fingerprint = "0"', r"unknown key .*fingerprint.*\(allowed: "),
        ("frechet_images = 24", "frechet_images = 5", "greater than or equal to 6, not 5"),
        ("beta = [0.1, 10.0]", "beta = []", "at least one value"),
        ("optimal_sigma", "beta_vae", "the sweep of 'beta_vae' must be the only row"),
        ('label = "Optimal"', 'label = "gaussian"', "two rows are called 'gaussian'"),
        ('data = ["digits"]', "", "needs `data` and `training`"),
        ("[[rows]]", _tuning("-1.0"), "rates.0: Input should be greater than 0, not -1.0"),
        ("[[rows]]", _tuning("1e-3, 1e-3"), "tuning.rates: 0.001 stands twice among the rates"),
        ("[[rows]]", _tuning(""), "tuning.rates: List should have at least 1 item"),
        ("[[rows]]", _tuning("1e-3], seed = [0"), r"unknown key .*seed.*\(allowed: rates, seeds\)"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tiny: Path, old: str, new: str, message: str) -> None:
    text = tiny.read_text()
    assert old in text
    tiny.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=message) as caught:
        suite.load(str(tiny))
    assert "\n" not in str(caught.value)


def test_unknown_names_list_the_known_ones(tiny: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown suite 'papr'; did you mean 'paper'\?"):
        suite.load("papr")
    with pytest.raises(UsageError, match=r"'nowhere.toml' does not exist"):
        suite.load("nowhere.toml")
    with pytest.raises(UsageError, match=r"unknown budget 'tinny'; did you mean 'tiny'"):
        suite.load(str(tiny)).budget("tinny")


def test_what_is_only_named_is_taken_over(tmp_path: Path) -> None:
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
    path = tmp_path / "mine.toml"
    for table, message in (
        (
            '[[columns]]\nheading = "SVHN"',
            "unknown heading to take over 'SVHN'; did you mean 'SVHN V",
        ),
        ('[[rows]]\nlabel = "Gausian"', "unknown label to take over 'Gausian'; did you mean 'Gaus"),
        ('[[rows]]\nlabel = ["Gaussian"]', "unknown label to take over"),
    ):
        path.write_text(f'extends = "paper"\n{table}\n')
        with pytest.raises(UsageError, match=message):
            suite.load(str(path))


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
    path.write_text('[[add_rows]]\nlikelihood = "student_t"\n')
    with pytest.raises(UsageError, match="add_rows needs `extends`"):
        suite.load(str(path))
    path.write_text('extends = "paper"\nadd_rows = "student_t"\n')
    with pytest.raises(UsageError, match="lists of tables"):
        suite.load(str(path))
    path.write_text('extends = "papper"\n')
    with pytest.raises(UsageError, match="unknown suite to extend 'papper'; did you mean 'paper'"):
        suite.load(str(path))

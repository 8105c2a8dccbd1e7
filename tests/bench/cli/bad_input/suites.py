"""Suite files with wrong keys, types, values and encodings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.cli.bad_input.case import RUN, SUITE, Case, Place
from tests.bench.conftest import TINY

HUGE = "9" * 30


def _tuning(rates: str) -> str:
    return f"tuning = {{ rates = [{rates}] }}\n[[rows]]"


REPLACED = (
    ("an open text", 'title = "Tiny"', 'title = "Tiny', "not valid TOML"),
    ("no title", 'title = "Tiny"', "", "key 'title' is missing"),
    (
        "a number for a title",
        'title = "Tiny"',
        "title = 3",
        "title: Input should be a valid string",
    ),
    ("a key twice", 'title = "Tiny"', 'title = "a"\ntitle = "b"', "not valid TOML: Cannot overwr"),
    (
        "an unknown key",
        'title = "Tiny"',
        'title = "a"\ntitel = "b"',
        "unknown key 'titel' (allowed",
    ),
    ("rows that are a number", 'title = "Tiny"', 'title = ""\nrows = 5', "not valid TOML"),
    (
        "a table for a text",
        'heading = "Digits"',
        "heading = {}",
        "heading: Input should be a valid",
    ),
    ("a mistyped key", 'heading = "Digits"', 'headding = ""', "unknown key 'columns.0.headding'"),
    ("a mistyped rate", "learning_rate", "learning_rte", "learning_rte' (allowed: optimiser, "),
    (
        "text for steps",
        "steps = 6",
        'steps = "6"',
        "steps: Input should be a valid integer, not '6'",
    ),
    ("half a step", "steps = 6", "steps = 6.5", "steps: Input should be a valid integer"),
    ("a date for steps", "steps = 6", "steps = 2020-01-01", "steps: Input should be a valid integ"),
    ("true for steps", "steps = 6", "steps = true", "steps: Input should be a valid integer"),
    ("no steps", "steps = 6", "steps = 0", "greater than or equal to 1, not 0"),
    ("negative steps", "steps = 6", "steps = -6", "greater than or equal to 1, not -6"),
    ("steps and epochs", "steps = 6", "steps = 6, epochs = 1", "exactly one of epochs and steps"),
    ("neither of them", ", steps = 6", "", "exactly one of epochs and steps"),
    ("no epochs", "steps = 6", "epochs = 0", "greater than or equal to 1, not 0"),
    ("a negative rate", "1e-3", "-1.0", "learning_rate: Input should be greater than 0, not -1.0"),
    ("a rate of nan", "1e-3", "nan", "learning_rate: Input should be a finite number"),
    ("an infinite rate", "1e-3", "inf", "learning_rate: Input should be a finite number"),
    ("a rate beyond floats", "1e-3", "1e999", "learning_rate: Input should be a finite number"),
    (
        "an unknown optimiser",
        "steps = 6",
        'steps = 6, optimiser = "x"',
        "optimiser: Input should be",
    ),
    (
        "an unknown precision",
        "steps = 6",
        'steps = 6, precision = "x"',
        "precision: Input should be",
    ),
    (
        "warm-up above one",
        "steps = 6",
        "steps = 6, warmup = 1.5",
        "less than or equal to 1, not 1.5",
    ),
    ("an empty batch", "batch_size = 16", "batch_size = 0", "greater than or equal to 1, not 0"),
    (
        "a batch beyond the data",
        "batch_size = 16",
        "batch_size = 100000",
        "batch_size 100000 is more than the 1",
    ),
    ("a mistyped parameter", "test_images = 24", "test_imgs = 24", "test_imgs' (allowed: "),
    ("a mistyped history", "points = 3", "point = 3", "history.point' (allowed: points, images, "),
    ("a history of a point", "points = 3", "points = 1", "greater than or equal to 2, not 1"),
    (
        "a history of millions",
        "points = 3",
        "points = 1000000000",
        "points 1000000000 is more than",
    ),
    ("a fingerprint", "test_images = 24", 'fingerprint = "0"', "fingerprint' (allowed: "),
    (
        "few images",
        "frechet_images = 24",
        "frechet_images = 5",
        "greater than or equal to 6, not 5",
    ),
    ("unknown features", "features = []", 'features = ["x"]', "unknown feature extractor 'x'"),
    ("a sweep of nothing", "beta = [0.1, 10.0]", "beta = []", "at least one value"),
    ("a sweep of two", "beta = [0.1, 10.0]", "beta = [1], gamma = [1]", "sweep takes one option"),
    (
        "a sweep of a word",
        "beta = [0.1, 10.0]",
        'beta = "all"',
        "sweep.beta: Input should be a val",
    ),
    (
        "a sweep of no option",
        "beta = [0.1, 10.0]",
        "gamma = [0.1]",
        "beta_vae has no option 'gamma'",
    ),
    (
        "a value out of range",
        "beta = [0.1, 10.0]",
        "beta = [-1]",
        "beta=-1 is not a number between",
    ),
    (
        "two rows of a sweep",
        "optimal_sigma",
        "beta_vae",
        "the sweep of 'beta_vae' must be the only",
    ),
    ("two labels", 'label = "Optimal"', 'label = "gaussian"', "two rows are called 'gaussian'"),
    ("no likelihood", 'likelihood = "gaussian"', "", "key 'rows.0.likelihood' is missing"),
    (
        "a list of them",
        '= "gaussian"',
        '= ["a.py:B"]',
        "likelihood: Input should be a valid string",
    ),
    ("an unknown one", '= "gaussian"', '= "gausian"', "no likelihood 'gausian'"),
    ("an absent file", '= "gaussian"', '= "no.py:Mine"', "no.py: No such file or directory"),
    ("a file of a null", '= "gaussian"', '= "\\u0000.py:Mine"', "embedded null"),
    ("the file of nobody", '= "gaussian"', '= "~nobody-here/a.py:B"', "No such file"),
    ("an option of a kind", '= "gaussian"', '= "gaussian"\noptions = { a = {} }', "options.a"),
    ("no data", 'data = ["digits"]', "", "needs `data` and `training`"),
    ("unknown data", '["digits"]', '["digts"]', "did you mean 'digits'?"),
    ("data that leave", '["digits"]', '["../digits"]', "unknown data set '../digits'"),
    ("video for images", '["digits"]', '["moving_digits"]', "takes images, and data set"),
    (
        "an unknown model",
        "options = {",
        'model = "vea"\noptions = {',
        "unknown model 'vea'; did you",
    ),
    (
        "images for video",
        "options = { w",
        'model = "svg"\noptions = { w',
        "model 'svg' takes video",
    ),
    ("a mistyped option", "width = 2", "widht = 2", "unknown option of model vae 'widht'; did you"),
    ("a width of nothing", "width = 2", "width = 0", "model vae: "),
    ("a negative width", "width = 2", "width = -3", "model vae: "),
    (
        "half a channel",
        "width = 2",
        "width = 2.5",
        "option width of model vae must be int, not 2.5",
    ),
    ("a width in words", "width = 2", 'width = "two"', "option width of model vae must be int"),
    ("a width beyond memory", "width = 2", "width = 10000000000", "model vae: "),
    ("a width beyond integers", "width = 2", f"width = {HUGE}", "model vae: "),
    ("a rate of tuning", "[[rows]]", _tuning("-1.0"), "rates.0: Input should be greater than 0"),
    ("a rate twice", "[[rows]]", _tuning("1e-3, 1e-3"), "tuning.rates: 0.001 stands twice among"),
    ("no rates", "[[rows]]", _tuning(""), "tuning.rates: List should have at least 1 item"),
    ("a key of tuning", "[[rows]]", _tuning("1], seed = [0"), "seed' (allowed: rates, seeds)"),
    (
        "trials without end",
        "[[rows]]",
        "tuning = { rates = [1.0], seeds = 1000000000 }\n[[rows]]",
        "runs are more than",
    ),
    (
        "no seeds",
        'description = "for tests"',
        'description = ""\nseeds = 0',
        "or equal to 1, not 0",
    ),
    (
        "seeds without end",
        'description = "for tests"',
        'description = ""\nseeds = 1000000000',
        "4000000000 runs are more than",
    ),
    ("a budget of no suite", "[[rows]]", "[columns.budgets.big]\n[[rows]]", "changes budget 'big'"),
    (
        "a wrong change of a budget",
        "[[rows]]",
        "[columns.budgets.tiny]\ntraining = { steps = -1 }\n[[rows]]",
        "steps",
    ),
    (
        "a sweep of a column",
        "[[rows]]",
        "sweeps = { gaussian = [1] }\n[[rows]]",
        "row has no sweep",
    ),
    ("one that may not fit", "[[rows]]", 'may_not_fit = ["x"]\n[[rows]]', "no likelihood 'x'"),
    ("years of training", "steps = 6", "steps = 1000000000000", "years"),
    ("steps beyond integers", "steps = 6", f"steps = {HUGE}", "years"),
    (
        "samples without end",
        "importance_samples = 2",
        "importance_samples = 1000000000000",
        "years",
    ),
)
"""Name, part of the tiny suite, what stands there instead, and what is said."""

WHOLE: tuple[tuple[str, str | bytes, str], ...] = (
    ("an empty file", "", "key"),
    ("bytes", b"\xff\xfe\x00\x01", "is not valid TOML"),
    ("UTF-16", TINY.encode("utf-16"), "is not valid TOML"),
    ("JSON", "{}", "is not valid TOML"),
    ("nested beyond sense", "title = " + "[" * 10_000, "is not valid TOML"),
    ("a number beyond sense", "title = " + "9" * 10_000, "is not valid TOML"),
    (
        "rows of numbers",
        f"rows = 5\n{TINY.partition('[[rows]]')[0]}",
        "rows: Input should be a val",
    ),
    ("columns of numbers", "title = ''\ncolumns = [1, 2]\n", "columns.0: Input should be"),
    ("no budget", TINY.partition("[budgets")[0], "key 'budgets' is missing"),
    ("extends itself", 'extends = "tiny"', "unknown suite to extend 'tiny'"),
    ("extends its file", 'extends = "tiny.toml"', "unknown suite to extend 'tiny.toml'"),
    ("extends another folder", 'extends = "../suites/paper"', "unknown suite to extend"),
    ("extends a number", "extends = 5", "unknown suite to extend '5'"),
    ("extends a mistyped one", 'extends = "papper"', "'papper'; did you mean 'paper'?"),
    ("rows to add to nothing", '[[add_rows]]\nlikelihood = "x"', "add_rows needs `extends`"),
    ("rows in a word", 'extends = "paper"\nadd_rows = "x"', "lists of tables"),
    ("rows of a base in a number", 'extends = "paper"\nrows = 5', "lists of tables"),
    (
        "an unknown heading",
        'extends = "paper"\n[[columns]]\nheading = "SVHN"',
        "unknown heading to take over 'SVHN'; did you mean 'SVHN V",
    ),
    (
        "an unknown label",
        'extends = "paper"\n[[rows]]\nlabel = ["Gaussian"]',
        "unknown label to take over",
    ),
)
"""Name, content of the file, and what is said."""


def cases() -> Iterator[Case]:
    for name, old, new, says in REPLACED:
        yield Case(f"suite: {name}", RUN, says, partial(Place.suite, old=old, new=new))
    for name, content, says in WHOLE:
        prepare = partial(Place.write, path=SUITE, content=content)
        yield Case(f"suite: {name}", RUN, says, prepare)

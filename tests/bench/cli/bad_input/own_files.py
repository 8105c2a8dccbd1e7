"""Files with likelihoods of users that cannot be read, raise, or return nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.bench.cli.bad_input.case import LIKELIHOOD, OWN, RUN, Case, Place

GIVEN = [*RUN, "--likelihoods", "Mine", "--likelihood", f"{OWN}:Mine"]
RETURN = "return D.Independent(D.Normal(location, 1.0), 3)"
CLASS = "    outputs_per_value = 1\n"

READ: tuple[tuple[str, str | bytes, str], ...] = (
    ("no Python", "def (", "mine.py cannot be imported: SyntaxError: "),
    ("bytes", b"\xff\xfe\x00", "mine.py cannot be imported: "),
    ("a null", "x = '\0'", "mine.py cannot be imported: "),
    ("nested beyond sense", f"x = {'(' * 999}", "mine.py cannot be imported: "),
    ("it raises", "x = 1\nx.y", "AttributeError: 'int' object has no attribute 'y' (line 2)"),
    (
        "it raises in two lines",
        "raise ValueError('a\\nb')",
        "mine.py cannot be imported: ValueError: a",
    ),
    ("no such package", "import no_such_package", "No module named 'no_such_package' (line 1)"),
    ("it recurs", "def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded (line 1)"),
    ("it exits", "import sys\nsys.exit(3)", "mine.py cannot be imported: SystemExit: 3 (line 2)"),
    ("it is empty", "", "it defines no subclass of Likelihood"),
    ("another class", "class Mine: pass", "it defines no subclass of Likelihood"),
    (
        "a mistyped class",
        LIKELIHOOD.replace("Mine", "Mien"),
        "it defines: Mien; did you mean 'Mien'",
    ),
)
"""Name, content of the file, and what is said before anything is computed."""

MADE = (
    (
        "its __init__ raises",
        "def __init__(self, shape):\n        raise KeyError('x')",
        "KeyError: 'x'",
    ),
    (
        "its __init__ exits",
        "def __init__(self, shape):\n        raise SystemExit(3)",
        "SystemExit: 3",
    ),
    ("its __init__ forgets", "def __init__(self, shape):\n        pass", "super().__init__(shape)"),
    ("it takes no shape", "def __init__(self):\n        pass", "TypeError: "),
    ("its option has no value", "def __init__(self, shape, *, a):\n        pass", "the option 'a'"),
    ("an unknown measure", "measure = 'volume'", "'volume'"),
    ("outputs in words", "outputs_per_value = 'two'", "outputs_per_value"),
    ("no outputs", "outputs_per_value = 0", "outputs_per_value"),
)
"""Name, what its class says, and what is said before anything is computed."""

RUNS = (
    ("a number", "return 1", "forward of Mine returned a int"),
    ("a text", "return 'x'", "forward of Mine returned a str"),
    ("nothing", "pass", "forward of Mine returned a NoneType"),
    ("the outputs", "return outputs", "forward of Mine returned a Tensor"),
    ("one value", "return D.Normal(0.0, 1.0)", "distribution of batch shape ()"),
    (
        "a distribution of values",
        "return D.Normal(location, 1.0)",
        "distribution of batch shape (2, 1, ",
    ),
    ("no density", "return D.Distribution(location.shape[:1], location.shape[1:])", "log_prob"),
    ("an error", "raise ValueError('out of luck\\nand more')", "ValueError: out of luck"),
    ("an error in itself", "return self(outputs)", "RecursionError"),
    ("an exit", "raise SystemExit(3)", "SystemExit: 3"),
    ("not a number", RETURN.replace("location,", "location / 0 * 0,"), "the loss is not finite at"),
    ("another size", RETURN.replace("location,", "location[:, :, :2],"), "event shape"),
)
"""Name, what its forward does, and what is said of its run."""


def _circle(place: Place) -> None:
    """Two files that import each other."""
    place.patch.syspath_prepend(str(place.root))
    place.write(OWN, "from other_one import OTHER\nMINE = 1\n")
    place.write("other_one.py", "from mine import MINE\nOTHER = 1\n")


def cases() -> Iterator[Case]:
    circle = "cannot import name 'OTHER' from partially initialized module 'other_one'"
    yield Case("own file: a circle of imports", GIVEN, circle, _circle)
    for name, content, says in READ:
        yield Case(
            f"own file: {name}", GIVEN, says, partial(Place.write, path=OWN, content=content)
        )
    for name, line, says in MADE:
        text = LIKELIHOOD.replace(CLASS, f"{CLASS}    {line}\n")
        yield Case(f"own file: {name}", GIVEN, says, partial(Place.write, path=OWN, content=text))
    text = LIKELIHOOD.replace(CLASS, f"{CLASS}    def __init__(self, shape):\n        1 / 0\n")
    listed = ["list", "likelihoods", f"{OWN}:Mine"]
    raises = "Mine cannot be made: ZeroDivisionError: division by zero (mine.py:"
    yield Case(
        "own file: a list of it", listed, raises, partial(Place.write, path=OWN, content=text)
    )
    for name, body, says in RUNS:
        text = LIKELIHOOD.replace(RETURN, body)
        prepare = partial(Place.write, path=OWN, content=text)
        yield Case(f"own file, forward: {name}", GIVEN, says, prepare, status=1)
    for file, says in (
        (OWN, "mine.py needs a class, mine.py:Class; it defines: Mine"),
        (f"{OWN}:", "mine.py needs a class, mine.py:Class; it defines: Mine"),
        (f"{OWN}:Likelihood", "has no likelihood 'Likelihood'"),
        (f"{OWN}:torch", "has no likelihood 'torch'"),
        (f"{OWN}:Mine(scale=2)", "Mine has no option 'scale'"),
        (f"{OWN}:Mine(2)", "is not NAME(option=value"),
        ("mine.txt:Mine", "'mine.txt' is not FILE.py"),
        (".:Mine", "'.' is not FILE.py"),
        (":Mine", "'' is not FILE.py"),
    ):
        words = [*RUN, "--likelihood", file]
        prepare = partial(Place.write, path=OWN, content=LIKELIHOOD)
        yield Case(f"own file: {file}", words, says, prepare)
    taken = LIKELIHOOD.replace("class Mine", "class gaussian")
    yield Case(
        "own file: a name that is taken",
        [*RUN, "--likelihood", f"{OWN}:gaussian"],
        "the name 'gaussian' is taken by Gaussian of",
        partial(Place.write, path=OWN, content=taken),
    )

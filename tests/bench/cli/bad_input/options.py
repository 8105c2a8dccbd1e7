"""Wrong words on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from tests.bench.cli.bad_input.case import RESULTS, RUN, SUITE, Case, Place


def _no_gpu(place: Place) -> None:
    place.patch.setattr(torch.cuda, "is_available", lambda: False)


def _file(place: Place) -> None:
    place.results()
    place.write("file", "")


def _folder(place: Place) -> None:
    (place.root / "folder.toml").mkdir()
    (place.root / "folder.py").mkdir()


def _unreadable(place: Place) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", SUITE)

    place.patch.setattr(Path, "read_text", refuse)


def _precious(place: Place) -> None:
    place.write("mine.py", "precious")


WORDS: tuple[tuple[str, list[str], str], ...] = (
    ("no such command", ["rum"], "unknown command 'rum'; did you mean 'run'?"),
    ("an unknown option", ["run", "--sweet", "paper"], "unknown option '--sweet'"),
    ("no suite", ["run"], "name a suite: "),
    ("an empty suite", ["run", "--suite", ""], "unknown suite ''"),
    ("an unknown suite", ["run", "--suite", "papr"], "'papr'; did you mean 'paper'?"),
    (
        "a suite that leaves",
        ["run", "--suite", "../suites/paper"],
        "unknown suite '../suites/paper'",
    ),
    ("an absent suite", ["run", "--suite", "no.toml"], "suite file 'no.toml' does not exist"),
    ("an unknown budget", [*RUN, "--budget", "tinny"], "'tinny'; did you mean 'tiny'?"),
    ("an empty budget", [*RUN, "--budget", ""], "unknown budget ''"),
    ("an unknown likelihood", [*RUN, "--likelihoods", "gausian"], "did you mean 'gaussian'?"),
    ("an empty pattern", [*RUN, "--likelihoods", ""], "unknown likelihood of suite tiny ''"),
    ("unknown data", [*RUN, "--datasets", "digts"], "did you mean 'digits'?"),
    ("empty data", [*RUN, "--datasets", ""], "unknown data set ''"),
    ("no seeds", [*RUN, "--seeds", "0"], "seeds must be at least 1, not 0"),
    ("negative seeds", [*RUN, "--seeds", "-1"], "seeds must be at least 1, not -1"),
    ("seeds in words", [*RUN, "--seeds", "two"], "invalid int value: 'two'"),
    ("seeds without end", [*RUN, "--seeds", "1000000000"], "4000000000 runs are more than"),
    ("no jobs", [*RUN, "--jobs", "0"], "jobs must be from 1 to "),
    ("jobs without end", [*RUN, "--jobs", "1000000"], "jobs must be from 1 to "),
    ("no time", [*RUN, "--max-seconds-per-run", "0"], "above 0, not 0"),
    ("a time of nan", [*RUN, "--max-seconds-per-run", "nan"], "above 0, not nan"),
    ("time without end", [*RUN, "--max-seconds-per-run", "inf"], "above 0, not inf"),
    ("an unknown device", [*RUN, "--device", "tpu"], "unknown device 'tpu'; did you mean 'cpu'?"),
    ("an unknown executor", [*RUN, "--executor", "rai"], "'rai'; did you mean 'ray'?"),
    ("an option of Ray", [*RUN, "--cpus-per-run", "2"], "are for --executor ray"),
    ("no CPU of Ray", [*RUN, "--executor", "ray", "--cpus-per-run", "-1"], "cpus-per-run"),
    ("results without a name", [*RUN, "--results", ""], "argument --results: an empty path"),
    ("a dry run of it", [*RUN, "--dry-run", "--results", ""], "argument --results: an empty path"),
    ("a report on it", ["report", "--results", ""], "argument --results: an empty path"),
    ("a report to it", ["report", "--output", ""], "argument --output: an empty path"),
    ("a comparison in it", ["compare", "gaussian", "--results", ""], "--results: an empty path"),
    ("a comparison to it", ["compare", "gaussian", "--output", ""], "--output: an empty path"),
    ("a merge of it", ["merge", "", "--results", "new"], "argument FOLDER: an empty path"),
    ("a merge into it", ["merge", RESULTS, "--results", ""], "argument --results: an empty path"),
    ("results in a suite", [*RUN, "--results", f"{SUITE}/x"], "cannot be written: Not a directory"),
    ("results that are a file", [*RUN, "--results", SUITE], "cannot be written: "),
    ("results of a long name", [*RUN, "--results", "x" * 300], "File name too long"),
    ("no results to report on", ["report"], "no results in 'results'"),
    ("no results to compare", ["compare", "gaussian"], "no results in 'results'"),
    ("no results to merge", ["merge", "absent", "--results", "new"], "no results in 'absent'"),
    ("nothing to merge", ["merge", "--results", "new"], "arguments are required: FOLDER"),
    ("no target of a merge", ["merge", RESULTS], "arguments are required: --results"),
    (
        "an unknown list",
        ["list", "liklihoods"],
        "unknown kind 'liklihoods'; did you mean 'likelihoods'?",
    ),
    ("a list of another", ["list", "suites", "x"], "unknown suite 'x'"),
    ("a list of a file", ["list", "likelihoods", "no.py:Mine"], "no.py: No such file"),
    ("unknown data to fetch", ["data", "fetch", "mnits"], "did you mean 'mnist'?"),
    ("empty data to fetch", ["data", "fetch", ""], "unknown data set ''"),
    ("no data to fetch", ["data", "fetch"], "arguments are required: NAME"),
    ("a dash in a new name", ["new", "my-decoder"], "'my-decoder' is not a name"),
    ("a keyword for a new name", ["new", "class"], "'class' is not a name"),
    ("an empty new name", ["new", ""], "is not a name: letters"),
    ("a new name of two words", ["new", "b c.py"], "'b c' is not a name"),
    ("a new name in no folder", ["new", "nowhere/mine"], "nowhere/mine.py: No such file"),
    ("a new name of nobody", ["new", "~nobody-here/mine"], "No such file"),
    ("a check of nothing", ["check"], "required: NAME|FILE.py:Class"),
    ("an unknown one to check", ["check", "gausian"], "did you mean 'gaussian'?"),
    ("an empty one to check", ["check", ""], "unknown likelihood ''"),
    ("a wrong value to check", ["check", "beta_vae(beta=0)"], "beta=0 is not a number between 0"),
    ("no such option to check", ["check", "gaussian(sigma=1)"], "gaussian has no option 'sigma'"),
    ("an absent file to check", ["check", "no.py:Mine"], "no.py: No such file or directory"),
    ("an open bracket", ["check", "gaussian("], "'gaussian(' is not NAME(option=value"),
    ("a value without a name", ["check", "gaussian(1)"], "is not NAME(option=value"),
    ("code for a value", ["check", "beta_vae(beta=open('x'))"], "is not NAME(option=value"),
    ("a set of lists", ["check", "beta_vae(beta={[1]})"], "is not NAME(option=value"),
    ("nested values", ["check", f"beta_vae(beta={'-' * 9999}1)"], "is not NAME(option=value"),
    ("values that add up", ["check", f"beta_vae(beta={'1+' * 9999}1)"], "is not NAME(option=value"),
    (
        "None for an option",
        [*RUN, "--likelihood", "per_pixel_sigma(bounds=None)"],
        "takes a number,",
    ),
    ("an infinite option", [*RUN, "--likelihood", "beta_vae(beta=1e999)"], "takes a number"),
    ("no such option", [*RUN, "--likelihood", "student_t(df=3)"], "student_t has no option 'df'"),
    ("a line break in a name", [*RUN, "--datasets", "a\nb"], "unknown data set 'a\\nb'"),
    ("an escape in a path", ["report", "--results", "\x1b[31mred\n"], "no results in "),
    ("a line break in a class", [*RUN, "--likelihood", "no\n.py:X\x1b[2J"], "No such file"),
)


def cases() -> Iterator[Case]:
    for name, words, says in WORDS:
        yield Case(f"words: {name}", words, says)
    yield Case("words: no GPU", [*RUN, "--device", "cuda"], "'cuda' is not available", _no_gpu)
    absent = ["run", "--suite", "folder.toml"]
    yield Case("words: a folder for a suite", absent, "'folder.toml' does not exist", _folder)
    check = ["check", "folder.py:Mine"]
    yield Case("words: a folder for a file", check, "folder.py: Is a directory", _folder)
    yield Case("words: a suite of others", RUN, "cannot be read: Permission denied", _unreadable)
    taken = "mine.py is there already: choose another name"
    yield Case("words: a new name that is taken", ["new", "mine"], taken, _precious)
    output = ["report", "--output", "file"]
    yield Case(
        "words: a report into a file",
        output,
        "the report cannot be written into file: File exists",
        _file,
    )
    against = ["compare", "gaussian", "--against", "x*"]
    yield Case(
        "words: an unknown baseline", against, "unknown decoder or pattern 'x*'", Place.results
    )
    compare = ["compare", "gausian"]
    yield Case("words: an unknown decoder", compare, "'gausian'; did you mean 'gau", Place.results)
    compare = ["compare", "student_t"]
    yield Case("words: a decoder not run", compare, "student_t was not run here", Place.results)
    compare = ["compare", "../../x"]
    yield Case("words: a decoder that leaves", compare, "unknown decoder '../../x'", Place.results)

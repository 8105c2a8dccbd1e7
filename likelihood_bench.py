"""The console script `likelihood-bench`: `python -m bench` of the checkout that it is called in.

Installed are the decoders, the package `likelihoods`, and this file. It imports neither, so that it
answers at once.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

MARK = Path("bench", "suites", "paper.toml")
"""A file of every checkout, and hardly of anything else."""


def main() -> int:
    """Run the command line of the checkout around the present folder.

    Returns:
        2, after a line that says how to get a checkout, where there is none; else `python -m bench`
        ends the process with its own exit status.
    """
    here = Path.cwd()
    checkout = next((each for each in (here, *here.parents) if (each / MARK).is_file()), None)
    if checkout is None:
        print(
            f"error: {here} is no checkout of likelihood-bench, nor in one: the benchmark runs in "
            "its checkout, and only the decoders are installed (`import likelihoods`). Get it by "
            "`git clone` of the repository that `pip install` was given, enter its folder, and "
            "call this again",
            file=sys.stderr,
        )
        return 2
    # The checkout's own packages win over what is installed, and over namesakes in the folder.
    sys.path.insert(0, str(checkout))
    runpy.run_module("bench", run_name="__main__", alter_sys=True)
    return 0

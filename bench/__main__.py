"""`python -m bench`."""

import os
import sys

from bench import interrupts
from bench.cli import main

if __name__ == "__main__":
    status = main()
    if status == interrupts.STATUS:
        # What Python tidies up takes seconds, and whoever interrupts does not wait.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)

"""The command line; one file a command, which holds its arguments and what it does.

Nothing heavy is imported before the arguments are known to be well-formed, so `--help` answers at
once: each command imports what it needs when it is carried out.
"""

from bench.cli.main import main

__all__ = ["main"]

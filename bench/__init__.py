"""The harness of Likelihood Bench: suite -> runs -> training -> evaluation -> store -> report."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
"""The folder from which the project is run."""

"""What is compared: suites, and the plan that is made of one."""

from bench.suite.loading import load, names
from bench.suite.plan import Choices, Plan, ids, make
from bench.suite.schema import Budget, Suite
from bench.suite.spec import RunSpec
from bench.suite.tuning import LEAD, SELECTOR, Score, Search

__all__ = [
    "LEAD",
    "SELECTOR",
    "Budget",
    "Choices",
    "Plan",
    "RunSpec",
    "Score",
    "Search",
    "Suite",
    "ids",
    "load",
    "make",
    "names",
]

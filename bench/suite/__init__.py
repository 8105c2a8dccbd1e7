"""What is compared: suites, and the plan that is made of one."""

from bench.suite.loading import load, names
from bench.suite.plan import Choices, Plan, make
from bench.suite.schema import Budget, Suite
from bench.suite.spec import RunSpec

__all__ = ["Budget", "Choices", "Plan", "RunSpec", "Suite", "load", "make", "names"]

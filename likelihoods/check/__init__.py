"""The conformance kit: what every likelihood must satisfy, as named properties.

Each property makes its own likelihoods with a factory, for shapes of its choice, and reports one
number against one limit. Costs have no limit: they are notes. `run` checks all properties.

Example:
    >>> from functools import partial
    >>> import likelihoods
    >>> from likelihoods import check
    >>> factory = partial(likelihoods.create, "student_t")
    >>> print(check.check("shapes", check.PROPERTIES["shapes"], factory))
    pass  shapes: 0 (limit 0) answers that differ from the contract
"""

import math
from collections.abc import Callable

from likelihoods.check import contract, cost, numerics, probability
from likelihoods.check.core import Factory, Outcome, Property, Result, check

__all__ = [
    "COSTS",
    "PROPERTIES",
    "Factory",
    "Outcome",
    "Property",
    "Result",
    "check",
    "run",
    "unfair",
]

PROPERTIES: dict[str, Property] = {
    "shapes": contract.shapes,
    "mass sums to one": probability.mass_sums_to_one,
    "log_prob is normalised": probability.log_prob_is_normalised,
    "mass agrees with log_prob": probability.mass_agrees_with_log_prob,
    "samples agree with mass": probability.samples_agree_with_mass,
    "samples agree with mean": probability.samples_agree_with_mean,
    "level_cdf agrees with mass": probability.level_cdf_agrees_with_mass,
    "samples agree with level_cdf": probability.samples_agree_with_level_cdf,
    "gradients": numerics.gradients,
    "training objective": numerics.training_objective,
    "finite at extremes": numerics.finite_at_extremes,
    "float32 agrees with float64": numerics.float32_agrees_with_float64,
    "memory layout": contract.memory_layout,
    "saved and restored": contract.saved_and_restored,
    "no peeking": contract.no_peeking,
    "calibration": contract.calibration,
    "any device": contract.any_device,
    "cuda": contract.cuda,
}
"""All properties that hold or fail, by name, in the order in which they are checked."""

COSTS: dict[str, Property] = {
    "training time": cost.training_time,
    "training memory": cost.training_memory,
}
"""Costs, by name: they inform, and neither hold nor fail."""

FAIR = ("mass sums to one", "log_prob is normalised", "mass agrees with log_prob", "no peeking")
"""The properties without which the numbers of a likelihood do not compare with those of others."""

PREMISE = "shapes"  # the property that all others presuppose


def unfair(factory: Factory) -> list[Result]:
    """Return the failures that make the numbers of a likelihood incomparable; takes a second."""
    results = [check(name, PROPERTIES[name], factory) for name in FAIR]
    return [result for result in results if result.passed is False]


def run(factory: Factory, report: Callable[[Result], object] = lambda result: None) -> list[Result]:
    """Check all properties of the likelihoods that a factory makes, and note their costs.

    Where shapes are wrong the others are skipped, so that one mistake is one failure. Each result
    is reported as soon as it is known.
    """
    results: list[Result] = []
    for name, function in (PROPERTIES | COSTS).items():
        result = Result(name, "skip", math.nan, math.nan, f"{PREMISE} come first")
        if not results or results[0].passed is not False:
            result = check(name, function, factory)
        results.append(result)
        report(result)
    return results

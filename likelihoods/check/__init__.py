"""The conformance kit: what every likelihood must satisfy, as named properties.

    >>> for result in check.run(partial(likelihoods.create, "student_t")):
    ...     print(result)

Each property makes its own likelihoods with the factory it is given, for shapes of its choice, and
reports one number against one limit.
"""

from likelihoods.check import contract, numerics, probability
from likelihoods.check.core import Factory, Property, Result, check

__all__ = ["PROPERTIES", "Factory", "Property", "Result", "check", "run"]

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
    "finite at extremes": numerics.finite_at_extremes,
    "float32 agrees with float64": numerics.float32_agrees_with_float64,
    "memory layout": contract.memory_layout,
    "saved and restored": contract.saved_and_restored,
    "no peeking": contract.no_peeking,
    "cuda": contract.cuda,
}
"""All properties, by name, in the order in which they are checked."""


def run(factory: Factory) -> list[Result]:
    """Check all properties of the likelihoods that a factory makes.

    Args:
        factory: makes a fresh likelihood for a shape (C, H, W).
    """
    return [check(name, function, factory) for name, function in PROPERTIES.items()]

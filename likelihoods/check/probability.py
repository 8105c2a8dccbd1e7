"""Properties of probability: what sums to one, and which answers agree with each other."""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import scipy.stats
import torch
from torch import Tensor
from torch.distributions import Distribution

from likelihoods.check.core import (
    ONE_VALUE,
    Factory,
    Measurement,
    Skipped,
    batches_of,
    extreme_outputs,
    levels,
    log_masses,
    random_outputs,
    trained,
)
from likelihoods.core.base import Likelihood, Shape, checked_level_cdf
from likelihoods.core.distributions import support_of
from likelihoods.core.grid import LEVELS, STEP, quantise, to_levels
from likelihoods.core.numerics import RANGE, bin_edges

SAMPLES: Final = 100_000
SIGMAS: Final = 6.0  # standard errors that a correct sampler practically never exceeds
FEW_VALUES: Final[Shape] = (2, 1, 2)
"""An image of several values, in which a cdf could be that of the wrong one."""
KOLMOGOROV: Final = 2.2
"""Distance of Kolmogorov and Smirnov, times the root of the number of values, that one in 10^4
uniform samples exceeds."""
KINDS: Final = {"random": random_outputs, "extreme": extreme_outputs}
BOUND: Final = "its log_mass is a bound, with which samples need not agree"
NO_CDF: Final = "it has no level_cdf, so its calibration is not measured"
_stats: Any = scipy.stats  # typed the same with and without scipy-stubs


@torch.no_grad()
def mass_sums_to_one(factory: Factory) -> Measurement:
    """In float32, the masses of the 256 levels sum to one, for random and for extreme outputs.

    Those of a bound sum to at most one. Sums that are nan at extreme outputs are left out:
    `finite_at_extremes` checks that.
    """
    likelihood = trained(factory, ONE_VALUE)
    worst = (0.0, "random", 1.0)
    for kind, make in KINDS.items():
        totals = log_masses(likelihood, make(likelihood, 48)).double().exp().sum(1)
        if kind == "extreme":
            totals = totals[~totals.isnan()]
        for total in totals.tolist():
            error = total - 1 if likelihood.mass_is_bound else abs(total - 1)
            error = math.inf if math.isnan(total) else error
            worst = max(worst, (error, kind, total))
    error, kind, total = worst
    return Measurement(error, 1e-4, f"largest |sum - 1|: a sum of {total:.6g}, {kind} outputs")


@torch.no_grad()
def log_prob_is_normalised(factory: Factory) -> Measurement | Skipped:
    """The native density integrates to one over its support, or the native mass sums to one.

    The support is the one that the distribution states, else the real line. Outside of it the
    density is zero. An integral is taken in two parts that meet at the mean, where a density may
    have a kink.
    """
    likelihood = trained(factory, ONE_VALUE).double()
    outputs = random_outputs(likelihood, 8).double()
    if likelihood.measure == "unnormalised":
        return Skipped("the native measure is not normalised")
    if likelihood.measure == "mass":
        totals = _natives(likelihood, outputs).exp().sum(1)
    else:
        distribution = likelihood(outputs)
        low, high = _support(distribution)
        parts = zip(outputs, low, distribution.mean.flatten(), high, strict=True)
        integrals = [_integral(partial(_density, likelihood, o), *where) for o, *where in parts]
        totals = torch.stack(integrals)
    number = (totals - 1).abs().max().item()
    return Measurement(number, 1e-6, f"largest |total - 1| of the {likelihood.measure}")


@torch.no_grad()
def mass_agrees_with_log_prob(factory: Factory) -> Measurement:
    """The mass of a level is its bin's share of the density in all bins, or the native mass itself.

    An unnormalised log_prob differs from it by the same number at all levels. A bound is no larger.
    """
    likelihood = trained(factory, ONE_VALUE).double()
    outputs = random_outputs(likelihood, 8).double()
    mass = log_masses(likelihood, outputs)
    if likelihood.measure == "density":
        low, high = _support(likelihood(outputs))
        offsets, weights = _simpson(32)
        edges = [edge.view(-1, 1) for edge in bin_edges(levels(torch.float64))]
        worst = []
        for o, log_mass, *ends in zip(outputs, mass, low, high, strict=True):
            lower, upper = (edge.clamp(*ends) for edge in edges)  # 256 levels by 33 points
            x = _inside((lower + upper) / 2 + offsets * (upper - lower), *ends)
            density = _density(likelihood, o, x.flatten())
            native = density.view(-1, len(weights)) @ weights * (upper - lower).squeeze(1)
            native = native / native.sum()
            excess = (log_mass.exp() - native) / (native + 1e-4)
            worst.append(excess.clamp(min=0 if likelihood.mass_is_bound else -math.inf).abs().max())
        difference = torch.stack(worst)
    else:
        difference = mass - _natives(likelihood, outputs)
        if likelihood.measure == "unnormalised":
            difference = difference - difference.mean(1, keepdim=True)
    number = difference.abs().nan_to_num(nan=math.inf).max().item()
    return Measurement(number, 1e-4, "largest relative difference of a level's mass")


@torch.no_grad()
def samples_agree_with_mass(factory: Factory) -> Measurement | Skipped:
    """Of 10^5 samples, those in the range of the bins are as frequent as the masses say.

    The number is the largest of Pearson's chi-squared over a few outputs, in standard deviations;
    levels that are rarely expected are pooled with their neighbours.
    """
    likelihood = trained(factory, ONE_VALUE)
    if likelihood.mass_is_bound:
        return Skipped(BOUND)
    outputs = random_outputs(likelihood, 3)
    samples = _samples(likelihood, outputs)
    off_grid = (samples - quantise(samples)).abs().max().item()
    if likelihood.measure != "density" and off_grid > 1e-5:
        return Measurement(math.inf, SIGMAS, f"a sample is {off_grid:.3g} off the grid")
    frequencies = _frequencies(likelihood, outputs)
    if not frequencies.isfinite().all():
        problem = "there is nothing to compare with: a mass is not finite"
        return Measurement(math.inf, SIGMAS, problem)
    worst = (-math.inf, "")
    for drawn, frequency in zip(samples, frequencies, strict=True):
        inside = drawn[_in_range(drawn)]
        counts = torch.bincount(to_levels(inside.clamp(0, 1)), minlength=LEVELS)
        expectation = frequency * len(inside)
        moments = f"samples {_mean_and_spread(counts)}, masses {_mean_and_spread(expectation)}"
        worst = max(worst, (_chi_squared(counts, expectation), moments))
    detail = f"chi-squared of the samples, in standard deviations; {worst[1]}"
    return Measurement(worst[0], SIGMAS, detail)


@torch.no_grad()
def samples_agree_with_mean(factory: Factory) -> Measurement:
    """The average of 10^5 samples is the mean; of an unnormalised likelihood, that of its mass.

    The number is in standard errors, and so also bounded where the variance is infinite.
    """
    likelihood = trained(factory, ONE_VALUE)
    outputs = random_outputs(likelihood, 8)
    if likelihood.measure == "unnormalised":
        mean = _frequencies(likelihood, outputs) @ levels(torch.float64).flatten()
    else:
        means = [likelihood(batch).mean for batch in batches_of(outputs, 1)]
        mean = torch.cat(means).flatten().double()
    samples = _samples(likelihood, outputs).double()
    error = samples.std(1) / math.sqrt(SAMPLES) + STEP / 1000
    averages = samples.mean(1)
    number, worst = ((averages - mean).abs() / error).max(0)
    both = f"samples average {averages[worst].item():.5f}, the mean is {mean[worst].item():.5f}"
    return Measurement(number.item(), SIGMAS, f"difference in standard errors; {both}")


@torch.no_grad()
def level_cdf_agrees_with_mass(factory: Factory) -> Measurement | Skipped:
    """From level to level the cdf rises from 0 to 1, each time by the mass of the level.

    By no less, where that is a bound. In float64, for random and for extreme outputs.
    """
    likelihood = trained(factory, ONE_VALUE).double()
    worst = (0.0, "")
    for kind, make in KINDS.items():
        outputs, x = make(likelihood, 16).double(), levels(torch.float64)
        try:
            edges = [checked_level_cdf(likelihood, batch, x) for batch in batches_of(outputs)]
        except NotImplementedError:  # allowed: then nothing but the calibration is missing
            return Skipped(NO_CDF)
        below, above = (torch.stack(edge).view(-1, LEVELS) for edge in zip(*edges, strict=True))
        bound = likelihood.mass_is_bound
        masses = (
            log_masses(likelihood, outputs).exp() if bound else _frequencies(likelihood, outputs)
        )
        if kind == "extreme":  # `finite_at_extremes` judges the others
            finite = (below + above + masses).isfinite().all(1)
            below, above, masses = below[finite], above[finite], masses[finite]
        errors = {
            "at level 0": below[:, :1],
            "at level 255": above[:, -1:] - 1,
            "against the mass of a level": (above - below - masses).clamp(
                max=0 if bound else math.inf
            ),
            "between neighbours": below[:, 1:] - above[:, :-1],
            "by which it falls": (below - above).clamp(min=0),
        }
        for where, error in errors.items():
            size = error.abs().nan_to_num(nan=math.inf).amax().item() if error.numel() else 0.0
            worst = max(worst, (size, f"{where}, for {kind} outputs"))
    return Measurement(worst[0], 1e-6, f"largest error of the cdf, {worst[1]}")


@torch.no_grad()
def samples_agree_with_level_cdf(factory: Factory) -> Measurement | Skipped:
    """The probability integral transform of the likelihood's own samples is uniform.

    One value of each image, moved to the grid, at a random place between the cdf without and with
    its level; the other values of the image might depend on it. Of 2 x 10^5 images, the
    first 2 x 10^4 whose values are all in the range of the bins. The number is the distance of
    Kolmogorov and Smirnov, times the root of the number of values.
    """
    likelihood, chosen_transforms = trained(factory, FEW_VALUES), []
    kept, drawn = 0, 0
    while kept < SAMPLES // 5 and drawn < 2 * SAMPLES:
        outputs = random_outputs(likelihood, SAMPLES // 50)
        x = likelihood(outputs).sample()
        inside = _in_range(x).flatten(1).all(1)
        outputs, x = outputs[inside], quantise(x[inside])
        kept, drawn = kept + len(x), drawn + len(inside)
        try:
            below, above = (edge.flatten(1) for edge in checked_level_cdf(likelihood, outputs, x))
        except NotImplementedError:  # allowed: then nothing but the calibration is missing
            return Skipped(NO_CDF)
        transform = below + torch.rand_like(below) * (above - below)
        chosen = torch.randint(transform.shape[1], (len(transform), 1))
        chosen_transforms.append(transform.gather(1, chosen))
    values = torch.cat(chosen_transforms).flatten()
    if not values.isfinite().all():
        return Measurement(math.inf, KOLMOGOROV, "the cdf of a sample is not finite")
    distance = float(_stats.kstest(values.numpy(), "uniform").statistic) * math.sqrt(len(values))
    return Measurement(distance, KOLMOGOROV, "distance of its transform from uniform")


def _native(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> Tensor:
    """Return log_prob of many images, (N,), for the outputs of one, (channels, H, W)."""
    log_prob: Tensor = likelihood(outputs.expand(len(x), -1, -1, -1)).log_prob(x)
    return log_prob


def _natives(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return log_prob of all levels of images of one value, (B, 256), for outputs in float64."""
    return torch.stack([_native(likelihood, one, levels(torch.float64)) for one in outputs])


def _density(likelihood: Likelihood, outputs: Tensor, values: Tensor) -> Tensor:
    """Return the native density at values, (N,), for the outputs of one image of one value."""
    return _native(likelihood, outputs, values.view(-1, *ONE_VALUE)).exp()


def _support(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return the ends of the interval on which each image of one value has a density, (B,)."""
    low, high = (end.double().flatten() for end in support_of(distribution))
    return low.expand(distribution.batch_shape), high.expand(distribution.batch_shape)


def _inside(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Move values into an interval, off its ends, which may be open."""
    return values.clamp(low.nextafter(high), high.nextafter(low))


def _integral(
    density: Callable[[Tensor], Tensor], low: Tensor, centre: Tensor, high: Tensor
) -> Tensor:
    """Return the integral of a density over [low, high]; infinity if it goes on outside."""
    # x = centre + sinh(t) / 1000: fine about the centre, and out to where a Cauchy tail ends.
    offsets, weights = _simpson(4000)
    total = torch.zeros((), dtype=torch.float64)
    for end, furthest in ((low, -26.0), (high, 26.0)):
        outside = centre + (furthest * (offsets + 0.5)).sinh() / 1000
        outside = outside[(outside < low) | (outside > high)]
        with suppress(ValueError):  # a distribution may refuse values outside of its support
            if len(outside) and density(outside).sum() != 0:
                return torch.full_like(total, math.inf)
        reach = ((end - centre) * 1000).asinh().clamp(-26, 26)
        t = reach * (offsets + 0.5)
        x = _inside(centre + t.sinh() / 1000, low, high)
        total = total + (density(x) * t.cosh() / 1000) @ weights * reach.abs()
    return total


def _in_range(values: Tensor) -> Tensor:
    """Tell which values lie in a bin of a level."""
    return (values >= RANGE[0]) & (values <= RANGE[1])


def _samples(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return samples of images of one value, (B, SAMPLES), drawn in parts for the memory's sake."""
    count, samples = torch.Size([SAMPLES // 10]), []
    for batch in batches_of(outputs, 1):
        distribution = likelihood(batch)
        samples.append(torch.cat([distribution.sample(count) for _ in range(10)]).flatten())
    return torch.stack(samples)


def _frequencies(likelihood: Likelihood, outputs: Tensor) -> Tensor:
    """Return the masses of the levels, divided by their sum, (B, 256)."""
    masses = log_masses(likelihood, outputs).double().exp()
    return masses / masses.sum(1, keepdim=True)


def _mean_and_spread(frequencies: Tensor) -> str:
    """Return mean and standard deviation of levels of these frequencies, in words."""
    x = levels(torch.float64).flatten()
    share = frequencies / frequencies.sum()
    mean = (share * x).sum()
    spread = (share * (x - mean).square()).sum().sqrt()
    return f"have mean {mean.item():.4f} and standard deviation {spread.item():.4f}"


def _chi_squared(counts: Tensor, expected: Tensor) -> float:
    """Return Pearson's statistic, less its mean, in units of its standard deviation."""
    # Neighbours share a pool until the running expectation passes another 25.
    pool = (expected.cumsum(0) / 25).long()
    seen, mean = (
        torch.zeros(int(pool.max()) + 1, dtype=torch.float64).index_add_(0, pool, values.double())
        for values in (counts, expected)
    )
    rare = mean < 5  # all in one more pool
    seen = torch.cat([seen[~rare], seen[rare].sum(0, keepdim=True)])
    mean = torch.cat([mean[~rare], mean[rare].sum(0, keepdim=True).clamp(min=5)])
    freedom = max(len(mean) - 2, 1)
    statistic = ((seen - mean).square() / mean).sum().item()
    return (statistic - freedom) / math.sqrt(2 * freedom)


def _simpson(intervals: int) -> tuple[Tensor, Tensor]:
    """Return points and weights of Simpson's rule on [-1/2, 1/2]."""
    points = torch.linspace(-0.5, 0.5, intervals + 1, dtype=torch.float64)
    weights = torch.full_like(points, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return points, weights / (3 * intervals)

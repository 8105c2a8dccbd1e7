"""The cdf of every likelihood at the levels of an image, against numpy and scipy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.special
import scipy.stats
import torch
from torch import Tensor

import likelihoods
from likelihoods import Likelihood
from likelihoods.check import PROPERTIES, check
from likelihoods.core.distributions import ImageDistribution
from likelihoods.core.grid import quantise
from tests.likelihoods.test_conformance import FACTORIES

stats: Any = scipy.stats  # typed the same with and without scipy-stubs
special: Any = scipy.special

Array = npt.NDArray[np.float64]
SHAPE = (2, 3, 4)
EDGES = ((np.arange(257) - 0.5) / 255)[:, None, None, None, None]
OPEN = np.concatenate([EDGES[1:-1], np.full_like(EDGES[:1], np.inf)])
LEVELS = np.arange(256)[:, None, None, None, None]


def parts(outputs: Tensor, count: int) -> list[Array]:
    """The raw outputs of a value, each (B, C, H, W)."""
    return list(outputs.numpy().reshape(len(outputs), count, *SHAPE).swapaxes(0, 1))


def fitted(likelihood: Likelihood) -> None:
    """Let a likelihood see errors of several sizes."""
    likelihood.train()
    for size in (0.02, 0.1, 0.3):
        outputs = torch.zeros(8, likelihood.output_channels, *SHAPE[1:], dtype=torch.float64)
        target = 0.5 + size * torch.randn(8, *SHAPE, dtype=torch.float64)
        likelihood(outputs, target.clamp(0, 1))
    likelihood.eval()


def clip(log_scale: Array) -> Array:
    high = -np.logaddexp(0, -log_scale)
    return np.asarray(-6 + np.logaddexp(0, high + 6))


def closed(density: Any) -> Array:
    """The cdf of the levels under a density given that the value is in one of their bins."""
    cdf = density.cdf(EDGES)
    return np.asarray((cdf[1:] - cdf[:1]) / (cdf[-1:] - cdf[:1]))


def bernoulli(_: Likelihood, outputs: Tensor) -> Array:
    (logits,) = parts(outputs, 1)
    return np.cumsum(special.softmax(logits * LEVELS / 255, 0), 0)


def categorical(_: Likelihood, outputs: Tensor) -> Array:
    logits = outputs.unflatten(1, (-1, 256)).movedim(2, 0)  # side by side
    return np.cumsum(special.softmax(logits.numpy(), 0), 0)


def bitwise(_: Likelihood, outputs: Tensor) -> Array:
    one = special.expit(np.array(parts(outputs, 8)))
    bits = (np.arange(256)[:, None] >> np.arange(7, -1, -1)) & 1
    mass = [
        np.prod([o if bit else 1 - o for o, bit in zip(one, row, strict=True)], 0) for row in bits
    ]
    return np.cumsum(mass, 0)


def logistic_mixture(likelihood: Likelihood, outputs: Tensor) -> Array:
    components = likelihood.options["components"]
    logits, location, log_scale = np.array(parts(outputs, 3 * components)).reshape(
        3, components, len(outputs), *SHAPE
    )
    scale = np.exp(np.clip(log_scale, -7, 4))
    weights = special.softmax(logits, 0)
    cdf = sum(
        w * stats.logistic(mean, s).cdf(2 * OPEN - 1)
        for w, mean, s in zip(weights, location, scale, strict=True)
    )
    return np.asarray(cdf)


def student_t(_: Likelihood, outputs: Tensor) -> Array:
    location, log_scale, excess = parts(outputs, 3)
    df = 1.001 + np.logaddexp(0, excess)
    return closed(stats.t(df, special.expit(location), np.exp(clip(log_scale))))


def normal(mean: Array, sigma: Any) -> Array:
    return closed(stats.norm(mean, sigma))


def shared(likelihood: Likelihood, outputs: Tensor) -> Array:
    assert likelihood.variance is not None
    return normal(special.expit(parts(outputs, 1)[0]), math.sqrt(float(likelihood.variance)))


def per_pixel(_: Likelihood, outputs: Tensor) -> Array:
    location, log_scale = parts(outputs, 2)
    return normal(special.expit(location), np.exp(clip(log_scale)))


def per_channel(likelihood: Likelihood, outputs: Tensor) -> Array:
    variance = likelihood.get_buffer("average") / likelihood.get_buffer("weight")
    return normal(special.expit(parts(outputs, 1)[0]), variance.sqrt().numpy())


def laplace(_: Likelihood, outputs: Tensor) -> Array:
    location, log_scale = parts(outputs, 2)
    return closed(stats.laplace(special.expit(location), np.exp(clip(log_scale))))


def laplace_of_a_scale(likelihood: Likelihood, outputs: Tensor) -> Array:
    with torch.no_grad():
        if likelihood.calibrates:
            scale = likelihood.get_buffer("average") / likelihood.get_buffer("weight")
        else:
            scale = likelihood.get_parameter("log_scale").exp()
    return closed(stats.laplace(special.expit(parts(outputs, 1)[0]), scale.numpy()))


def discretized_logistic(_: Likelihood, outputs: Tensor) -> Array:
    location, log_scale = parts(outputs, 2)
    logistic = stats.logistic(special.expit(location), np.exp(clip(log_scale)))
    return np.asarray(logistic.cdf(OPEN))


def discretized_gaussian(_: Likelihood, outputs: Tensor) -> Array:
    location, log_scale = parts(outputs, 2)
    gaussian = stats.norm(special.expit(location), np.exp(clip(log_scale)))
    return np.asarray(gaussian.cdf(OPEN))


def truncated_gaussian(_: Likelihood, outputs: Tensor) -> Array:
    location, scale = special.expit(parts(outputs, 2)[0]), np.exp(clip(parts(outputs, 2)[1]))
    return closed(stats.truncnorm(-location / scale, (1 - location) / scale, location, scale))


def continuous_bernoulli(_: Likelihood, outputs: Tensor) -> Array:
    (logits,) = parts(outputs, 1)
    return np.asarray(np.expm1(logits * EDGES[1:].clip(0, 1)) / np.expm1(logits))


def per_image(likelihood: Likelihood, outputs: Tensor) -> Array:
    weights = likelihood.get_buffer("average").numpy()
    mean = special.expit(parts(outputs, 1)[0])
    variances = np.exp(-12 + 12 / 64 * (np.arange(64) + 0.5))
    used = [(w, v) for w, v in zip(weights / weights.sum(), variances, strict=True) if w > 0]
    assert len(used) > 1
    masses, cdfs = [], []
    for weight, variance in used:  # a joint density of the image, given that all values are inside
        gaussian = stats.norm(mean, math.sqrt(variance))
        start, end = gaussian.cdf(EDGES[[0, -1]])
        masses.append(weight * np.prod(end - start, (1, 2, 3), keepdims=True))
        cdfs.append(normal(mean, math.sqrt(variance)))
    return np.asarray(sum(m * cdf for m, cdf in zip(masses, cdfs, strict=True)) / sum(masses))


REFERENCES: dict[str, Callable[[Likelihood, Tensor], Array]] = {
    "bernoulli": bernoulli,
    "categorical": categorical,
    "bitwise_categorical": bitwise,
    "logistic_mixture": logistic_mixture,
    "gaussian": shared,
    "per_pixel_sigma": per_pixel,
    "beta_nll": per_pixel,
    "faithful": per_pixel,
    "geco": shared,
    "student_t": student_t,
    "beta_vae": shared,
    "shared_sigma": shared,
    "optimal_sigma": shared,
    "discretized_shared_sigma": shared,
    "discretized_optimal_sigma": shared,
    "optimal_per_image_sigma": per_image,
    "optimal_per_channel_sigma": per_channel,
    "laplace": laplace,
    "shared_laplace": laplace_of_a_scale,
    "optimal_laplace": laplace_of_a_scale,
    "optimal_per_channel_laplace": laplace_of_a_scale,
    "discretized_logistic": discretized_logistic,
    "discretized_gaussian": discretized_gaussian,
    "truncated_gaussian": truncated_gaussian,
    "continuous_bernoulli": continuous_bernoulli,
}


COUPLED = {"coupled_logistic_mixture", "low_rank_gaussian"}
"""Those whose values depend on each other: the tests of their families have the references."""


@pytest.mark.parametrize("name", sorted({*likelihoods.names()} - COUPLED))
def test_equals_the_cumulative_mass(name: str) -> None:
    torch.manual_seed(0)
    likelihood = likelihoods.create(name, SHAPE).double()
    fitted(likelihood)
    outputs = 2 * torch.randn(6, likelihood.output_channels, *SHAPE[1:], dtype=torch.float64)
    levels = torch.randint(256, (6, *SHAPE))
    levels[0], levels[1] = 0, 255
    with torch.no_grad():
        below, above = likelihood.level_cdf(outputs, levels.double() / 255)
        cdf = REFERENCES[name](likelihood, outputs)
    cdf = np.concatenate([np.zeros((1, 6, *SHAPE)), cdf])
    for found, offset in ((below, 0), (above, 1)):
        assert found.dtype == torch.float64
        expected = np.take_along_axis(cdf, levels.numpy()[None] + offset, 0)[0]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize(
    "name_of_property", ["level_cdf agrees with mass", "samples agree with level_cdf"]
)
def test_every_likelihood_of_ours_has_one(name: str, name_of_property: str) -> None:
    """The kit does not demand a cdf; here none may be without."""
    result = check(name_of_property, PROPERTIES[name_of_property], FACTORIES[name])
    assert result.passed, str(result)


@pytest.mark.parametrize("name", likelihoods.names())
def test_float32_outputs_give_float64_between_zero_and_one(name: str) -> None:
    torch.manual_seed(1)
    likelihood = likelihoods.create(name, SHAPE).eval()
    for spread in (1.0, 1e4):
        outputs = spread * torch.randn(4, likelihood.output_channels, *SHAPE[1:])
        x = quantise(torch.rand(4, *SHAPE))
        with torch.no_grad():
            below, above = likelihood.level_cdf(outputs, x)
        assert below.dtype == above.dtype == torch.float64
        assert below.shape == above.shape == (4, *SHAPE)
        assert ((below >= 0) & (below <= above) & (above <= 1)).all()


def test_equal_levels_are_a_limit_of_bernoulli() -> None:
    likelihood = likelihoods.create("bernoulli", (1, 1, 1))
    x = (torch.arange(256) / 255).view(-1, 1, 1, 1)
    for logit in (0.0, 1e-20, -1e-9):
        below, above = likelihood.level_cdf(torch.full((256, 1, 1, 1), logit), x)
        expected = torch.arange(256, dtype=torch.float64) / 256
        torch.testing.assert_close(below.flatten(), expected)
        torch.testing.assert_close(above.flatten(), expected + 1 / 256)


def test_a_distribution_without_one_says_so() -> None:
    class Images(ImageDistribution):
        def _draw(self, shape: torch.Size) -> Tensor:
            return torch.zeros(shape)

    class Own(Likelihood):
        def forward(self, outputs: Tensor, target: Tensor | None = None) -> Images:
            return Images(outputs)

    with pytest.raises(NotImplementedError, match="Images has no level_cdf"):
        Own((1, 2, 2)).level_cdf(torch.zeros(3, 1, 2, 2), torch.zeros(3, 1, 2, 2))


def test_bits_that_sum_to_more_than_one_by_rounding() -> None:
    """At level 255 the terms below it nearly sum to one, and may pass it in the last digit."""
    torch.manual_seed(0)
    likelihood = likelihoods.create("bitwise_categorical", shape=(1, 100, 1000)).eval()
    outputs = -5 * torch.rand(1, 8, 100, 1000).exp()
    below, above = likelihood.level_cdf(outputs, torch.ones(1, 1, 100, 1000))
    assert (below <= above).all()
    assert (above <= 1).all()

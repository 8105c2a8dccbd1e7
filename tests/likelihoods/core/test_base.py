"""What a likelihood inherits: views of the outputs, and masses from a cdf."""

import math
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor
from torch import distributions as D
from torch.distributions import Distribution

from likelihoods import Likelihood, LikelihoodError, to_levels
from likelihoods.core.grid import quantise

stats: Any = scipy.stats  # typed the same with and without scipy-stubs


class Laplace(Likelihood):
    """The example of the contract."""

    outputs_per_value = 2

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        return D.Independent(D.Laplace(location.sigmoid(), log_scale.exp()), 3)


@pytest.mark.parametrize("censored", [False, True])
def test_default_mass_is_that_of_scipy(censored: bool) -> None:
    torch.manual_seed(0)
    likelihood = Laplace((2, 3, 3))
    outputs = torch.randn(5, 4, 3, 3)
    levels = torch.randint(256, (5, 2, 3, 3))
    levels[0], levels[1] = 0, 255
    location = outputs[:, :2].double().sigmoid().numpy()
    laplace = stats.laplace(location, outputs[:, 2:].double().exp().numpy())
    below, above = (laplace.cdf((levels.numpy() + side) / 255) for side in (-0.5, 0.5))
    total = laplace.cdf(255.5 / 255) - laplace.cdf(-0.5 / 255)
    if censored:
        below, above = np.where(levels == 0, 0, below), np.where(levels == 255, 1, above)
        total = 1
    expected = np.log((above - below) / total).sum((1, 2, 3))
    method = likelihood.log_mass_censored if censored else likelihood.log_mass
    found = method(outputs, levels / 255)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("location", "level"), [(-50.0, 200), (50.0, 55)])
def test_default_mass_is_good_in_tails_that_the_cdf_does_not_resolve(
    location: float, level: int
) -> None:
    likelihood = Laplace((1, 1, 1))
    outputs = torch.tensor([location, -4.0]).view(1, 2, 1, 1)
    scale, distance = math.exp(-4), 200 / 255
    half = 0.5 / 255 / scale
    inside = 1 - math.exp(-0.5 / 255 / scale) / 2  # of the range of the bins, all but one tail
    expected = -distance / scale + math.log(math.sinh(half)) - math.log(inside)
    found = likelihood.log_mass(outputs, torch.tensor(level / 255).view(1, 1, 1, 1)).item()
    assert found < -40
    assert found == pytest.approx(expected, abs=0.01)


class Far(Likelihood):
    """A Gaussian far outside of the range, whose mass there the cdf does not resolve."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        return D.Independent(D.Normal(outputs, 0.1), 3)


def test_default_mass_sums_to_one_where_the_whole_range_is_in_a_tail() -> None:
    levels = (torch.arange(256) / 255).view(256, 1, 1, 1)
    masses = Far((1, 1, 1)).log_mass(torch.full((256, 1, 1, 1), 3.0), levels)
    assert masses.exp().sum().item() == pytest.approx(1, abs=1e-4)
    edges = (np.arange(257) - 0.5) / 255
    tails = stats.norm(3, 0.1).logcdf(edges)
    share = np.exp(tails[1:] - tails[-1]) - np.exp(tails[:-1] - tails[-1])
    np.testing.assert_allclose(masses.exp().numpy(), share, atol=1e-3)


class CutExponential(D.Distribution):
    """p(x) = 40 exp(-40 x) on [0, 1], but for what lies above one."""

    support = D.constraints.unit_interval
    arg_constraints: ClassVar[dict[str, D.constraints.Constraint]] = {}

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.where((value < 0) | (value > 1), -math.inf, math.log(40) - 40 * value)

    def cdf(self, value: Tensor) -> Tensor:
        return -torch.expm1(-40 * value.clamp(0, 1))


class OnAnInterval(Likelihood):
    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        return D.Independent(CutExponential(outputs.shape, validate_args=False), 3)


def test_default_mass_ends_where_the_support_does() -> None:
    """The bins of the end levels are half as wide; their masses are seen from the density too."""
    found = OnAnInterval((1, 1, 1)).log_mass(torch.zeros(2, 1, 1, 1), torch.ones(2, 1, 1, 1))
    expected = -40 + math.log(math.expm1(40 / 510))
    assert found.tolist() == pytest.approx([expected] * 2, abs=0.05)


def test_split_is_a_view_with_the_outputs_of_a_value_outermost() -> None:
    likelihood = Laplace((3, 2, 2))
    for memory_format in (torch.contiguous_format, torch.channels_last):
        outputs = torch.randn(2, 6, 2, 2).contiguous(memory_format=memory_format)
        location, log_scale = likelihood.split(outputs)
        assert torch.equal(location, outputs[:, :3])
        assert torch.equal(log_scale, outputs[:, 3:])
        assert location.data_ptr() == outputs.data_ptr()


def test_defaults() -> None:
    likelihood = Laplace((3, 2, 2))
    assert likelihood.output_channels == 6
    assert likelihood.kl_weight == 1.0
    assert likelihood.variance is None
    assert likelihood.measure == "density"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_of_the_grid(dtype: torch.dtype) -> None:
    levels = torch.arange(256)
    grid = levels.to(dtype) / 255
    assert torch.equal(to_levels(grid), levels)
    off = torch.tensor([-3.0, 0.4 / 255, 0.6 / 255, 2.0], dtype=dtype)
    assert to_levels(quantise(off)).tolist() == [0, 0, 1, 255]


class Joint(D.Normal):
    """One of whole images, with a cdf of values: not what a mass can be made from."""

    def __init__(self, location: Tensor) -> None:
        super().__init__(location, 1.0, validate_args=False)
        self._batch_shape, self._event_shape = location.shape[:1], location.shape[1:]

    def log_prob(self, value: Tensor) -> Tensor:
        values: Tensor = super().log_prob(value)  # type: ignore[no-untyped-call]
        return values.flatten(1).sum(1)


class OfWholeImages(Likelihood):
    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        return Joint(outputs)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_default_mass_refuses_a_distribution_of_whole_images(batch: int) -> None:
    """Also where the shapes would broadcast."""
    outputs = torch.zeros(batch, 1, 4, 4)
    for method in (OfWholeImages((1, 4, 4)).log_mass, OfWholeImages((1, 4, 4)).level_cdf):
        with pytest.raises(LikelihoodError, match="Joint is a distribution of whole images"):
            method(outputs, torch.zeros_like(outputs))


def test_a_target_out_of_range_is_refused() -> None:
    likelihood, x = Laplace((1, 2, 2)), torch.full((3, 1, 2, 2), 255.0)
    with pytest.raises(LikelihoodError, match=r"target of Laplace .*255: expected \[0, 1\]"):
        likelihood(torch.zeros(3, 2, 2, 2), x)

"""The kit integrates a density over the support that its distribution states."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import distributions as D
from torch.distributions import Distribution, constraints

from likelihoods import Likelihood, check
from likelihoods.core.grid import STEP, to_levels
from likelihoods.core.numerics import bin_edges, log_gaussian_mass


class Uniform(Likelihood):
    """Uniform from 0 to a number of each image: a support that is a tensor."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        (high,) = self.split(outputs)
        high = 0.5 + 0.5 * high.sigmoid()
        return D.Independent(D.Uniform(torch.zeros_like(high), high, validate_args=False), 3)


class Peaked(Likelihood):
    """A Gaussian with ln sigma = -6, cut off at 0 and 1, often in the middle of the peak."""

    outputs_per_value = 2

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, side = self.split(outputs)
        location = torch.where(side > 0, location.sigmoid().round(), location.sigmoid())
        return D.Independent(self.values(location), 3)

    def values(self, location: Tensor) -> Distribution:
        return Cut(location)

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        values: Any = self(outputs)
        cut = values.base_dist
        mass = log_gaussian_mass(*bin_edges(x, (0, 1)), cut.loc, cut.scale)
        log_mass: Tensor = (mass - cut.inside().log()).flatten(1).sum(1)
        return log_mass


class Cut(D.Normal):
    support = constraints.unit_interval  # type: ignore[assignment]

    def __init__(self, location: Tensor) -> None:
        super().__init__(location, torch.full_like(location, math.exp(-6)), validate_args=False)

    def inside(self) -> Tensor:
        return self.below(1.0) - self.below(0.0)

    def below(self, value: Tensor | float) -> Tensor:
        mass: Tensor = torch.special.ndtr((value - self.loc) / self.scale)
        return mass

    def cdf(self, value: Tensor) -> Tensor:
        return (self.below(value) - self.below(0.0)) / self.inside()

    def log_prob(self, value: Tensor) -> Tensor:
        gaussian = D.Normal(self.loc, self.scale, validate_args=False).log_prob(value)
        log_prob: Tensor = gaussian - self.inside().log()
        return torch.where((value < 0) | (value > 1), -math.inf, log_prob)


class NotNormalisedInside(Peaked):
    """A Gaussian that says it were on [0, 1]."""

    def values(self, location: Tensor) -> Distribution:
        class Whole(Cut):
            def inside(self) -> Tensor:
                return torch.ones_like(self.loc)

        return Whole(location)


class GoesOnOutside(Peaked):
    def values(self, location: Tensor) -> Distribution:
        class Open(Cut):
            def log_prob(self, value: Tensor) -> Tensor:
                gaussian = D.Normal(self.loc, self.scale, validate_args=False).log_prob(value)
                log_prob: Tensor = gaussian - self.inside().log()
                return log_prob

        return Open(location)


class WrongEndBin(Peaked):
    """Gives half of level 0 to level 1."""

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        level = to_levels(x).double()
        images: Any = self(outputs)
        values = images.base_dist
        lower = torch.where(level == 1, 0.25, level - 0.5).clamp(min=0) * STEP
        upper = torch.where(level == 0, 0.25, level + 0.5).clamp(max=255) * STEP
        mass: Tensor = values.cdf(upper) - values.cdf(lower)
        return mass.clamp(min=1e-300).log().flatten(1).sum(1)


class Refuses(Uniform):
    """Validates, and so raises an error in place of a density of zero."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        (high,) = self.split(outputs)
        return D.Independent(D.Uniform(torch.zeros_like(high), torch.ones_like(high)), 3)


NORMALISED, AGREES = "log_prob is normalised", "mass agrees with log_prob"


@pytest.mark.parametrize("sound", [Uniform, Peaked])
@pytest.mark.parametrize("name", [NORMALISED, AGREES])
def test_a_sound_density_on_an_interval_passes(name: str, sound: type[Likelihood]) -> None:
    result = check.check(name, check.PROPERTIES[name], sound)
    assert result.passed, str(result)


def test_a_value_that_is_refused_has_no_density() -> None:
    result = check.check(NORMALISED, check.PROPERTIES[NORMALISED], Refuses)
    assert result.passed, str(result)


@pytest.mark.parametrize(
    ("name", "defective"),
    [(NORMALISED, NotNormalisedInside), (NORMALISED, GoesOnOutside), (AGREES, WrongEndBin)],
)
def test_defect_at_the_ends_is_found(name: str, defective: type[Likelihood]) -> None:
    result = check.check(name, check.PROPERTIES[name], defective)
    assert result.passed is False, str(result)
    assert "Error" not in result.detail

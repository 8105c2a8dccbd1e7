"""Each defect is found by the property that is meant for it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import distributions as D
from torch.distributions import Distribution

import likelihoods
from likelihoods import Likelihood, check
from likelihoods.check import Factory


class Sound(Likelihood):
    """A Laplace, and nothing wrong with it."""

    outputs_per_value = 2

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        return self.laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return D.Independent(D.Laplace(location, scale, validate_args=False), 3)


class WrongShape(Sound):
    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        return D.Independent(D.Laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp()), 2)


class AnyOutputs(Sound):
    """Takes outputs of a wrong height."""

    def split(self, outputs: Tensor) -> tuple[Tensor, ...]:
        channels = self.shape[0]
        return outputs[:, :channels], outputs[:, channels : 2 * channels]


class ClosedEnds(Sound):
    """Loses the mass beyond black and white."""

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.split(outputs)
        laplace = D.Laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())
        mass: Tensor = laplace.cdf(x + 0.5 / 255) - laplace.cdf(x - 0.5 / 255)
        return mass.clamp(min=1e-30).log().flatten(1).sum(1)


class LaplaceWith(D.Laplace):
    """A Laplace with one thing wrong."""

    def __init__(self, location: Tensor, scale: Tensor, defect: str) -> None:
        super().__init__(location, scale, validate_args=False)
        self._defect = defect

    def log_prob(self, value: Tensor) -> Tensor:
        laplace: Any = super()
        log_prob: Tensor = laplace.log_prob(value)
        return log_prob + (math.log(2) if self._defect == "constant" else 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        scale = self.scale * (2 if self._defect == "cdf" else 1)
        mass: Tensor = D.Laplace(self.loc, scale, validate_args=False).cdf(value)
        return mass

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = super().rsample(sample_shape) - self.loc
        return self.loc + noise * (1.1 if self._defect == "sampler" else 1)

    @property
    def mean(self) -> Tensor:
        return self.loc + (0.02 if self._defect == "mean" else 0)


class Faulty(Sound):
    defect = ""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return D.Independent(LaplaceWith(location, scale, self.defect), 3)


class WrongConstant(Faulty):
    defect = "constant"


class WrongCdf(Faulty):
    defect = "cdf"


class WrongSampler(Faulty):
    defect = "sampler"


class WrongMean(Faulty):
    defect = "mean"


class OpenEnds(Sound):
    """Counts the mass beyond black as if there were levels there."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = self.split(outputs)
        laplace = D.Laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())
        below, above = (laplace.cdf(x + side * 0.5 / 255) for side in (-1, 1))
        return below, above


class HalfALevelOff(Sound):
    """Takes the middle of the bin for its upper edge."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        below, above = super().level_cdf(outputs, x)
        return below, (below + above) / 2


class Falling(Sound):
    """Counts from white to black."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        below, above = super().level_cdf(outputs, x)
        return 1 - above, 1 - below


class WrongPlace(Sound):
    """Gives each value the cdf of another, which no image of one value shows."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().level_cdf(outputs.flip(-1), x)


class WrongChannel(Sound):
    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = outputs.chunk(2, 1)
        return super().level_cdf(torch.cat([location.flip(1), log_scale], 1), x)


class NoCdf(Sound):
    """Nothing wrong: a mass of its own needs no cdf."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class WrongGradient(Sound):
    """Stops the gradient where it matters."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location, scale.detach())


class Overflowing(Sound):
    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        return self.laplace(location.sigmoid(), log_scale.exp())


class Imprecise(Sound):
    """Adds and subtracts a number that float32 cannot carry along."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location, (scale + 1e4) - 1e4 + 1e-3)


class OrderMatters(Sound):
    """Reads memory rather than the tensor."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        if location.stride(-1) != 1:
            location, scale = 1 - location, scale.contiguous()
        return super().laplace(location, scale)


class Forgetful(Sound):
    """Keeps what it learned where state_dict does not see it."""

    def __init__(self, shape: likelihoods.Shape) -> None:
        super().__init__(shape)
        self._scale = torch.ones(())

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, _ = self.split(outputs)
        if self.training and target is not None:
            self._scale = (target - location.sigmoid()).abs().mean().detach()
        return self.laplace(location.sigmoid(), self._scale.expand_as(location))


class Peeking(Sound):
    """Fits its scale to the images it is to score."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        if target is not None:
            log_scale = (target - location.sigmoid()).abs().mean().log().expand_as(log_scale)
        return self.laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())


class BatchNormalised(Sound):
    """Lets the images of a batch see each other."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location, scale.mean(0, keepdim=True).expand_as(scale))


class StillLearning(Sound):
    """Goes on counting in evaluation."""

    seen: Tensor

    def __init__(self, shape: likelihoods.Shape) -> None:
        super().__init__(shape)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        self.seen.add_(1)
        return super().forward(outputs, target)


DEFECTS: dict[str, list[type[Likelihood]]] = {
    "shapes": [WrongShape, AnyOutputs],
    "mass sums to one": [ClosedEnds],
    "log_prob is normalised": [WrongConstant],
    "mass agrees with log_prob": [WrongCdf],
    "samples agree with mass": [WrongSampler],
    "samples agree with mean": [WrongMean],
    "level_cdf agrees with mass": [OpenEnds, HalfALevelOff, Falling],
    "samples agree with level_cdf": [WrongPlace, WrongChannel, HalfALevelOff],
    "gradients": [WrongGradient],
    "finite at extremes": [Overflowing],
    "float32 agrees with float64": [Imprecise],
    "memory layout": [OrderMatters],
    "saved and restored": [Forgetful],
    "no peeking": [Peeking, BatchNormalised, StillLearning],
}


def failures(factory: Factory) -> set[str]:
    return {result.property for result in check.run(factory) if result.passed is False}


def test_a_sound_likelihood_passes() -> None:
    assert failures(Sound) == set()


@pytest.mark.parametrize(
    ("name", "defective"), [(name, cls) for name, many in DEFECTS.items() for cls in many]
)
def test_defect_is_found_by_its_property(name: str, defective: type[Likelihood]) -> None:
    result = check.check(name, check.PROPERTIES[name], defective)
    assert result.passed is False, str(result)


@pytest.mark.parametrize("defective", [WrongPlace, WrongChannel])
def test_a_confusion_of_values_shows_in_no_image_of_one(defective: type[Likelihood]) -> None:
    assert failures(defective) == {"samples agree with level_cdf"}


def test_a_likelihood_without_a_cdf_is_not_held_to_have_one() -> None:
    assert failures(NoCdf) == set()
    skipped = {r.property: r.detail for r in check.run(NoCdf) if r.passed is None}
    assert "not measured" in skipped["level_cdf agrees with mass"]
    assert "not measured" in skipped["samples agree with level_cdf"]


def test_every_property_that_runs_here_has_a_defect() -> None:
    assert set(DEFECTS) == set(check.PROPERTIES) - {"cuda"}


def test_an_exception_is_a_failure_in_one_line() -> None:
    class Broken(Sound):
        def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
            raise RuntimeError("first line\nsecond line")

    results = [result for result in check.run(Broken) if result.passed is not None]
    assert not any(result.passed for result in results)
    assert {result.detail for result in results} == {"RuntimeError: first line"}


def test_random_state_of_the_caller_is_kept() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check.check("shapes", check.PROPERTIES["shapes"], Sound)
    assert torch.equal(torch.rand(3), expected)


def test_result_reads_well() -> None:
    result = check.check("mass sums to one", check.PROPERTIES["mass sums to one"], ClosedEnds)
    assert str(result).startswith("FAIL  mass sums to one: ")
    assert "limit 0.0001" in str(result)

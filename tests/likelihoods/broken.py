"""Likelihoods with one thing wrong each, and the properties of the kit that fail for it.

Where it is more than one, no likelihood with this defect could pass the others; its docstring
says why.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributions as D
from torch.distributions import Distribution

from likelihoods import Likelihood, Shape
from likelihoods.core.distributions import ImageDistribution, sum_image
from likelihoods.core.grid import LEVELS, STEP, to_levels

Class = TypeVar("Class", bound=type[Likelihood])

BROKEN: dict[type[Likelihood], set[str]] = {}
"""Each broken likelihood, and all properties that fail for it."""


def fails(*properties: str) -> Callable[[Class], Class]:
    """Say which properties fail for a class: the one that is meant for its defect first."""

    def add(cls: Class) -> Class:
        BROKEN[cls] = set(properties)
        return cls

    return add


class Sound(Likelihood):
    """A Laplace, and nothing wrong with it."""

    outputs_per_value = 2

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        return self.laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return D.Independent(D.Laplace(location, scale), 3)


class LaplaceWith(D.Laplace):
    """A Laplace with one thing wrong."""

    def __init__(self, location: Tensor, scale: Tensor, defect: str) -> None:
        super().__init__(location, scale)
        self._defect = defect

    def log_prob(self, value: Tensor) -> Tensor:
        laplace: Any = super()
        log_prob: Tensor = laplace.log_prob(value)
        if self._defect == "constant":
            return log_prob + math.log(2)
        if self._defect == "cancellation":
            return (log_prob + 1e4) - 1e4
        if self._defect == "black and white":
            return log_prob + 0 * (value * (1 - value)).abs().log()
        return -log_prob if self._defect == "sign" else log_prob

    def cdf(self, value: Tensor) -> Tensor:
        scale = self.scale * (2 if self._defect == "cdf" else 1)
        mass: Tensor = D.Laplace(self.loc, scale).cdf(value)
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


# Shapes. Nothing else makes sense without them, so nothing else is tried.


@fails("shapes")
class WrongBatchShape(Sound):
    """Leaves the channels in the batch."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return D.Independent(D.Laplace(location, scale), 2)


class Unsummed(D.Independent[D.Laplace]):
    def log_prob(self, value: Tensor) -> Tensor:
        log_prob: Tensor = self.base_dist.log_prob(value)
        return log_prob


@fails("shapes")
class UnsummedLogProb(Sound):
    """Gives a number for each value."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return Unsummed(D.Laplace(location, scale), 3)


@fails("shapes")
class AveragedMass(Sound):
    """Gives one number for the batch, as a loss."""

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        return super().log_mass(outputs, x).mean()


@fails("shapes")
class Unfinished(Sound):
    """Uses what it lacks."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        found: Distribution = self.missing(outputs)  # type: ignore[operator]
        return found


# Normalisation.


@fails("log_prob is normalised", "mass agrees with log_prob")
class UnnormalisedDensity(Faulty):
    """Its density integrates to 2, and its mass to 1: so they cannot agree."""

    defect = "constant"


class WeightedLevels(ImageDistribution):
    def __init__(self, logits: Tensor, factor: float) -> None:
        super().__init__(logits[:, 0])
        self._logits = logits
        self._factor = factor

    @property
    def mean(self) -> Tensor:
        levels = torch.arange(LEVELS, dtype=self._logits.dtype).view(-1, 1, 1, 1) * STEP
        mean: Tensor = (self._logits.softmax(1) * levels).sum(1)
        return mean

    def log_prob(self, value: Tensor) -> Tensor:
        level = to_levels(value).unsqueeze(1)
        log_mass = self._logits.log_softmax(1).expand(len(level), -1, -1, -1, -1)
        return sum_image(log_mass.gather(1, level).squeeze(1) + math.log(self._factor))

    def _draw(self, shape: torch.Size) -> Tensor:
        probabilities = self._logits.movedim(1, -1).softmax(-1)
        level: Tensor = D.Categorical(probabilities).sample(shape[:-4])
        return level * STEP


@fails("mass sums to one", "log_prob is normalised")
class UnnormalisedMass(Likelihood):
    """Its masses sum to 1.05, and so does its log_prob, which is the same."""

    measure = "mass"
    outputs_per_value = LEVELS

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        return WeightedLevels(self.stack(outputs), 1.05)


@fails("mass sums to one", "mass agrees with log_prob")
class ScaledMass(Sound):
    """Its masses sum to 1.05, and its density integrates to 1: so they cannot agree."""

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        return super().log_mass(outputs, x) + math.prod(self.shape) * math.log(1.05)


@fails("mass sums to one", "mass agrees with log_prob", "level_cdf agrees with mass")
class HighBound(ScaledMass):
    """Says that its masses are lower bounds, and they are above."""

    mass_is_bound = True


@fails("mass agrees with log_prob", "samples agree with mass", "level_cdf agrees with mass")
class OpenEndBins(Sound):
    """Gives black and white what lies beyond them, as if its samples were clipped."""

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        return self.log_mass_censored(outputs, x)


@fails("mass sums to one", "mass agrees with log_prob")
class ClosedEnds(Sound):
    """Loses the mass beyond black and white, and is not normalised again."""

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        location, log_scale = self.split(outputs.double())
        laplace = D.Laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())
        mass: Tensor = laplace.cdf(x + STEP / 2) - laplace.cdf(x - STEP / 2)
        # As the default does where the difference cancels.
        density = laplace.log_prob(x.double()) + math.log(STEP)
        log_mass = torch.where(mass > 1e-7, mass.clamp(min=1e-7).log(), density)
        return log_mass.flatten(1).sum(1).to(x.dtype)


@fails(
    "log_prob is normalised",
    "mass sums to one",
    "mass agrees with log_prob",
    "samples agree with mass",
    "level_cdf agrees with mass",
)
class WrongSign(Faulty):
    """Its density grows without bound, and where masses are taken from it they do too."""

    defect = "sign"


# Agreement.


@fails(
    "mass agrees with log_prob",
    "samples agree with mass",
    "samples agree with level_cdf",
)
class WrongCdf(Faulty):
    """Twice as wide as density and samples; the masses are made of it."""

    defect = "cdf"


@fails("samples agree with mass")
class WrongSampler(Faulty):
    """A tenth too wide: what 10^5 samples of one value show, and fewer transforms do not."""

    defect = "sampler"


@fails("samples agree with mean")
class WrongMean(Faulty):
    """Five grey levels too bright."""

    defect = "mean"


@fails("level_cdf agrees with mass")
class OpenEnds(Sound):
    """Counts the mass beyond black and white as if there were levels there."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = self.split(outputs.double())
        laplace = D.Laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())
        below, above = super().level_cdf(outputs, x)
        lower, upper = (laplace.cdf(x + side * STEP / 2) for side in (-1, 1))
        # Half way only, lest the samples show it.
        return below + 1e-5 * (lower - below), above + 1e-5 * (upper - above)


@fails("level_cdf agrees with mass")
class HalfALevelOff(Sound):
    """Takes the middle of the bin for its upper edge."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        below, above = super().level_cdf(outputs, x)
        return below, (below + above) / 2


@fails("level_cdf agrees with mass")
class Falling(Sound):
    """Counts from white to black: its transforms are uniform all the same."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        below, above = super().level_cdf(outputs, x)
        return 1 - above, 1 - below


@fails("samples agree with level_cdf")
class WrongPlace(Sound):
    """Gives each value the cdf of another, which no image of one value shows."""

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().level_cdf(outputs.flip(-1), x)


@fails("samples agree with level_cdf")
class WrongChannel(Sound):
    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        location, log_scale = outputs.chunk(2, 1)
        return super().level_cdf(torch.cat([location.flip(1), log_scale], 1), x)


# Numerics.


@fails("gradients")
class WrongGradient(Sound):
    """Stops the gradient where it matters."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location, scale.detach())


@fails("finite at extremes")
class Overflowing(Sound):
    """Has no scale left for a decoder that is very sure."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        return self.laplace(location.sigmoid(), torch.where(log_scale > -30, log_scale, -1e4).exp())


@fails("finite at extremes", "mass agrees with log_prob")
class NanAtEdges(Faulty):
    """Its density takes the logarithm of x and of 1 - x, which black and white do not have."""

    defect = "black and white"

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        return Sound(self.shape).log_mass(outputs, x)


@fails(
    "finite at extremes",
    "mass sums to one",
    "mass agrees with log_prob",
    "samples agree with mass",
    "level_cdf agrees with mass",
)
class NanMassAtEdges(Faulty):
    """The same where masses are made of that density: there is no sum, nothing to agree with."""

    defect = "black and white"


@fails("float32 agrees with float64")
class Cancelling(Faulty):
    """Adds and subtracts a number that float32 cannot carry along."""

    defect = "cancellation"


@fails("training objective")
class Climbing(Sound):
    """Minimises log_prob."""

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        return -super().reconstruction_loss(distribution, target)


@fails("training objective")
class HalfTrained(Sound):
    """Minimises the squared error, which leaves the scale as it was drawn."""

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        return sum_image((distribution.mean - target).square())


@fails("training objective")
class Exploding(Sound):
    """Weighs each value by its precision, and that once more, which float32 cannot hold."""

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        weight = distribution.stddev.detach().pow(-40)
        return sum_image(weight) * super().reconstruction_loss(distribution, target)


# State, and what it may look at.


@fails("memory layout")
class OrderMatters(Sound):
    """Reads memory rather than the tensor."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        if location.stride(-1) != 1:
            location, scale = 1 - location, scale.contiguous()
        return super().laplace(location, scale)


@fails("saved and restored")
class Forgetful(Sound):
    """Keeps what it learned where state_dict does not see it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self._scale = torch.ones(())

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, _ = self.split(outputs)
        if self.training and target is not None:
            found = (target - location.sigmoid()).abs().mean().detach()
            self._scale = found.float().clamp(min=1e-2)
            return self.laplace(location.sigmoid(), found.clamp(min=1e-2).expand_as(location))
        return self.laplace(location.sigmoid(), self._scale.expand_as(location))


@fails("saved and restored")
class Unpicklable(Sound):
    """Holds a function that has no name."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.squash = lambda values: values.sigmoid()


class Calibrated(Sound):
    """A Laplace whose scale is the mean absolute error, kept for evaluation."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location = self.split(outputs)[0].sigmoid()
        return self.laplace(location, self.scale.expand_as(location))

    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        errors = [(x - self.split(outputs)[0].sigmoid()).abs() for outputs, x in batches]
        self.keep(torch.cat(errors).mean())

    def keep(self, scale: Tensor) -> None:
        self.scale: Tensor = scale


@fails("calibration")
class Accumulates(Calibrated):
    """Mixes what it is given with what it had."""

    def keep(self, scale: Tensor) -> None:
        self.scale = (self.scale + scale) / 2


@fails("calibration")
class Forgets(Calibrated):
    """Keeps its scale where no state_dict finds it."""

    def keep(self, scale: Tensor) -> None:
        self._kept = scale

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location = self.split(outputs)[0].sigmoid()
        return self.laplace(location, getattr(self, "_kept", self.scale).expand_as(location))


@fails("calibration")
class LearnsFromTests(Calibrated):
    """Goes on calibrating in evaluation, once it has been calibrated."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        if target is not None and not self.training and self.scale != 1:
            self.calibrate([(outputs, target)])
        return super().forward(outputs, target)


@fails("no peeking")
class PeeksAtTarget(Sound):
    """Fits its scale to the images that it is to score, in evaluation too."""

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        location, log_scale = self.split(outputs)
        if target is not None:
            error = (target - location.sigmoid()).abs().mean().detach()
            log_scale = error.clamp(min=0.02).log().expand_as(log_scale)
        return self.laplace(location.sigmoid(), log_scale.clamp(-4, 1).exp())


@fails("no peeking")
class PeeksAtNeighbours(Sound):
    """Lets the images of a batch see each other, as batch normalisation does."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location, scale.mean(0, keepdim=True).expand_as(scale))


@fails("no peeking")
class StillLearning(Sound):
    """Goes on counting in evaluation."""

    seen: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        self.seen.add_(1)
        return super().forward(outputs, target)


# On a device. What a GPU shows is to be seen without one.


@fails("any device", "cuda")
class LeftBehind(Sound):
    """Holds a tensor that does not follow it to the device."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self._shift = torch.zeros(1, 1, 1, 1)

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location + self._shift, scale)


@fails("any device", "cuda")
class Waiting(Sound):
    """Asks the device for a number in each step."""

    def laplace(self, location: Tensor, scale: Tensor) -> Distribution:
        return super().laplace(location, scale * (1.0 if scale.mean().item() > 0 else 2.0))

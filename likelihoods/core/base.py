"""The base class of all likelihoods: a module that returns a distribution over images."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from likelihoods.core.contract import (
    VALUES_OF_MEASURE,
    CheckedDistribution,
    Values,
    check_distribution,
    check_images,
    check_shape,
)
from likelihoods.core.distributions import ImageDistribution, sum_image, support_of
from likelihoods.core.grid import LEVELS, STEP, to_levels
from likelihoods.core.numerics import OPEN, RANGE, bin_edges, levels_of_cdf, wide
from likelihoods.core.options import LikelihoodError

Measure = Literal["density", "mass", "unnormalised"]
Shape = tuple[int, int, int]

CANCELLED: Final = 1e-7  # difference of two values of a cdf of which float64 leaves nine digits


class Likelihood(nn.Module):
    """p(x | z) of a decoder, as a lazy distribution.

    A subclass states ``measure`` and ``outputs_per_value``, and writes `forward`. Its options are
    keyword arguments of ``__init__(self, shape, *, ...)``.

    A call, and the ``log_prob`` of the distribution that it returns, check their arguments and
    results: shapes, types and devices always, values of images (in [0, 1], on the 8-bit grid for a
    mass, none nan) on the CPU, where reading them makes nobody wait. `checked_log_mass`,
    `checked_level_cdf` and `checked_reconstruction_loss` do the same for methods that a subclass
    overrides.

    Args:
        shape: (C, H, W) of the images.

    Example:
        >>> import torch
        >>> from torch import distributions as D
        >>> from likelihoods import Likelihood
        >>> class Laplace(Likelihood):
        ...     outputs_per_value = 2
        ...     def forward(self, outputs, target=None):
        ...         location, log_scale = self.split(outputs)
        ...         return D.Independent(D.Laplace(location.sigmoid(), log_scale.exp()), 3)
        >>> likelihood = Laplace((1, 2, 2))
        >>> outputs = torch.zeros(5, likelihood.output_channels, 2, 2)
        >>> likelihood(outputs).log_prob(torch.full((5, 1, 2, 2), 0.5))  # -4 ln 2
        tensor([-2.7726, -2.7726, -2.7726, -2.7726, -2.7726])
    """

    measure: Measure = "density"
    """What ``log_prob`` measures. "unnormalised": no native likelihood is reported."""
    outputs_per_value: int = 1
    """Raw decoder channels for each channel of the image."""
    detached_outputs: int = 0
    """How many of these, the last ones, train the last layer alone, if the network provides it."""
    outputs_per_pixel: int = 0
    """Raw decoder channels beside those, for all channels of a pixel together; they come first."""
    mass_is_bound: bool = False
    """Whether ``log_mass`` is a lower bound, where the probability itself has no closed form."""
    reference: ClassVar[str] = ""
    """Where the likelihood comes from."""

    name: str
    """The registered name, or the name of the class."""
    options: dict[str, Any]
    """The options in force, defaults included, JSON-able."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.name = type(self).__name__
        self.options = {}

    def __call__(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the distribution of `forward`; its ``log_prob`` checks the images.

        Outputs, target or distribution that do not fit the contract raise a LikelihoodError. So
        does, in training mode, a ``log_prob`` with a gradient where one that calibrates had no
        target: what is kept, or nothing, would be trained instead of the calibrated decoder.
        """
        distribution = self._distribution(outputs, target)
        values = VALUES_OF_MEASURE.get(self.measure, "any")
        lacks_target = self.training and target is None and self.calibrates
        return CheckedDistribution(distribution, self.name, values, outputs.device, lacks_target)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return the distribution of the images, of batch shape (B,) and event shape (C, H, W).

        Args:
            outputs: raw decoder channels, (B, output_channels, H, W).
            target: the images being fitted, (B, C, H, W); only calibrating likelihoods use them,
                and only in training mode. Dequantised, they lie up to half a level outside of
                [0, 1].
        """
        raise NotImplementedError(f"forward of {self.name} is not written")

    def reconstruction_loss(self, distribution: Distribution, target: Tensor) -> Tensor:
        """Return what training minimises beside ``kl_weight`` times the KL, (B,), nats an image.

        Here it is -ln p(target), and with it the training objective is the negative ELBO. Override
        it for another objective; evaluation knows the distribution alone. Called once in each
        training step. In training mode it may update buffers, in place, as `forward` may.

        Args:
            distribution: what a call with this target returned.
            target: the images being fitted, (B, C, H, W). Dequantised, they are reflected where
                the support of the distribution ends.
        """
        log_prob: Tensor = distribution.log_prob(target)
        return -log_prob

    def start_from(self, images: Tensor) -> None:
        """Set what is learned to a start that fits training images, (N, C, H, W) in [0, 1].

        Called at most once, before the first step, and only by a training that asks for it. Here
        nothing depends on the data.
        """

    def calibrate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set what evaluation needs to that of training images under the present weights.

        Called without gradients and in evaluation mode, after training and before the points of
        its curve. Averages taken while the weights changed are those of weights that are gone; they
        are replaced, so that the same batches always leave the same state. Here there is nothing
        to set, and the batches, which may cost a pass of the network each, are not asked for.

        Args:
            batches: raw outputs, (B, output_channels, H, W), and the images that they are of,
                (B, C, H, W) on the 8-bit grid; B may differ from one to the next.
        """

    def log_mass(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return the log probability of 8-bit images, in nats, (B,).

        A lower bound of it where ``mass_is_bound``, so that the masses of all images sum to at most
        one. Of a density it is the share of the bins, of width 1/255 around each level, in all that
        the 256 bins hold, from -1/2 to 255 1/2 levels: the density given that the image is one of
        8 bits. So the masses of all images sum to one, and a wide density does not gain from what
        it has outside. The probability of bins and range is the ``log_interval_mass(lower,
        upper)`` of the distribution, (B,) of images or (B, C, H, W) of values, if it has one;
        where that is a lower bound, the range has the upper one ``log_interval_mass_above``. Else
        it is a difference of its ``cdf``, in float64; of a mass below 1e-7, where the difference
        cancels, the density times the part of the bin inside the support. Override it where there
        is no cdf.

        Outputs, (B, output_channels, H, W), or images, (B, C, H, W), that do not fit the contract
        raise a LikelihoodError.
        """
        return self._log_mass(outputs, x, RANGE)

    def log_mass_censored(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return the log probability of 8-bit images with open end bins, in nats, (B,).

        Of a density, levels 0 and 255 get all that lies below and above, as if its samples were
        clipped to [0, 1]. These masses sum to one too, but at an end of the range they reward a
        density for being wide. A mass is what it is. It raises what `log_mass` raises.
        """
        return self._log_mass(outputs, x, OPEN)

    def _log_mass(self, outputs: Tensor, x: Tensor, ends: tuple[float, float]) -> Tensor:
        self._check_images(outputs, x, "log_mass", "grid")
        images = self._distribution(outputs)
        log_mass: Tensor
        if self.measure == "mass":
            log_mass = images.log_prob(x)
        elif hasattr(images, "log_mass"):  # of what is not normalised
            log_mass = images.log_mass(x)
        else:
            if not hasattr(images, "log_interval_mass"):
                images = _Values(_of_values(self._distribution(wide(outputs))))
            lower, upper = bin_edges(x, ends)
            log_mass = images.log_interval_mass(lower, upper)
            if ends == RANGE:
                start, end = (lower.new_full((), edge).expand_as(lower) for edge in RANGE)
                whole = getattr(images, "log_interval_mass_above", images.log_interval_mass)
                log_mass = log_mass - whole(start, end)
            log_mass = log_mass.to(x.dtype)
        self._check_log_mass(outputs, x, log_mass)
        return log_mass

    def level_cdf(self, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of all levels below that of each value, and of it included.

        Each (B, C, H, W), float64 where the device has it. Under the mass of ``log_mass``, of each
        value by itself: where a likelihood couples the values of an image, its marginals, or its
        conditionals given the values before (Rosenblatt 1952). Below level 0 there is probability
        0, up to level 255 there is 1. This default is the distribution's own ``level_cdf`` for
        those of this package, else from the ``cdf`` of values, in float64. Override it where there
        is none.

        Raises:
            NotImplementedError: the distribution has no cdf.
            LikelihoodError: outputs or images do not fit the contract; see `log_mass`.
        """
        self._check_images(outputs, x, "level_cdf", "grid")
        images = self._distribution(outputs)
        if isinstance(images, ImageDistribution):
            return images.level_cdf(x)
        return _Values(_of_values(self._distribution(wide(outputs)))).level_cdf(x)

    @property
    def calibrates(self) -> bool:
        """Whether there is a `calibrate` of its own: then training has to give the target."""
        return type(self).calibrate is not Likelihood.calibrate

    @property
    def family(self) -> str:
        """Name of the file that defines the likelihood, without its ending."""
        return type(self).__module__.partition("@")[0].rpartition(".")[2]  # @: see `resolve`

    @property
    def output_channels(self) -> int:
        """Channels that the decoder has to produce."""
        return self.outputs_per_pixel + self.outputs_per_value * self.shape[0]

    @property
    def kl_weight(self) -> float:
        """Weight of the KL divergence in the training objective."""
        return 1.0

    @property
    def variance(self) -> Tensor | float | None:
        """The present sigma^2 where all values share one, else None."""
        return None

    def stack(self, outputs: Tensor) -> Tensor:
        """Return a view (B, outputs_per_value, C, H, W) of the raw channels, at least float32.

        Outputs of another shape than (B, output_channels, H, W) raise a LikelihoodError.
        """
        of_values = self._floats(outputs)[:, self.outputs_per_pixel :]
        return torch.unflatten(of_values, 1, (self.outputs_per_value, self.shape[0]))

    def shared(self, outputs: Tensor) -> Tensor:
        """Return a view (B, outputs_per_pixel, H, W) of what channels share, at least float32.

        It raises what `stack` raises.
        """
        return self._floats(outputs)[:, : self.outputs_per_pixel]

    def split(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """Return one view (B, C, H, W) of the raw channels for each output of a value (`stack`)."""
        return self.stack(outputs).unbind(1)

    def _distribution(self, outputs: Tensor, target: Tensor | None = None) -> Any:
        """Return what `forward` returns, after a check of its shapes."""
        self._check_outputs(outputs)
        if target is not None:
            self._check_images(outputs, target, "target", "bins")
        distribution = super().__call__(outputs, target)
        check_distribution(distribution, len(outputs), self.shape, self.name)
        return distribution

    def _floats(self, outputs: Tensor) -> Tensor:
        self._check_outputs(outputs)
        is_half = outputs.dtype in (torch.float16, torch.bfloat16)
        return outputs.float() if is_half else outputs  # a grey level is finer than half precision

    def _check_outputs(self, outputs: Tensor) -> None:
        expected = (self.output_channels, *self.shape[1:])
        if outputs.dim() != 4 or tuple(outputs.shape[1:]) != expected:
            of_pixel = f"{self.outputs_per_pixel} for each pixel and " * bool(
                self.outputs_per_pixel
            )
            raise LikelihoodError(
                f"outputs of shape {tuple(outputs.shape)} do not fit {self.name}: expected "
                f"(B, {', '.join(map(str, expected))}), that is {of_pixel}{self.outputs_per_value} "
                f"for each value of an image of shape {self.shape}"
            )
        if not outputs.is_floating_point():
            message = f"outputs of {outputs.dtype} do not fit {self.name}: expected floats"
            raise LikelihoodError(message)

    def _check_images(self, outputs: Tensor, x: Tensor, what: str, values: Values) -> None:
        self._check_outputs(outputs)
        what, batch = f"{what} of {self.name}", len(outputs)
        check_images(x, what, batch, self.shape, device=outputs.device, values=values)

    def _check_log_mass(self, outputs: Tensor, x: Tensor, log_mass: Tensor) -> None:
        expected = torch.broadcast_shapes(outputs.shape[:1], x.shape[:1])
        check_shape(log_mass, expected, f"log_mass of {self.name}", "; sum over the image")

    def __repr__(self) -> str:
        options = "".join(f", {option}={value!r}" for option, value in self.options.items())
        return f"{self.name}(shape={self.shape}{options})"


def checked_log_mass(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> Tensor:
    """Return ``likelihood.log_mass(outputs, x)``, (B,), checked also where it is overridden.

    Outputs, images or a result that do not fit the contract raise a LikelihoodError.
    """
    likelihood._check_images(outputs, x, "log_mass", "grid")
    log_mass = likelihood.log_mass(outputs, x)
    likelihood._check_log_mass(outputs, x, log_mass)
    return log_mass


def checked_reconstruction_loss(
    likelihood: Likelihood, distribution: Distribution, target: Tensor
) -> Tensor:
    """Return ``likelihood.reconstruction_loss(distribution, target)``, (B,), checked.

    A result of another shape raises a LikelihoodError.
    """
    loss = likelihood.reconstruction_loss(distribution, target)
    what = f"reconstruction_loss of {likelihood.name}"
    check_shape(loss, distribution.batch_shape, what, "; sum over the image")
    return loss


def checked_level_cdf(likelihood: Likelihood, outputs: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``likelihood.level_cdf(outputs, x)``, checked also where it is overridden.

    It raises what `Likelihood.level_cdf` raises.
    """
    likelihood._check_images(outputs, x, "level_cdf", "grid")
    return likelihood.level_cdf(outputs, x)


def _of_values(distribution: Distribution) -> Any:
    """Return the distribution of the values, of batch shape (B, C, H, W), of one over images."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    if distribution.event_shape:
        raise LikelihoodError(
            f"{type(distribution).__name__} is a distribution of whole images, so its cdf does not "
            "tell the probability of a grey level: return torch.distributions.Independent(values, "
            "3) of one of values, or write log_mass and level_cdf"
        )
    return distribution


class _Values:
    """Masses of intervals of values, (B, C, H, W), from their cdf and density, in float64."""

    def __init__(self, values: Distribution) -> None:
        self._values = values
        self._support = support_of(values)

    def cdf(self, edge: Tensor) -> Tensor:
        """Return the cdf, also beyond the support and at infinity, where values may not have it."""
        low, high = self._support
        known = edge.nan_to_num(0.0, 0.5, 0.5).maximum(low).minimum(high)
        cdf: Tensor = self._values.cdf(known)
        return torch.where(edge.isinf(), (edge > 0).to(cdf.dtype), cdf)

    def log_interval_mass(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log probability that every value lies between its edges, (B,).

        Waits for the device.
        """
        if hasattr(self._values, "log_interval_mass"):
            return sum_image(self._values.log_interval_mass(lower, upper))
        return sum_image(self._log_masses(lower, upper))

    def level_cdf(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cdf of each 8-bit value without and with its level. Waits for the device."""
        below, above = levels_of_cdf(self.cdf, x)
        start, end = (torch.full_like(below, edge) for edge in RANGE)
        cancelled = self.cdf(end) - self.cdf(start) < CANCELLED
        if cancelled.any():
            total, summed = self._log_masses(start, end), torch.zeros_like(below)
            for level in torch.arange(LEVELS, device=x.device).split(1):
                edges = bin_edges((level * STEP).expand_as(x))
                mass = (self._log_masses(*edges) - total).exp()
                below = torch.where(cancelled & (to_levels(x) == level), summed, below)
                summed = summed + mass
                above = torch.where(cancelled & (to_levels(x) == level), summed, above)
        return below.clamp(0, 1), above.clamp(0, 1)

    def _log_masses(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log mass of each value between its edges, in float64."""
        mass = self.cdf(upper) - self.cdf(lower)
        cancelled = mass < CANCELLED
        masses = mass.clamp(min=CANCELLED).log()
        return (
            torch.where(cancelled, self._sum(lower, upper), masses) if cancelled.any() else masses
        )

    def _sum(self, lower: Tensor, upper: Tensor) -> Tensor:
        """Return the log mass between edges from the density in the middle of each level."""
        (low, high), (start, end) = self._support, RANGE
        lower, upper = (
            edge.clamp(start, end).maximum(low).minimum(high) for edge in (lower, upper)
        )
        width = (upper - lower).clamp(min=0)
        parts = max(1, round(width.max().item() / STEP))
        middles = (lower + width * ((part + 0.5) / parts) for part in range(parts))
        density = torch.stack([self._values.log_prob(middle) for middle in middles])
        return density.logsumexp(0) + (width / parts).log()

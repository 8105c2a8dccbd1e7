"""The bound: what a model says of images that it was not trained on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from bench import seeds
from bench.data import to_float
from bench.models import Model
from bench.spec import RunSpec
from likelihoods import Likelihood, checked_log_mass


@dataclass(frozen=True)
class Bound:
    """Means over images (of video: predicted frames); definitions in docs/metrics.md."""

    nll_nats: float
    """-ELBO in nats per image, native measure; NaN where the likelihood is unnormalised."""
    bits_per_dim: float
    """-ELBO in bits per value, with the exact 8-bit masses."""
    kl_nats: float
    """KL(q(z|x) || p(z)) in nats per image."""
    mse: float
    """Mean squared error of the reconstruction mean, per value, in [0, 1] scale."""
    variance: float
    """Shared sigma^2, in [0, 1] scale squared; NaN where it is not shared."""
    smallest_sigma: float = math.nan
    """Least standard deviation of any value of any image, in [0, 1] scale; NaN where it is not the
    width of a density, or not known."""
    kl_layers_nats: tuple[float, ...] = ()
    """The parts of `kl_nats` of a hierarchical model, the layer nearest to the image first."""
    frames: int = 1
    """Images that are predicted of each item."""

    def columns(self) -> dict[str, float]:
        """Every number under the name of its column."""
        columns = asdict(self)
        layers, frames = columns.pop("kl_layers_nats"), columns.pop("frames")
        columns |= {f"kl_layer_{i}_nats": kl for i, kl in enumerate(layers, start=1)}
        if frames > 1:
            columns["nll_nats_per_sequence"] = frames * self.nll_nats
            columns["kl_nats_per_sequence"] = frames * self.kl_nats
        return columns

    @property
    def is_finite(self) -> bool:
        """Whether the comparable part of the bound exists."""
        return math.isfinite(self.bits_per_dim)


class Scores(NamedTuple):
    """What raw outputs say of images."""

    distribution: Distribution
    log_prob: Tensor  # (N,), nats, native measure
    log_mass: Tensor  # (N,), nats, exact masses of the 8-bit levels


def scores(likelihood: Likelihood, outputs: Tensor, targets: Tensor) -> Scores:
    """Score images (N, C, H, W) under raw outputs, in both measures; a mass is taken once."""
    distribution = likelihood(outputs)
    log_mass = checked_log_mass(likelihood, outputs, targets)
    native = likelihood.measure != "mass"
    return Scores(distribution, distribution.log_prob(targets) if native else log_mass, log_mass)


@torch.no_grad()
def bound(model: Model, items: Tensor, spec: RunSpec, purpose: str) -> Bound:
    """Single-sample ELBO of items uint8 (N, C, H, W) or (N, T, C, H, W), in evaluation mode.

    The posterior noise depends on the seed, `purpose` and the batch alone, so it is the same for
    every likelihood.
    """
    model.eval()
    size, device = spec.evaluation.batch_size, model.device
    totals = torch.zeros((), dtype=torch.float64, device=device)
    smallest = torch.full((), math.inf, device=device)
    count = 0
    for start in range(0, len(items), size):
        x = to_float(items[start : start + size], device)
        noise = seeds.generator(device, spec.seed, "evaluation noise", purpose, start)
        sampled, targets = model(x, noise), model.targets(x)
        distribution, log_prob, log_mass = scores(model.likelihood, sampled.outputs, targets)
        errors = (distribution.mean - targets).square().flatten(1).mean(1)
        layers = () if sampled.kl_layers is None else sampled.kl_layers.unbind(1)
        sums = [part.double().sum() for part in (log_prob, log_mass, sampled.kl, errors, *layers)]
        totals = totals + torch.stack(sums)
        smallest = torch.minimum(smallest, _smallest_sigma(model.likelihood, distribution))
        count += len(targets)
    log_prob_mean, log_mass_mean, kl_mean, mse, *layer_means = (totals / count).tolist()
    normalised = model.likelihood.measure != "unnormalised"
    variance = model.likelihood.variance
    return Bound(
        nll_nats=kl_mean - log_prob_mean if normalised else math.nan,
        bits_per_dim=(kl_mean - log_mass_mean) / (math.prod(model.likelihood.shape) * math.log(2)),
        kl_nats=kl_mean,
        mse=mse,
        variance=math.nan if variance is None else float(variance),
        smallest_sigma=float(smallest),
        kl_layers_nats=tuple(layer_means),
        frames=count // len(items),
    )


def _smallest_sigma(likelihood: Likelihood, distribution: Distribution) -> Tensor:
    if likelihood.measure == "density":
        try:
            return distribution.stddev.min()
        except NotImplementedError:
            pass  # not every distribution knows, and some have none
    return torch.full((), math.nan, device=distribution.mean.device)

"""The importance-weighted bound: a tighter one than the ELBO, from K posterior samples an item."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import reduce

import torch
from torch import Tensor

from bench import seeds
from bench.bound import scores
from bench.data import subset, to_float
from bench.models import Model, Sampled
from bench.spec import RunSpec


@dataclass(frozen=True)
class ImportanceBound:
    """Means over images (of video: predicted frames); definitions in docs/metrics.md."""

    iwae_nats: float
    """Upper bound on -ln p(x) in nats per image, native measure; NaN where it is unnormalised."""
    iwae_bits_per_dim: float
    """The same in bits per value, with the exact 8-bit masses."""
    iwae_elbo_nats: float
    """-ELBO from the same samples of the same images, in nats per image; never below the above."""
    iwae_elbo_bits_per_dim: float
    """The same in bits per value."""
    importance_samples: int
    """K."""
    importance_images: int
    """Images that were scored."""

    def columns(self) -> dict[str, float]:
        """Every number under the name of its column."""
        return asdict(self)

    @property
    def is_finite(self) -> bool:
        """Whether the comparable part of the bound exists."""
        return math.isfinite(self.iwae_bits_per_dim)


@torch.no_grad()
def importance_bound(model: Model, items: Tensor, spec: RunSpec) -> ImportanceBound:
    """Bound ln p(x) of a fixed subset of items by K importance samples each (Burda et al. 2016).

        L_K = E_z1..zK~q(z|x) ln (1/K sum_k p(x|z_k) p(z_k) / q(z_k|x))

    Beside it stands the ELBO from the same weights, 1/K sum_k ln w_k, so that the two differ in
    nothing but the bound. The items are among those of the single-sample ELBO. The noise depends on
    the seed, the batch and the number of the sample alone, so it is the same for every likelihood.
    The weights are summed one sample after the other: memory is that of one.

    Args:
        model: any; it is put into evaluation mode.
        items: uint8 (N, C, H, W) or (N, T, C, H, W), the test part, of which the subset is taken.
        spec: the run; its evaluation says how many items and samples.
    """
    model.eval()
    wanted = spec.evaluation
    samples = wanted.importance_samples
    chosen = subset(items, wanted.importance_images, "test")
    total = torch.zeros(2, 2, dtype=torch.float64, device=model.device)
    count = 0
    for start in range(0, len(chosen), wanted.batch_size):
        x = to_float(chosen[start : start + wanted.batch_size], model.device)
        noises = (
            seeds.generator(model.device, spec.seed, "importance noise", start, sample)
            for sample in range(samples)
        )
        weights = (_log_weight(model, x, noise) for noise in noises)
        log_sum, sum_of_logs = reduce(_add, ((weight, weight) for weight in weights))
        bounds = torch.stack([log_sum - math.log(samples), sum_of_logs / samples])
        total += bounds.sum(dim=2)
        count += len(model.targets(x))
    (nats, mass_nats), (elbo_nats, elbo_mass_nats) = (-total / count).tolist()
    normalised = model.likelihood.measure != "unnormalised"
    bits = 1 / (math.prod(model.likelihood.shape) * math.log(2))
    return ImportanceBound(
        iwae_nats=nats if normalised else math.nan,
        iwae_bits_per_dim=mass_nats * bits,
        iwae_elbo_nats=elbo_nats if normalised else math.nan,
        iwae_elbo_bits_per_dim=elbo_mass_nats * bits,
        importance_samples=samples,
        importance_images=count,
    )


Sums = tuple[Tensor, Tensor]
"""Of weights: the log of their sum, and the sum of their logs."""


def _add(first: Sums, second: Sums) -> Sums:
    return torch.logaddexp(first[0], second[0]), first[1] + second[1]


def _log_weight(model: Model, x: Tensor, noise: torch.Generator) -> Tensor:
    """Return ln p(x|z) p(z) / q(z|x) of one sample, (2, B): native measure and mass."""
    sampled: Sampled = model(x, noise)
    _, *both = scores(model.likelihood, sampled.outputs, model.targets(x))
    log_likelihood = torch.stack([part.double() for part in both])
    of_items: Tensor = log_likelihood.unflatten(1, (len(x), -1)).sum(dim=2)
    return of_items + sampled.log_ratio.double()

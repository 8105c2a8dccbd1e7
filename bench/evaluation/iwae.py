"""The iwae: a tighter bound than the elbo, from K posterior samples an item."""

import math
from dataclasses import asdict, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench import seeds
from bench.data import subset, to_float
from bench.evaluation.base import Measured, Measurement, NotFiniteError, Trained, Trial
from bench.evaluation.elbo import bits_metric, nll_metric, score_images, scoring_seconds
from bench.models import Model, Sampled
from bench.settings import Count
from reports import Metric


@dataclass(frozen=True)
class IwaeEstimate:
    """Means over images (of video: predicted frames), as `METRICS` describes them by these names.

    Nats are NaN where the likelihood is unnormalised; those of the elbo are never below the iwae's.
    """

    iwae_nats: float
    iwae_bits_per_dim: float
    iwae_elbo_nats: float
    iwae_elbo_bits_per_dim: float
    importance_samples: int
    importance_images: int


@torch.no_grad()
def estimate_iwae(
    model: Model, items: Tensor, *, seed: int, samples: int, batch_size: int
) -> IwaeEstimate:
    """Bound ln p(x) of items, uint8 (N, [T,] C, H, W), by K importance `samples` each.

        L_K = E_z1..zK~q(z|x) ln (1/K sum_k p(x|z_k) p(z_k) / q(z_k|x))

    Burda, Grosse & Salakhutdinov (2016), "Importance Weighted Autoencoders", arXiv:1509.00519,
    equation 8. Beside it stands the elbo from the same weights, 1/K sum_k ln w_k, so that the two
    differ in nothing but the bound. The noise depends on the seed, the batch and the number of the
    sample alone, so it is the same for every likelihood. The weights are summed one sample after
    the other: memory is that of one. The model is put into evaluation mode.
    """
    model.eval()
    total = torch.zeros(2, 2, dtype=torch.float64, device=model.device)
    count = 0
    for start in range(0, len(items), batch_size):
        x = to_float(items[start : start + batch_size], model.device)
        sum_of_logs = torch.zeros(2, len(x), dtype=torch.float64, device=model.device)
        log_sum = torch.full_like(sum_of_logs, -math.inf)
        for sample in range(samples):
            noise = seeds.generator(model.device, seed, "importance noise", start, sample)
            log_weight = _log_weight(model, x, noise)
            log_sum = torch.logaddexp(log_sum, log_weight)
            sum_of_logs = sum_of_logs + log_weight
        total += torch.stack([log_sum - math.log(samples), sum_of_logs / samples]).sum(dim=2)
        count += len(model.targets(x))
    (nats, mass_nats), (elbo_nats, elbo_mass_nats) = (-total / count).tolist()
    normalised = model.likelihood.measure != "unnormalised"
    bits = 1 / (math.prod(model.likelihood.shape) * math.log(2))
    return IwaeEstimate(
        iwae_nats=nats if normalised else math.nan,
        iwae_bits_per_dim=mass_nats * bits,
        iwae_elbo_nats=elbo_nats if normalised else math.nan,
        iwae_elbo_bits_per_dim=elbo_mass_nats * bits,
        importance_samples=samples,
        importance_images=count,
    )


_SOURCE = "Burda et al., arXiv:1509.00519, equation 8"

METRICS = (
    nll_metric(
        "iwae_nats",
        "IWAE NLL",
        "the importance-weighted bound of K posterior samples an image: an upper bound on "
        "−ln p(x) that lies below the NLL. Compare at one K only",
        source=_SOURCE,
    ),
    bits_metric(
        "iwae_bits_per_dim",
        "IWAE bits/dim",
        "the importance-weighted bound with the log probability of the 8-bit image, in bits for "
        "each of its values",
        source=_SOURCE,
    ),
    nll_metric(
        "iwae_elbo_nats",
        "ELBO NLL",
        "the NLL on the same images and from the same samples as the importance-weighted bound",
    ),
    bits_metric(
        "iwae_elbo_bits_per_dim",
        "ELBO bits/dim",
        "the bits/dim on the same images and from the same samples",
    ),
    Metric.number_of("importance_samples", "importance samples"),
    Metric.number_of("importance_images", "test images for the importance-weighted bound"),
)


class Iwae(Measurement):
    """The importance-weighted bound, and the elbo from the same weights."""

    name: ClassVar[str] = "iwae"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    importance_samples: Count = 100  # posterior samples K an item
    importance_images: Count = 500  # test items; they are among those of the elbo

    def measure(self, trained: Trained) -> Measured:
        """Take both bounds on a fixed subset of the test part."""
        estimate = estimate_iwae(
            trained.model,
            subset(trained.data.test, self.importance_images, "test"),
            seed=trained.seed,
            samples=self.importance_samples,
            batch_size=self.batch_size,
        )
        if not math.isfinite(estimate.iwae_bits_per_dim):
            raise NotFiniteError("the iwae of test images is not finite")
        return Measured(asdict(estimate))

    def seconds(self, trial: Trial) -> float:
        """Each importance sample of an item is scored as an item of the elbo is."""
        items = min(self.importance_images, len(trial.trained.data.test))
        return self.importance_samples * items * scoring_seconds(trial, self.batch_size)

    def describe(self, items: str) -> str:
        """Numbers of items and samples."""
        samples = f"{self.importance_samples} importance samples"
        return f"{self.importance_images} test {items} with {samples} each"


def _log_weight(model: Model, x: Tensor, noise: torch.Generator) -> Tensor:
    """Return ln p(x|z) p(z) / q(z|x) of one sample, (2, B): native measure and mass."""
    sampled: Sampled = model(x, noise)
    _, *both = score_images(model.likelihood, sampled.outputs, model.targets(x))
    of_items: Tensor = torch.stack(both).double().unflatten(1, (len(x), -1)).sum(dim=2)
    return of_items + sampled.log_ratio.double()

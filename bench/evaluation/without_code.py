"""What decoders reach that know nothing of an image: two rows that each table is read against.

The *mean image* is a Gaussian around the mean training image, of one variance: its error over
training images. The *histogram* is the frequency of each grey level at each value in training
images, one added to each count (Laplace's rule of succession), so that no level is impossible.
Neither has a code, so its KL is 0. They depend on the data alone and are computed once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from bench import seeds
from bench.data import images, subset, to_float
from bench.evaluation.base import Measured, Measurement, Trained, Trial
from bench.evaluation.elbo import bits_metric, nll_metric
from likelihoods import Likelihood, to_levels
from reports import Metric

LEVELS: Final = 256
TRAINING_ITEMS: Final = 50_000  # that mean and histogram are taken from, at most
DIRECTIONS: Final = 1_000  # images that the largest variance of a direction is taken from, at most
AT_ONCE: Final = 500


class MeanImage(Likelihood):
    """A Gaussian of a given variance; its raw outputs are the means themselves."""

    def __init__(self, shape: tuple[int, int, int], *, variance: float = 1.0) -> None:
        super().__init__(shape)
        self._sigma = math.sqrt(variance)

    def forward(self, outputs: Tensor, target: Tensor | None = None) -> Distribution:
        """Return N(x; outputs, variance)."""
        sigma = outputs.new_full((), self._sigma).expand_as(outputs)
        return Independent(Normal(outputs, sigma), 3)


@dataclass(frozen=True, eq=False)
class WithoutCode:
    """Both, fitted to training images."""

    mean: Tensor  # (C, H, W), in [0, 1]
    variance: float
    log_histogram: Tensor  # (256, C, H, W), nats

    def means(self, count: int) -> Tensor:
        """The mean image, as many times: uint8 (count, C, H, W)."""
        image = (255 * self.mean).round().to(torch.uint8)
        return image.expand(count, *image.shape)

    def samples(self, count: int) -> Iterator[Tensor]:
        """Images uint8 (B, C, H, W), `count` in all, every value from its own histogram."""
        weights = self.log_histogram.exp().flatten(1).T.cpu()
        generator = seeds.generator("cpu", 0, "histogram samples")
        for start in range(0, count, AT_ONCE):
            size = min(AT_ONCE, count - start)
            drawn = torch.multinomial(weights, size, replacement=True, generator=generator)
            yield drawn.T.reshape(size, *self.mean.shape).to(torch.uint8)


def fitted(trained: Trained) -> WithoutCode:
    """Mean, variance and histogram of training images (of video, of all frames)."""

    def fit() -> WithoutCode:
        train = subset(trained.data.train, TRAINING_ITEMS, "without code")
        places = LEVELS * torch.arange(math.prod(trained.data.shape), dtype=torch.int32)
        counts = torch.zeros(LEVELS * len(places), dtype=torch.float64)
        for part in train.split(AT_ONCE):
            levels = images(part).flatten(1).cpu() + places
            counts += torch.bincount(levels.flatten(), minlength=len(counts))
        counts = counts.view(-1, LEVELS).T
        x = torch.arange(LEVELS, dtype=torch.float64)[:, None] / (LEVELS - 1)
        total = counts.sum(0)
        mean = (counts * x).sum(0) / total
        variance = (counts * (x - mean).square()).sum() / total.sum()
        log_histogram = ((counts + 1) / (total + LEVELS)).log()
        shape, device = trained.data.shape, trained.data.device
        return WithoutCode(
            mean.view(shape).float().to(device),
            float(variance),
            log_histogram.view(LEVELS, *shape).float().to(device),
        )

    known: WithoutCode = trained.once("without code", fit)
    return known


def principal_variance(trained: Trained) -> float:
    """The largest variance of training images along any direction, in squared units of x."""
    x = images(subset(trained.data.train, DIRECTIONS, "directions"))[:DIRECTIONS]
    x = to_float(x).flatten(1).double()
    x = x - x.mean(0)
    # The products of images have the eigenvalues of the covariance, and are fewer.
    return float(torch.linalg.eigvalsh(x @ x.T / (len(x) - 1))[-1])


@torch.no_grad()
def score(trained: Trained, items: Tensor, batch_size: int) -> dict[str, float]:
    """What both reach on test items, by the names of `METRICS`."""
    known = fitted(trained)
    known_image = MeanImage(trained.data.shape, variance=known.variance).eval()
    totals = torch.zeros(5, dtype=torch.float64)
    count = 0
    for part in items.split(batch_size):
        x = trained.model.targets(to_float(part, trained.data.device))
        outputs = known.mean.expand_as(x)
        by_level = known.log_histogram.gather(0, to_levels(x))
        parts = (
            known_image(outputs).log_prob(x),
            known_image.log_mass(outputs, x),
            known_image.log_mass_censored(outputs, x),
            (x - known.mean).square().flatten(1).mean(1),
            by_level.flatten(1).sum(1),
        )
        totals += torch.stack([each.double().sum() for each in parts]).cpu()
        count += len(x)
    density, mass, censored, mse, histogram = (totals / count).tolist()
    bits = math.prod(trained.data.shape) * math.log(2)
    return {
        "mean_image_nll_nats": -density,
        "mean_image_bits_per_dim": -mass / bits,
        "mean_image_bits_per_dim_censored": -censored / bits,
        "mean_image_mse": mse,
        "histogram_nll_nats": -histogram,
        "histogram_bits_per_dim": -histogram / bits,
        "histogram_bits_per_dim_censored": -histogram / bits,
    }


_MEAN = (
    "of a Gaussian around the mean training image, of the one variance that fits training images"
)
_HISTOGRAM = (
    "of independent values, each with the grey-level histogram of training images at its place, "
    "one added to each count"
)
METRICS = (
    *(
        metric
        for key, name, what in (
            ("mean_image", "mean image", _MEAN),
            ("histogram", "histogram", _HISTOGRAM),
        )
        for metric in (
            nll_metric(f"{key}_nll_nats", f"NLL of the {name}", f"NLL {what}", best=None),
            bits_metric(
                f"{key}_bits_per_dim", f"bits/dim of the {name}", f"bits/dim {what}", best=None
            ),
            bits_metric(
                f"{key}_bits_per_dim_censored",
                f"censored bits/dim of the {name}",
                f"bits/dim, end bins open, {what}",
                best=None,
            ),
        )
    ),
    Metric(
        "mean_image_mse",
        "MSE of the mean image",
        "squared error of the mean training image on test images, mean over the values of an image",
    ),
    Metric(
        "principal_variance",
        "largest variance of a direction",
        "the largest variance of training images along any direction, the first eigenvalue of "
        "their covariance, in squared units of x: a linear decoder with a larger σ² has no use "
        "for a code",
        source="Lucas et al., arXiv:1911.02469, section 4",
    ),
)


class References(Measurement):
    """The mean image and the histogram of each value, on the test images of the elbo."""

    name: ClassVar[str] = "without_code"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    test_images: Annotated[int, Field(ge=0)] = 0
    """Held-out test items; 0 means all of them."""

    def measure(self, trained: Trained) -> Measured:
        """Score both, or take what was computed for another run on the same data."""
        items = subset(trained.data.test, self.test_images, "test")
        frames = trained.model.targets(to_float(items[:1])).shape[0]
        text = f"{trained.data.checksum} without code {self.version} {self.test_images} {frames}"
        key = hashlib.sha256(text.encode()).hexdigest()[:20]
        columns: dict[str, Any] | None = trained.cache.cached(key)
        if columns is None:
            columns = score(trained, items, self.batch_size)
            columns["principal_variance"] = principal_variance(trained)
            trained.cache.cache(key, columns)
        return Measured(columns)

    def seconds(self, trial: Trial) -> float:
        """Nothing worth an estimate: it is computed once for all runs on the same data."""
        del trial
        return 0.0

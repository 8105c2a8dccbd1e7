"""What the latents say of the image, and how far the aggregate posterior is from the prior."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bench import seeds
from bench.data import subset
from bench.evaluation.base import Measured, Measurement, Trained, Trial
from bench.evaluation.latents import posterior_seconds, posteriors
from bench.metrics.information import information
from bench.metrics.latents import active_units
from bench.settings import Count
from reports import Metric

_SURGERY = "Hoffman & Johnson, ELBO surgery, NIPS workshop 2016"

nats_metric = partial(Metric, unit="nats", decimals=2)
METRICS = (
    nats_metric(
        "rate_nats",
        "rate",
        "the KL over the images of the information, the sum of I_e(x;z) and KL(m‖p)",
    ),
    nats_metric(
        "information_nats",
        "I_e(x;z)",
        "mutual information of image and code under the encoder, of the empirical distribution of "
        "N training images; it cannot exceed ln N",
        source=_SURGERY,
    ),
    nats_metric(
        "information_upper_nats",
        "I_e(x;z), upper bound",
        "leave-one-out bound: m(z) without the image whose code is drawn. Of the population the "
        "mutual information lies between I_e(x;z) and this, on average over images",
        source="Poole et al., arXiv:1905.06922, equation 13",
    ),
    nats_metric(
        "marginal_kl_nats",
        "KL(m‖p)",
        "divergence of the aggregate posterior m(z) = E_x q(z|x) of the same images from the "
        "prior: what a sample from the prior misses",
        source=_SURGERY,
    ),
    nats_metric(
        "information_cap_nats", "ln N", "what I_e(x;z) of N images cannot exceed", constant=True
    ),
    Metric.number_of("information_images", "training images for the information"),
    Metric(
        "active_units",
        "active units",
        "latent dimensions whose posterior mean moves between images: variance over images above "
        "0.01",
        decimals=1,
        source="Burda et al., arXiv:1509.00519, section 5.2",
    ),
    Metric.number_of("latent_units", "latent units"),
)


class Information(Measurement):
    """I_e(x;z), KL(m||p) and active units, of models whose code is one factorised Gaussian."""

    name: ClassVar[str] = "information"
    version: ClassVar[int] = 2
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    information_images: Annotated[int, Field(ge=0)] = 2000
    """Training images that the aggregate posterior is over, 0 for all: I_e of their empirical
    distribution is at most the logarithm of their number."""
    information_drawn: Count = 2000
    """Of how many of these latents are drawn."""
    information_samples: Count = 4  # posterior samples of each

    def measure(self, trained: Trained) -> Measured:
        """Estimate both from a fixed subset of the training part."""
        items = subset(trained.data.train, self.information_images, "information")
        posterior = posteriors(trained.model, items, self.batch_size)
        estimate = information(
            *posterior,
            samples=self.information_samples,
            drawn=self.information_drawn,
            generator=seeds.generator("cpu", trained.seed, "information noise"),
        )
        units = {
            "active_units": active_units(posterior.mean),
            "latent_units": posterior.mean.shape[1],
        }
        return Measured({**asdict(estimate), "information_images": len(items), **units})

    def seconds(self, trial: Trial) -> float:
        """Images whose posterior is taken; the densities of the estimate are not counted."""
        every = len(trial.trained.data.train)
        items = min(self.information_images or every, every)
        return items * posterior_seconds(trial, self.batch_size)

    def describe(self, items: str) -> str:
        """Number of items."""
        return f"{self.information_images or 'all'} training {items} for the information"

"""The elbo: what a model says of images that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from bench import seeds
from bench.data import subset, to_float
from bench.evaluation.base import Measured, Measurement, NotFiniteError, Trained, Trial, Values
from bench.models import Model
from bench.settings import Count
from likelihoods import Likelihood, LikelihoodError, checked_log_mass
from reports import Metric


@dataclass(frozen=True)
class ElboEstimate:
    """Means over images (of video: predicted frames), as `METRICS` describes them by these names.

    NaN where there is no such number: the NLL of an unnormalised likelihood, a variance that is not
    shared, a smallest sigma that is not the width of a density, or not known.
    """

    nll_nats: float
    bits_per_dim: float
    bits_per_dim_censored: float
    kl_nats: float
    mse: float
    variance: float
    smallest_sigma: float = math.nan
    kl_layers_nats: tuple[float, ...] = ()
    """The parts of `kl_nats` of a hierarchical model, the layer nearest to the image first."""
    frames: int = 1
    """Images that are predicted of each item."""
    per_item: Mapping[str, Tensor] = field(default_factory=dict, compare=False)
    """"nll_nats" (none of an unnormalised likelihood) and "bits_per_dim" of each item, (n,); of
    video the means over its predicted frames."""

    def columns(self) -> dict[str, float]:
        """Every number under the name of its column."""
        columns = dict(vars(self))
        layers, frames, _ = (columns.pop(key) for key in ("kl_layers_nats", "frames", "per_item"))
        columns |= {f"kl_layer_{i}_nats": kl for i, kl in enumerate(layers, start=1)}
        if frames > 1:
            columns["nll_nats_per_sequence"] = frames * self.nll_nats
            columns["kl_nats_per_sequence"] = frames * self.kl_nats
        return columns


def score_images(
    likelihood: Likelihood, outputs: Tensor, targets: Tensor
) -> tuple[Distribution, Tensor, Tensor]:
    """Score images (N, C, H, W) under raw outputs, in both measures; a mass is taken once.

    Returns:
        The distribution, and (N,) nats each: the log probability in the native measure, and that of
        the exact masses of the 8-bit levels.
    """
    distribution = likelihood(outputs)
    log_mass = checked_log_mass(likelihood, outputs, targets)
    native = likelihood.measure != "mass"
    return distribution, distribution.log_prob(targets) if native else log_mass, log_mass


@torch.no_grad()
def estimate_elbo(
    model: Model, items: Tensor, *, seed: int, batch_size: int, purpose: str
) -> ElboEstimate:
    """Single-sample ELBO of items uint8 (N, C, H, W) or (N, T, C, H, W), in evaluation mode.

    Kingma & Welling (2014), "Auto-Encoding Variational Bayes", arXiv:1312.6114, equation 3. The
    posterior noise depends on the seed, `purpose` and the batch alone, so it is the same for every
    likelihood.
    """
    model.eval()
    device = model.device
    totals = torch.zeros((), dtype=torch.float64, device=device)
    smallest = torch.full((), math.inf, device=device)
    count = 0
    bounds: list[Tensor] = []
    for start in range(0, len(items), batch_size):
        x = to_float(items[start : start + batch_size], device)
        noise = seeds.generator(device, seed, "evaluation noise", purpose, start)
        sampled, targets = model(x, noise), model.targets(x)
        distribution, log_prob, log_mass = score_images(model.likelihood, sampled.outputs, targets)
        errors = (distribution.mean - targets).square().flatten(1).mean(1)
        layers = () if sampled.kl_layers is None else sampled.kl_layers.unbind(1)
        censored = _censored(model.likelihood, sampled.outputs, targets, log_mass)
        parts = (log_prob, log_mass, censored, sampled.kl, errors, *layers)
        sums = [part.double().sum() for part in parts]
        totals = totals + torch.stack(sums)
        sigma = _smallest_sigma(model.likelihood, distribution, smallest)
        smallest = torch.minimum(smallest, sigma)
        count += len(targets)
        of_items = [part.double().view(len(x), -1).sum(1) for part in (log_prob, log_mass)]
        bounds.append(sampled.kl - torch.stack(of_items))
    means = (totals / count).tolist()
    log_prob_mean, log_mass_mean, censored_mean, kl_mean, mse, *layer_means = means
    normalised = model.likelihood.measure != "unnormalised"
    frames, bits = count // len(items), math.prod(model.likelihood.shape) * math.log(2)
    native, exact = torch.cat(bounds, dim=1) / frames
    variance = model.likelihood.variance
    return ElboEstimate(
        nll_nats=kl_mean - log_prob_mean if normalised else math.nan,
        bits_per_dim=(kl_mean - log_mass_mean) / bits,
        bits_per_dim_censored=(kl_mean - censored_mean) / bits,
        kl_nats=kl_mean,
        mse=mse,
        variance=math.nan if variance is None else float(variance),
        smallest_sigma=float(smallest),
        kl_layers_nats=tuple(layer_means),
        frames=frames,
        per_item={"bits_per_dim": exact / bits} | ({"nll_nats": native} if normalised else {}),
    )


def _censored(likelihood: Likelihood, outputs: Tensor, x: Tensor, log_mass: Tensor) -> Tensor:
    """Return the log mass with open end bins, (N,); NaN of a density that does not have it."""
    if likelihood.measure != "density":
        return log_mass
    try:
        return likelihood.log_mass_censored(outputs, x)
    except (NotImplementedError, LikelihoodError):  # it has a log_mass of its own, and no cdf
        return torch.full_like(log_mass, math.nan)


def _smallest_sigma(likelihood: Likelihood, distribution: Distribution, like: Tensor) -> Tensor:
    if likelihood.measure == "density":
        try:
            return distribution.stddev.min()
        except NotImplementedError:
            pass  # not every distribution knows, and some have none
    return torch.full((), math.nan, device=like.device)


nll_metric = partial(Metric, unit="nats/image", decimals=1, best="lowest", native=True)
bits_metric = partial(Metric, decimals=3, best="lowest", of_mass=True)
nats_metric = partial(Metric, unit="nats/image", decimals=2)

_METRICS_OF_A_PART = (
    nll_metric(
        "nll_nats",
        "NLL",
        "negative ELBO, −E_q[ln p(x|z)] + KL(q(z|x)‖p(z)), summed over the values of an image and "
        "averaged over the test images: an upper bound on −ln p(x). It is a *density* of values in "
        "[0, 1] (may be negative) or a *mass* of 8-bit grey levels (never negative). "
        "*Unnormalised*: the decoder's own function is no probability, so it has none",
        source="Kingma & Welling, arXiv:1312.6114, equation 3",
    ),
    bits_metric(
        "bits_per_dim",
        "bits/dim",
        "the same bound with the log probability of the 8-bit image, in bits for each of its "
        "values (height × width × channels). For a density a level has the share of its bin, of "
        "width 1/255, in what lies between −1/2 and 255 1/2 levels. Every decoder can be compared "
        "in it; uniform grey levels have 8",
    ),
    bits_metric(
        "bits_per_dim_censored",
        "censored bits/dim",
        "bits/dim with open end bins: of a density, levels 0 and 255 have all that lies below and "
        "above. It rewards wide densities where images are black or white. The same as bits/dim "
        "for a mass",
    ),
    nats_metric(
        "kl_nats",
        "KL",
        "KL(q(z|x)‖p(z)), summed over latent dimensions, averaged over test images: the rate",
    ),
    nats_metric(
        "kl_layer_{layer}_nats",
        "layer {layer}",
        "the part of the KL of one stochastic layer of a hierarchical model, layer 1 next to the "
        "image; they sum to the KL",
        source="Sønderby et al., arXiv:1602.02282",
    ),
    Metric(
        "mse",
        "MSE",
        "squared error of the reconstruction, the decoder mean at a sampled code: mean over the "
        "values of an image, x in [0, 1]",
    ),
    Metric(
        "variance",
        "variance σ²",
        "the variance of the decoder where one is shared by all pixels, in squared units of x in "
        "[0, 1]",
        source="Rybkin et al., arXiv:2006.13202",
    ),
    Metric(
        "smallest_sigma",
        "smallest σ of a value",
        "the least standard deviation of any value of any image under the decoder, in units of x "
        "in [0, 1]; of densities that know it",
    ),
    nll_metric(
        "nll_nats_per_sequence",
        "NLL",
        "the NLL summed over the predicted frames of a video",
        unit="nats/video",
        source="Denton & Fergus, arXiv:1802.07687, equation 5, given the first frames",
    ),
    Metric(
        "kl_nats_per_sequence",
        "KL",
        "the KL summed over the predicted frames of a video",
        unit="nats/video",
        decimals=2,
    ),
)

METRICS = (
    *_METRICS_OF_A_PART,
    *(
        replace(
            metric,
            key=f"{metric.key}_standard_error",
            name=f"standard error of {metric.name}",
            definition=f"standard error of {metric.name} over the test images (of video: "
            "sequences) of one run; another training is not in it",
            best=None,
            source="",
            own_section=False,
        )
        for metric in _METRICS_OF_A_PART[:2]
    ),
    Metric(
        "sigma",
        "σ",
        "the square root of the variance, in units of x in [0, 1]; a grey level is 1/255 ≈ 0.004",
    ),
    *(
        replace(
            metric,
            key=f"validation_{metric.key}",
            name=f"validation {metric.name}",
            definition="the same on validation images, for selection and curves only",
            best=None,
            source="",
        )
        for metric in _METRICS_OF_A_PART
    ),
    Metric.number_of("test_sequences", "test videos"),
    Metric.number_of("predicted_frames", "predicted frames of each"),
    Metric.number_of("test_images", "test images"),
    Metric.number_of("validation_images", "validation images"),
)


class Elbo(Measurement):
    """The single-sample elbo on test and on validation images, in both units, and its parts."""

    name: ClassVar[str] = "elbo"
    version: ClassVar[int] = 2
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    test_images: Annotated[int, Field(ge=0)] = 0
    """Held-out test items; 0 means all of them."""
    validation_images: Count = 1000
    """Validation items, for selection."""

    def measure(self, trained: Trained) -> Measured:
        """Take the elbo on fixed subsets of the test and of the validation part."""
        data = trained.data
        test = subset(data.test, self.test_images, "test")
        validation = subset(data.validation, self.validation_images, "validation")
        on_test = self._finite(trained, test, "test")
        on_validation = self._finite(trained, validation, "validation")
        per_image = {key: values.float().cpu().numpy() for key, values in on_test.per_item.items()}
        columns = {
            **on_test.columns(),
            **{f"{key}_standard_error": _error(values) for key, values in per_image.items()},
            "sigma": math.sqrt(on_test.variance),
            **{f"validation_{key}": value for key, value in on_validation.columns().items()},
            "test_images": len(test) * on_test.frames,
            "validation_images": len(validation) * on_validation.frames,
        }
        if trained.model.video:
            columns |= {"test_sequences": len(test), "predicted_frames": on_test.frames}
        return Measured(columns, per_image=per_image)

    def _finite(self, trained: Trained, items: Tensor, part: str) -> ElboEstimate:
        estimate = estimate_elbo(
            trained.model, items, seed=trained.seed, batch_size=self.batch_size, purpose=part
        )
        if not math.isfinite(estimate.bits_per_dim):
            raise NotFiniteError(f"the elbo of {part} images is not finite")
        return estimate

    def seconds(self, trial: Trial) -> float:
        """Scored images of both parts."""
        data = trial.trained.data
        items = min(self.test_images or len(data.test), len(data.test))
        items += min(self.validation_images, len(data.validation))
        return items * scoring_seconds(trial, self.batch_size)

    def describe(self, items: str) -> str:
        """Numbers of items."""
        return (
            f"{self.test_images or 'all'} test {items}, one posterior sample each; "
            f"{self.validation_images} validation {items}"
        )


def _error(values: Values) -> float:
    """Standard error of the mean of values (n,); NaN for one alone, or an infinite one."""
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan
    return float(np.std(values, ddof=1, dtype=np.float64) / math.sqrt(len(values)))


def scoring_seconds(trial: Trial, batch_size: int) -> float:
    """Seconds to score one item once."""
    model, seed = trial.trained.model, trial.trained.seed
    score = partial(estimate_elbo, model, seed=seed, batch_size=batch_size, purpose="estimate")
    return trial.seconds("elbo", score)

"""Every number that a run can hold, described once, by the measurement that yields it.

Tables, the glossary of a report, the columns of results.csv and the overview in docs/metrics.md are
made from this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.reference import SUBSETS
from reports import Metric

RUN = (
    Metric("status", "status", "finished, diverged, failed or too large", unit="text"),
    Metric("diverged_step", "diverged at", "first step whose loss was not finite", decimals=0),
    Metric("error", "error", "why a run did not finish, in one line", unit="text"),
    Metric(
        "not_measured", "not measured", "what a finished run lacks, and why of each", unit="text"
    ),
    Metric("measure", "measure", "what the NLL is of: density, mass or unnormalised", unit="text"),
    Metric(
        "outputs_per_value",
        "raw outputs a value",
        "raw decoder channels for each data channel",
        decimals=0,
        constant=True,
    ),
    Metric(
        "parameters",
        "parameters",
        "trainable numbers of encoder, decoder, head and likelihood",
        decimals=0,
        constant=True,
    ),
    Metric("steps", "training steps", "optimiser steps of the protocol", count=True),
    Metric("batch_size", "items in a batch", "images in a step", count=True),
    Metric(
        "step_memory_megabytes",
        "memory of a step",
        "what one training step needs at least: parameters, gradients, the optimiser's state and "
        "what is kept for the backward pass",
        unit="MB",
        constant=True,
    ),
    Metric(
        "train_seconds",
        "training",
        "wall-clock time of the training steps alone; it compares within a report only",
        unit="s",
        decimals=1,
    ),
    Metric(
        "smallest_sigma_reached",
        "smallest σ",
        "the least standard deviation of any value of a validation image at any measured step, "
        "also of a run that diverged, in units of x in [0, 1]",
    ),
    Metric(
        "evaluate_seconds",
        "evaluation",
        "wall-clock time of everything after training",
        unit="s",
        decimals=1,
    ),
    Metric(
        "evaluate_seconds_{part}",
        "evaluation, {part}",
        "the part of the evaluation that one measurement took",
        unit="s",
        decimals=1,
    ),
)

_BOUND = (
    Metric(
        "nll_nats",
        "NLL",
        "negative ELBO, −E_q[ln p(x|z)] + KL(q(z|x)‖p(z)), summed over the values of an image and "
        "averaged over the test images: an upper bound on −ln p(x). It is a *density* of values in "
        "[0, 1] (may be negative) or a *mass* of 8-bit grey levels (never negative). "
        "*Unnormalised*: the decoder's own function is no probability, so it has none",
        unit="nats/image",
        decimals=1,
        best="lowest",
        native=True,
        source="Kingma & Welling, arXiv:1312.6114, equation 3",
    ),
    Metric(
        "bits_per_dim",
        "bits/dim",
        "the same bound with the log probability of the 8-bit image, in bits for each of its "
        "values (height × width × channels). For a density it is the mass in the bin of width "
        "1/255 around each level, end bins open. Every decoder can be compared in it; uniform grey "
        "levels have 8",
        decimals=3,
        best="lowest",
    ),
    Metric(
        "kl_nats",
        "KL",
        "KL(q(z|x)‖p(z)), summed over latent dimensions, averaged over test images: the rate, the "
        "sum of I_e(x;z) and KL(m‖p) where all three are taken on the same images",
        unit="nats/image",
        decimals=2,
    ),
    Metric(
        "kl_layer_{layer}_nats",
        "layer {layer}",
        "the part of the KL of one stochastic layer of a hierarchical model, layer 1 next to the "
        "image; they sum to the KL",
        unit="nats/image",
        decimals=2,
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
    Metric(
        "nll_nats_per_sequence",
        "NLL",
        "the NLL summed over the predicted frames of a video",
        unit="nats/video",
        decimals=1,
        best="lowest",
        native=True,
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

ELBO = (
    *_BOUND,
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
        for metric in _BOUND
    ),
    Metric("test_sequences", "test videos", "videos that the bound is of", count=True),
    Metric(
        "predicted_frames",
        "predicted frames of each",
        "frames that are predicted of each video",
        count=True,
    ),
    Metric("test_images", "test images", "test images (of video: frames) of the bound", count=True),
    Metric(
        "validation_images",
        "validation images",
        "validation images (of video: frames) of the bound",
        count=True,
    ),
)

CALIBRATION = (
    Metric(
        "calibration_error",
        "calibration error",
        "mean distance |F(p) − p| of the distribution F of u from the uniform one over p = 0.05, "
        "0.10, ... 0.95; u is the cdf of a test value under p(x|z), z ~ q(z|x), at a random place "
        "within its own grey level (pit). 0 to 0.5",
        decimals=4,
        best="lowest",
        source="after Kuleshov et al., arXiv:1807.00263, section 3.5",
    ),
    Metric(
        "coverage_{c}_percent",
        "in {c} % interval",
        "how many percent of the test values have u within the central c percent; a calibrated "
        "decoder has c",
        unit="%",
        decimals=1,
    ),
    Metric(
        "pit_{bin}",
        "u in bin {bin}",
        "share of the test values with u in one of equal bins of [0, 1]; equal shares are best",
    ),
    Metric(
        "calibration_images",
        "test images for the calibration",
        "test images (of video: frames) of the calibration",
        count=True,
    ),
    Metric("calibration_absent", "no calibration", "why it was not measured", unit="text"),
)

_IWAE = "Burda et al., arXiv:1509.00519, equation 8"

IWAE = (
    Metric(
        "iwae_nats",
        "IWAE NLL",
        "the importance-weighted bound of K posterior samples an image: an upper bound on "
        "−ln p(x) that lies below the NLL. Compare at one K only",
        unit="nats/image",
        decimals=1,
        best="lowest",
        native=True,
        source=_IWAE,
    ),
    Metric(
        "iwae_bits_per_dim",
        "IWAE bits/dim",
        "the importance-weighted bound with the log probability of the 8-bit image, in bits for "
        "each of its values",
        decimals=3,
        best="lowest",
        source=_IWAE,
    ),
    Metric(
        "iwae_elbo_nats",
        "ELBO NLL",
        "the NLL on the same images and from the same samples as the importance-weighted bound",
        unit="nats/image",
        decimals=1,
        best="lowest",
        native=True,
    ),
    Metric(
        "iwae_elbo_bits_per_dim",
        "ELBO bits/dim",
        "the bits/dim on the same images and from the same samples as the importance-weighted "
        "bound",
        decimals=3,
        best="lowest",
    ),
    Metric("importance_samples", "importance samples", "K, posterior samples an image", count=True),
    Metric(
        "importance_images",
        "test images for the importance-weighted bound",
        "test images (of video: frames) of the importance-weighted bound",
        count=True,
    ),
)

_SURGERY = "Hoffman & Johnson, ELBO surgery, NIPS workshop 2016"

INFORMATION = (
    Metric(
        "rate_nats",
        "rate",
        "the KL over the images of the information, the sum of I_e(x;z) and KL(m‖p)",
        unit="nats",
        decimals=2,
    ),
    Metric(
        "information_nats",
        "I_e(x;z)",
        "mutual information of image and code under the encoder, estimated over N images; the "
        "estimate cannot exceed ln N",
        unit="nats",
        decimals=2,
        source=_SURGERY,
    ),
    Metric(
        "marginal_kl_nats",
        "KL(m‖p)",
        "divergence of the aggregate posterior m(z) = E_x q(z|x) from the prior: what a sample "
        "from the prior misses",
        unit="nats",
        decimals=2,
        source=_SURGERY,
    ),
    Metric(
        "information_cap_nats",
        "ln N",
        "what the estimate of I_e(x;z) cannot exceed",
        unit="nats",
        decimals=2,
        constant=True,
    ),
    Metric(
        "information_images",
        "test images for the information",
        "N, test images of the information",
        count=True,
    ),
    Metric(
        "active_units",
        "active units",
        "latent dimensions whose posterior mean moves between images: variance over images above "
        "0.01",
        decimals=1,
        source="Burda et al., arXiv:1509.00519, section 5.2",
    ),
    Metric("latent_units", "latent units", "latent dimensions", count=True),
    Metric("information_absent", "no information", "why it was not measured", unit="text"),
)

PROBE = (
    Metric(
        "probe_accuracy",
        "probe accuracy",
        "share of test images whose class a linear classifier reads off the posterior mean",
        decimals=3,
        best="highest",
        source="Alain & Bengio, arXiv:1610.01644",
    ),
    Metric(
        "probe_images",
        "training images for the probe",
        "training images that the probe was fitted on",
        count=True,
    ),
    Metric(
        "probe_test_images",
        "test images for the probe",
        "test images that the probe was scored on",
        count=True,
    ),
    Metric("probe_absent", "no probe", "why it was not measured", unit="text"),
)

QUALITY_SIZES = (
    Metric(
        "frechet_images",
        "generated images (means)",
        "generated images of a Frechet distance",
        count=True,
    ),
    Metric("sample_images", "samples", "samples x ~ p(x|z) of a Frechet distance", count=True),
    Metric(
        "frechet_reference_images",
        "test images",
        "images of the test part that generated ones are set against",
        count=True,
    ),
    Metric(
        "manifold_images",
        "generated images in all but the Frechet distances",
        "generated images of kernel distances, precision and the rest",
        count=True,
    ),
    Metric(
        "manifold_sample_images",
        "samples in the kernel distance",
        "samples x ~ p(x|z) of a kernel distance",
        count=True,
    ),
    Metric(
        "manifold_reference_images",
        "test images in the same",
        "test images of kernel distances, precision and the rest",
        count=True,
    ),
    Metric(
        "frechet_floor_images",
        "images in each half of the test part",
        "images in each half of the floor of a Frechet distance",
        count=True,
    ),
    Metric(
        "kernel_floor_images",
        "of each half in the floor of the kernel distance",
        "images of each half in the floor of a kernel distance",
        count=True,
    ),
)

_HALVES = "the same between two random halves of the test part"
_SHARES = (
    (
        "precision",
        "share of generated images inside the ball of some test image (fidelity); the ball of an "
        "image reaches its third nearest of its own kind, in the features",
        "Kynkäänniemi et al., arXiv:1904.06991",
        "share of generated images (means) in the ball of some test image",
    ),
    (
        "recall",
        "share of test images inside the ball of some generated one (diversity)",
        "Kynkäänniemi et al., arXiv:1904.06991",
        "share of test images in the ball of some generated one",
    ),
    (
        "density",
        "mean number of balls of test images around a generated one, over k = 5 (fidelity; may "
        "exceed 1); these balls reach the fifth nearest test image",
        "Naeem et al., arXiv:2002.09797",
        "mean number of balls of test images around a generated one, over k",
    ),
    (
        "coverage",
        "share of test images with a generated one in their ball (diversity)",
        "Naeem et al., arXiv:2002.09797",
        "share of test images with a generated one in their ball",
    ),
)
"""Name, definition, source and protocol of each share."""


def quality_metrics(
    name: str, column: str, heading: str, kernel_column: str, kernel_heading: str
) -> tuple[Metric, ...]:
    """Return what is measured of generated images with one feature extractor.

    Args:
        name: of the extractor.
        column: key of its Frechet distance.
        heading: what tables call that.
        kernel_column: key of its kernel distance.
        kernel_heading: what tables call that.
    """
    return (
        *_frechet(name, column, heading),
        *_kernel(name, kernel_column, kernel_heading),
        *_manifold(name),
    )


def _variant(metric: Metric, suffix: str, name: str, definition: str, **changes: Any) -> Metric:
    """Return what is measured like a metric but on something else; it is no headline."""
    plain: dict[str, Any] = {"headline": False, "floor": None, "source": ""}
    return replace(
        metric, key=f"{metric.key}_{suffix}", name=name, definition=definition, **plain | changes
    )


def _frechet(name: str, key: str, heading: str) -> tuple[Metric, ...]:
    distance = Metric(
        key,
        heading,
        "Frechet distance, the squared 2-Wasserstein distance of two Gaussians fitted to features "
        "of generated and of test images; no unit. Only with the Inception network is it called "
        "FID. Values compare only under one protocol",
        best="lowest",
        headline=True,
        floor=f"{key}_floor",
        features=name,
        source="Heusel et al., arXiv:1706.08500, equation 6",
        protocol="generated images (decoder means of latents from the prior, rounded to 8 bits; of "
        "video, predicted frames) against all images of the test part",
    )
    samples = _variant(
        distance,
        "samples",
        f"{heading} of samples",
        "the Frechet distance of samples x ~ p(x|z), which have the noise of the decoder's "
        "distribution",
        protocol="the same of samples x ~ p(x|z) of the same latents, clipped to [0, 1] and "
        "rounded; of video, each frame drawn given the means before it",
    )
    floor = _variant(
        distance,
        "floor",
        f"{heading}, floor",
        "the Frechet distance of two random halves of the test part, below which no model can be "
        "told apart from the data",
        best=None,
        protocol=_HALVES,
    )
    return distance, samples, floor


def _kernel(name: str, key: str, heading: str) -> tuple[Metric, ...]:
    distance = Metric(
        key,
        heading,
        "kernel distance, a squared maximum mean discrepancy of features of generated and of test "
        "images, of a cubic kernel; no unit. Its estimate is unbiased, so it may be negative. Only "
        "with the Inception network is it called KID",
        best="lowest",
        floor=f"{key}_floor",
        features=name,
        source="Bińkowski et al., arXiv:1801.01401, section 4",
        protocol=f"mean over at most {SUBSETS} disjoint random subsets",
    )
    samples = _variant(
        distance,
        "samples",
        f"{heading} of samples",
        "the kernel distance of samples x ~ p(x|z)",
    )
    floor = _variant(
        distance,
        "floor",
        f"{heading}, floor",
        "the kernel distance of two random halves of the test part",
        best=None,
        protocol=_HALVES,
    )
    errors = (
        _variant(
            metric,
            "standard_error",
            f"standard error of {metric.name}",
            "standard error of a kernel distance over new images, of one run",
            best=None,
            floor=f"{key}_floor_standard_error" if metric is distance else None,
            protocol="from the spread of these subsets: over new images, of one model",
        )
        for metric in (distance, samples, floor)
    )
    pairs = zip((distance, samples, floor), errors, strict=True)
    return tuple(metric for pair in pairs for metric in pair)


def _manifold(name: str) -> tuple[Metric, ...]:
    expected = Metric(
        f"expected_coverage_{name}",
        "expected coverage",
        "coverage of a perfect model, on average",
        decimals=3,
        features=name,
        source="Naeem et al., arXiv:2002.09797",
        protocol="from the numbers of images alone",
    )
    shares = (
        Metric(
            f"{share}_{name}",
            share,
            definition,
            decimals=3,
            best="highest",
            floor=expected.key if share == "coverage" else None,
            features=name,
            source=source,
            protocol=protocol,
        )
        for share, definition, source, protocol in _SHARES
    )
    return (*shares, expected)


_BEST_OF = "Denton & Fergus, arXiv:1802.07687, section 4"

SIMILARITY = (
    Metric(
        "ssim_best_of_n",
        "SSIM",
        "structural similarity of predicted with true frames (Wang et al. 2004), mean over frames, "
        "of the most similar of n predictions of a test video",
        decimals=3,
        best="highest",
        source=_BEST_OF,
    ),
    Metric(
        "psnr_best_of_n_db",
        "PSNR",
        "squared error of predicted frames in decibels, mean over frames, of the most similar of n "
        "predictions of a test video",
        unit="dB",
        decimals=2,
        best="highest",
        source=_BEST_OF,
    ),
    Metric("best_of", "predictions of a video", "n, of which the best one counts", count=True),
    Metric("best_of_videos", "predicted test videos", "test videos that are predicted", count=True),
)

PICTURES = (
    Metric(
        "shown_frames",
        "shown frames",
        "numbers of the frames in a row of pictures, counted from 1",
        unit="text",
    ),
)

CATALOGUE: dict[str, tuple[Metric, ...]] = {
    "run": RUN,
    "elbo": ELBO,
    "calibration": CALIBRATION,
    "iwae": IWAE,
    "information": INFORMATION,
    "probe": PROBE,
    "quality": QUALITY_SIZES,
    "similarity": SIMILARITY,
    "pictures": PICTURES,
}
"""Measurement -> what it yields. Generated images: see `quality_metrics` for each extractor."""


def metrics(quality: Sequence[Metric] = ()) -> tuple[Metric, ...]:
    """Return every metric, in the order of results.csv; `quality`: those of the extractors."""
    return tuple(
        metric
        for name, own in CATALOGUE.items()
        for metric in (*own, *(quality if name == "quality" else ()))
    )

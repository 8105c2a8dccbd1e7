"""The metrics of sample quality, for any feature extractor."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.reference import SUBSETS
from bench.metrics.features import Description
from reports import Metric

_REST = "kernel distances, precision, recall, density and coverage"
SIZES = (
    Metric.number_of("frechet_images", "generated images (means)"),
    Metric.number_of("sample_images", "samples", "samples x ~ p(x|z) of a Frechet distance"),
    Metric.number_of(
        "frechet_reference_images", "test images", "test images of a Frechet distance"
    ),
    Metric.number_of(
        "manifold_images",
        "generated images in all but the Frechet distances",
        f"generated images (means) of {_REST}",
    ),
    Metric.number_of("manifold_sample_images", "samples in the kernel distance"),
    Metric.number_of(
        "manifold_reference_images", "test images in the same", f"test images of {_REST}"
    ),
    Metric.number_of("frechet_floor_images", "images in each half of the test part"),
    Metric.number_of(
        "kernel_floor_images",
        "of each half in the floor of the kernel distance",
        "images of each half in the floor of a kernel distance",
    ),
)
_HALVES = "the same between two random halves of the test part"
_BALLS = "the ball of an image reaches its third nearest of its own kind, in the features"
_KYNKAANNIEMI = "Kynkäänniemi et al., arXiv:1904.06991"
_NAEEM = "Naeem et al., arXiv:2002.09797"
_SHARES = (
    (
        "precision",
        f"share of generated images (means) in the ball of some test image (fidelity); {_BALLS}",
        _KYNKAANNIEMI,
    ),
    ("recall", "share of test images in the ball of some generated one", _KYNKAANNIEMI),
    (
        "density",
        "mean number of balls of test images around a generated one, over k = 5 (fidelity; may "
        "exceed 1); these balls reach the fifth nearest test image",
        _NAEEM,
    ),
    ("coverage", "share of test images with a generated one in their ball (diversity)", _NAEEM),
)


def metrics_of(extractor: Description) -> tuple[Metric, ...]:
    """Return what is measured of generated images with one feature extractor."""
    frechet = Metric(
        extractor.column,
        extractor.heading,
        "Frechet distance, the squared 2-Wasserstein distance of two Gaussians fitted to features "
        "of generated and of test images; no unit. Only with the Inception network is it called "
        "FID. Values compare only under one protocol",
        best="lowest",
        headline=True,
        features=extractor.name,
        source="Heusel et al., arXiv:1706.08500, equation 6",
        protocol="generated images (decoder means of latents from the prior, rounded to 8 bits; of "
        "video, predicted frames) against all images of the test part",
    )
    kernel = Metric(
        extractor.kernel_column,
        extractor.kernel_heading,
        "kernel distance, a squared maximum mean discrepancy of features of generated and of test "
        "images, of a cubic kernel; no unit. Its estimate is unbiased, so it may be negative. Only "
        "with the Inception network is it called KID",
        best="lowest",
        features=extractor.name,
        source="Bińkowski et al., arXiv:1801.01401, section 4",
        protocol=f"mean over at most {SUBSETS} disjoint random subsets",
    )
    noisy = (
        "the same of samples x ~ p(x|z) of the same latents, clipped to [0, 1] and rounded; of "
        "video, each frame drawn given the means before it"
    )
    kernels = _with_samples_and_floor(kernel, kernel.protocol)
    return (
        *_with_samples_and_floor(frechet, noisy),
        *(each for distance in kernels for each in (distance, _standard_error(distance))),
        *_shares(extractor.name),
    )


def _with_samples_and_floor(distance: Metric, of_samples: str) -> tuple[Metric, ...]:
    """A distance of decoder means, that of samples, and that of halves of the test part."""
    plain = replace(distance, headline=False, source="")
    samples = replace(
        plain,
        key=f"{distance.key}_samples",
        name=f"{distance.name} of samples",
        definition=f"{distance.name} of samples x ~ p(x|z), which have the decoder's noise",
        protocol=of_samples,
    )
    floor = replace(
        plain,
        key=f"{distance.key}_floor",
        name=f"{distance.name}, floor",
        definition=f"{distance.name} of two random halves of the test part, below which no model "
        "can be told apart from the data",
        best=None,
        protocol=_HALVES,
    )
    return replace(distance, floor=floor.key), samples, floor


def _standard_error(kernel: Metric) -> Metric:
    return replace(
        kernel,
        key=f"{kernel.key}_standard_error",
        name=f"standard error of {kernel.name}",
        definition=f"standard error of {kernel.name} over new images, of one run",
        best=None,
        floor=kernel.floor and f"{kernel.floor}_standard_error",
        source="",
        protocol=_HALVES
        if kernel.key.endswith("_floor")
        else "from the spread of these subsets: over new images, of one model",
    )


def _shares(extractor: str) -> tuple[Metric, ...]:
    expected = Metric(
        f"expected_coverage_{extractor}",
        "expected coverage",
        "coverage of a perfect model, on average",
        decimals=3,
        features=extractor,
        source=_NAEEM,
        protocol="from the numbers of images alone",
    )
    shares = (
        replace(
            expected,
            key=f"{share}_{extractor}",
            name=share,
            definition=definition,
            best="highest",
            floor=expected.key if share == "coverage" else None,
            source=source,
            protocol=definition.partition(";")[0],
        )
        for share, definition, source in _SHARES
    )
    return (*shares, expected)

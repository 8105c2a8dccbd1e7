"""The metrics of sample quality, for any feature extractor."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.reference import SUBSETS
from bench.metrics.features import Description
from reports import Metric

SIZES = (
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


def metrics_of(extractor: Description) -> tuple[Metric, ...]:
    """Return what is measured of generated images with one feature extractor."""
    name = extractor.name
    return (
        *_frechet(name, extractor.column, extractor.heading),
        *_kernel(name, extractor.kernel_column, extractor.kernel_heading),
        *_manifold(name),
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
    return (
        distance,
        replace(
            distance,
            key=f"{key}_samples",
            name=f"{heading} of samples",
            definition="the Frechet distance of samples x ~ p(x|z), which have the noise of the "
            "decoder's distribution",
            headline=False,
            floor=None,
            source="",
            protocol="the same of samples x ~ p(x|z) of the same latents, clipped to [0, 1] and "
            "rounded; of video, each frame drawn given the means before it",
        ),
        replace(
            distance,
            key=f"{key}_floor",
            name=f"{heading}, floor",
            definition="the Frechet distance of two random halves of the test part, below which no "
            "model can be told apart from the data",
            best=None,
            headline=False,
            floor=None,
            source="",
            protocol=_HALVES,
        ),
    )


def _kernel(name: str, key: str, heading: str) -> tuple[Metric, ...]:
    subsets = f"mean over at most {SUBSETS} disjoint random subsets"
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
        protocol=subsets,
    )
    error = replace(
        distance,
        key=f"{key}_standard_error",
        name=f"standard error of {heading}",
        definition="standard error of a kernel distance over new images, of one run",
        best=None,
        floor=f"{key}_floor_standard_error",
        source="",
        protocol="from the spread of these subsets: over new images, of one model",
    )
    samples = replace(
        distance,
        key=f"{key}_samples",
        name=f"{heading} of samples",
        definition="the kernel distance of samples x ~ p(x|z)",
        floor=None,
        source="",
    )
    floor = replace(
        distance,
        key=f"{key}_floor",
        name=f"{heading}, floor",
        definition="the kernel distance of two random halves of the test part",
        best=None,
        floor=None,
        source="",
        protocol=_HALVES,
    )
    return (
        distance,
        error,
        samples,
        replace(
            error,
            key=f"{samples.key}_standard_error",
            name=f"standard error of {samples.name}",
            floor=None,
        ),
        floor,
        replace(
            error,
            key=f"{floor.key}_standard_error",
            name=f"standard error of {floor.name}",
            floor=None,
            protocol=_HALVES,
        ),
    )


def _manifold(name: str) -> tuple[Metric, ...]:
    precision = "Kynkäänniemi et al., arXiv:1904.06991"
    density = "Naeem et al., arXiv:2002.09797"
    shares = (
        (
            "precision",
            "share of generated images inside the ball of some test image (fidelity); the ball of "
            "an image reaches its third nearest of its own kind, in the features",
            precision,
            "share of generated images (means) in the ball of some test image",
        ),
        (
            "recall",
            "share of test images inside the ball of some generated one (diversity)",
            precision,
            "share of test images in the ball of some generated one",
        ),
        (
            "density",
            "mean number of balls of test images around a generated one, over k = 5 (fidelity; may "
            "exceed 1); these balls reach the fifth nearest test image",
            density,
            "mean number of balls of test images around a generated one, over k",
        ),
        (
            "coverage",
            "share of test images with a generated one in their ball (diversity)",
            density,
            "share of test images with a generated one in their ball",
        ),
    )
    expected = f"expected_coverage_{name}"
    return (
        *(
            Metric(
                f"{share}_{name}",
                share,
                definition,
                decimals=3,
                best="highest",
                floor=expected if share == "coverage" else None,
                features=name,
                source=source,
                protocol=protocol,
            )
            for share, definition, source, protocol in shares
        ),
        Metric(
            expected,
            "expected coverage",
            "coverage of a perfect model, on average",
            decimals=3,
            features=name,
            source=density,
            protocol="from the numbers of images alone",
        ),
    )

"""How the columns of bench.quality are printed: headings, protocols, and what is better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from bench.reference import SUBSETS
from reports import Features, Measure

SIZES = {
    "frechet_images": "generated images (means)",
    "sample_images": "samples",
    "frechet_reference_images": "test images",
    "manifold_images": "generated images in all but the Frechet distances",
    "manifold_reference_images": "test images in the same",
    "frechet_floor_images": "images in each half of the test part",
    "kernel_floor_images": "of each half in the floor of the kernel distance",
}
SHARES = {
    "precision": "share of generated images (means) in the ball of some test image",
    "recall": "share of test images in the ball of some generated one",
    "density": "mean number of balls of test images around a generated one, over k",
    "coverage": "share of test images with a generated one in their ball",
}
HEADLINES = ("frechet_images", "frechet_reference_images", "data_set")


def quality(plan: Mapping[str, Any], table: pd.DataFrame) -> list[Features]:
    """What the results hold of generated images, in a plan's features."""
    counts = _counts(table)
    return [
        Features(name, features["protocol"], list(_measures(name, features, counts)), SIZES)
        for name, features in plan["features"].items()
        if counts
    ]


def _measures(name: str, features: Mapping[str, str], counts: str) -> Iterator[Measure]:
    frechet, kernel = features["column"], features["kernel_column"]
    heading, kernel_heading = features["heading"], features["kernel_heading"]
    yield Measure(
        frechet,
        heading,
        "generated images (decoder means of latents from the prior, rounded to 8 bits; of video, "
        f"predicted frames) against all images of the test part: {counts}",
        headline=True,
        ideal=f"{frechet}_floor",
    )
    yield Measure(
        f"{frechet}_samples",
        f"{heading} of samples",
        "the same of samples x ~ p(x|z) of the same latents, clipped to [0, 1] and rounded; of "
        "video, each frame drawn given the means before it",
    )
    kernels = f"mean over at most {SUBSETS} disjoint random subsets"
    yield Measure(kernel, kernel_heading, kernels, ideal=f"{kernel}_floor")
    yield Measure(
        f"{kernel}_standard_error",
        f"standard error of {kernel_heading}",
        "from the spread of these subsets: over new images, of one model",
        best=None,
        ideal=f"{kernel}_floor_standard_error",
    )
    yield Measure(f"{kernel}_samples", f"{kernel_heading} of samples", kernels)
    for share, protocol in SHARES.items():
        ideal = "expected_coverage" if share == "coverage" else None
        yield Measure(
            f"{share}_{name}",
            share,
            protocol,
            best="highest",
            decimals=3,
            ideal=ideal and f"{ideal}_{name}",
        )


def _counts(table: pd.DataFrame) -> str:
    """Numbers of images behind a Frechet distance, for each data set; "" where there is none."""
    if not set(HEADLINES) <= set(table):
        return ""
    measured = table.dropna(subset=list(HEADLINES))[list(HEADLINES)]
    return ", ".join(_distinct(measured.itertuples(index=False, name=None)))


def _distinct(rows: Iterable[tuple[float, float, str]]) -> dict[str, None]:
    return dict.fromkeys(
        f"{generated:.0f} against {real:.0f} of {data_set}" for generated, real, data_set in rows
    )

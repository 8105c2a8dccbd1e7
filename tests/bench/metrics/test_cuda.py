"""On a GPU the distances of features are those of the CPU."""

from __future__ import annotations

from dataclasses import astuple

import pytest
import torch
from torch import Tensor

from bench.metrics.frechet import frechet_distance, statistics
from bench.metrics.kernel import KernelDistance, kernel_distance
from bench.metrics.manifold import manifold

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def features(count: int, seed: int, dimensions: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dimensions, dimensions, generator=generator)
    return (torch.randn(count, dimensions, generator=generator) @ mixing + seed).relu()


@pytest.mark.parametrize("count", [40, 1000], ids=["fewer images than dimensions", "more"])
def test_frechet_distance(count: int) -> None:
    a, b = features(count, 1), features(1000, 2)
    found = [statistics(each.cuda()) for each in (a, b)]
    assert all(each.mean.is_cuda and each.factor.is_cuda for each in found)
    expected = frechet_distance(statistics(a), statistics(b))
    assert frechet_distance(*found) == pytest.approx(expected, rel=1e-9)
    back = found[1].to("cpu")
    assert frechet_distance(found[0].to("cpu"), back) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_one_image_over_and_over() -> None:
    a, b = features(1, 1).expand(500, -1), features(1000, 2)
    expected = frechet_distance(statistics(a), statistics(b))
    found = frechet_distance(statistics(a.cuda()), statistics(b.cuda()))
    assert found == pytest.approx(expected, rel=1e-9)


def test_kernel_distance() -> None:
    a, b = features(400, 1), features(500, 2)

    def distance(x: Tensor, y: Tensor) -> KernelDistance:
        generator = torch.Generator().manual_seed(0)
        return kernel_distance(x, y, subsets=4, size=100, generator=generator)

    assert astuple(distance(a.cuda(), b.cuda())) == pytest.approx(astuple(distance(a, b)), rel=1e-9)


def test_shares_of_the_manifolds() -> None:
    a, b = features(400, 1), features(500, 2)
    assert manifold(a.cuda(), b.cuda()) == manifold(a, b)

"""Time of the Frechet distance at Inception's 2048 dimensions, beside pytorch-fid's.

Times are reported, never asserted. pytorch-fid's side takes a quarter of a minute or more.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.metrics.frechet import Statistics, frechet_distance, statistics
from tests.bench.metrics.reference import pytorch_fid_distance

DIMENSIONS = 2048
IMAGES = 5000  # more than dimensions, the slower case for both
Pair = tuple[Statistics, Statistics]


@pytest.fixture(scope="module")
def pair() -> Pair:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(DIMENSIONS, DIMENSIONS, generator=generator)
    mixing *= torch.logspace(0, -3, DIMENSIONS)[:, None]

    def made_up(scale: float) -> Statistics:
        source = torch.randn(IMAGES, DIMENSIONS, generator=generator)
        return statistics((scale * source @ mixing / 10).relu())

    return made_up(1.0), made_up(1.1)


@pytest.mark.benchmark(group="Frechet distance, 2048 dimensions")
@pytest.mark.parametrize("distance", [frechet_distance, pytorch_fid_distance])
def test_time(
    benchmark: BenchmarkFixture, pair: Pair, distance: Callable[[Statistics, Statistics], float]
) -> None:
    pedantic: Any = benchmark.pedantic  # has no annotations
    result = pedantic(distance, args=pair, rounds=1, iterations=1)
    # Equality is checked where pytorch-fid's number is computed anyway.
    if distance is pytorch_fid_distance:
        assert frechet_distance(*pair) == pytest.approx(result, rel=1e-6)

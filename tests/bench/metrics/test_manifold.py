import dataclasses
import math
import sys
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from bench.metrics.manifold import Manifold, expected_coverage, manifold


def normal(count: int, dimensions: int, seed: int, mean: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + torch.randn(count, dimensions, generator=generator, dtype=torch.float64)


def inside(points: Tensor, centres: Tensor, k: int) -> np.ndarray:
    """Whether each point (rows) is in the ball of each centre (columns), by scikit-learn."""
    model: Any = NearestNeighbors  # has no annotations
    search = model(algorithm="kd_tree").fit(centres)
    radii = search.kneighbors(centres, k + 1)[0][:, k]
    distances, order = search.kneighbors(points, len(centres))
    result = np.zeros((len(points), len(centres)), dtype=bool)
    np.put_along_axis(result, order, distances <= radii[order], axis=1)
    return result


def plain(real: Tensor, generated: Tensor, precision_k: int, density_k: int) -> dict[str, float]:
    dense = inside(generated, real, density_k)
    return {
        "precision": float(inside(generated, real, precision_k).any(1).mean()),
        "recall": float(inside(real, generated, precision_k).any(1).mean()),
        "density": float(dense.sum() / (density_k * len(generated))),
        "coverage": float(dense.any(0).mean()),
    }


def four(result: Manifold) -> dict[str, float]:
    values = dataclasses.asdict(result)
    del values["expected_coverage"]
    return values


@pytest.mark.parametrize(("precision_k", "density_k"), [(3, 5), (1, 1), (7, 2)])
@pytest.mark.parametrize("pairs", [1 << 22, 100 * 7, 1])
def test_equals_scikit_learn(
    precision_k: int, density_k: int, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["bench.metrics.manifold"], "_PAIRS_AT_ONCE", pairs)
    real, generated = normal(100, 4, 1), 1.3 * normal(60, 4, 2, 0.4)
    result = manifold(
        real,
        generated,
        precision_neighbours=precision_k,
        density_neighbours=density_k,
    )
    expected = plain(real, generated, precision_k, density_k)
    assert four(result) == pytest.approx(expected, rel=1e-12)
    assert all(0 < value < 1 for value in (expected["precision"], expected["recall"]))


def test_neighbours_are_those_of_the_papers() -> None:
    real, generated = normal(100, 4, 1), 1.3 * normal(60, 4, 2, 0.4)
    assert four(manifold(real, generated)) == pytest.approx(plain(real, generated, 3, 5))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_copy_lies_on_the_edges_of_the_balls(offset: float) -> None:
    # Each ball holds its centre, k - 1 images, and one exactly on its edge: k + 1 in all.
    points = normal(200, 30, 1, offset)
    result = manifold(points, points.clone(), density_neighbours=5)
    assert (result.precision, result.recall, result.coverage) == (1, 1, 1)
    assert result.density == pytest.approx(6 / 5, rel=1e-12)


@pytest.mark.parametrize(("real", "generated", "k"), [(40, 25, 5), (20, 60, 2)])
def test_means_of_a_perfect_model_in_closed_form(real: int, generated: int, k: int) -> None:
    times = 400
    results = [
        manifold(
            normal(real, 3, 2 * seed).exp(),  # skewed: the expectation holds for any distribution
            normal(generated, 3, 2 * seed + 1).exp(),
            density_neighbours=k,
        )
        for seed in range(times)
    ]
    uncovered = math.comb(real - 1, k) / math.comb(generated + real - 1, k)
    for name, expected in (("density", 1.0), ("coverage", 1 - uncovered)):
        values = [getattr(result, name) for result in results]
        error = np.std(values, ddof=1) / math.sqrt(times)
        assert abs(np.mean(values) - expected) < 4 * error
        assert error < 0.02
    assert results[0].expected_coverage == pytest.approx(1 - uncovered, rel=1e-12)


def test_expected_coverage_of_many_images() -> None:
    assert expected_coverage(10_000, 10_000, 5) == pytest.approx(1 - 2**-5, abs=1e-4)
    assert expected_coverage(100, 0, 5) == 0
    with pytest.raises(ValueError, match="5 neighbours and 5 real"):
        expected_coverage(5, 10, 5)


def test_separated_sets_share_nothing() -> None:
    result = manifold(normal(100, 8, 1), normal(80, 8, 2, 100.0))
    assert four(result) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_dropped_modes_cost_diversity_and_invented_ones_fidelity() -> None:
    one, other = normal(150, 2, 1), normal(50, 2, 2, 100.0)
    both = torch.cat([one, other])
    dropped, invented = manifold(both, normal(150, 2, 3)), manifold(one, torch.cat([one, other]))
    assert dropped.precision > 0.9
    assert dropped.density > 0.8
    assert 0.65 < dropped.recall <= 0.75  # 150 of 200
    assert 0.65 < dropped.coverage <= 0.75
    assert invented.precision == 0.75
    assert invented.recall == invented.coverage == 1


def test_a_real_outlier_lifts_precision_and_not_density() -> None:
    # Naeem et al., section on outliers: its ball reaches back to the real images and over the bad.
    real, bad = normal(200, 8, 1), normal(100, 8, 2, 10.0)
    outlier = torch.full((1, 8), 15.0, dtype=torch.float64)
    before, after = manifold(real, bad), manifold(torch.cat([real, outlier]), bad)
    assert (before.precision, before.density) == (0, 0)
    assert after.precision == 1
    assert after.density == pytest.approx(1 / 5)  # its one ball, over k


def test_a_generated_outlier_lifts_recall_and_not_coverage() -> None:
    real, bad = normal(100, 8, 1, 10.0), normal(200, 8, 2)
    outlier = torch.full((1, 8), 25.0, dtype=torch.float64)
    before, after = manifold(real, bad), manifold(real, torch.cat([bad, outlier]))
    assert (before.recall, before.coverage) == (0, 0)
    assert after.recall == 1
    assert after.coverage == 0


def test_computes_in_float64() -> None:
    real, generated = normal(60, 5, 1).float(), normal(60, 5, 2).float()
    assert manifold(real, generated) == manifold(real.double(), generated.double())


ONES = torch.ones(10, 4)


@pytest.mark.parametrize(
    ("real", "generated", "k", "message"),
    [
        (ONES, torch.ones(10, 3), (3, 5), r"not \(10, 4\) and \(10, 3\)"),
        (ONES[0], ONES, (3, 5), r"not \(4,\)"),
        (ONES, ONES[:3], (3, 5), r"precision_neighbours must be in 1 \.\.\. 2, not 3: 3 images"),
        (ONES, ONES[:0], (3, 5), "precision_neighbours"),
        (ONES, ONES, (0, 5), r"precision_neighbours must be in 1 \.\.\. 9, not 0"),
        (ONES, ONES, (3, 10), r"density_neighbours must be in 1 \.\.\. 9, not 10"),
        (ONES * math.inf, ONES, (3, 5), "infinity"),
    ],
)
def test_rejects_what_does_not_fit(
    real: Tensor, generated: Tensor, k: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        manifold(real, generated, precision_neighbours=k[0], density_neighbours=k[1])

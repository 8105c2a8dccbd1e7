import math
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from torch import Tensor

from bench.metrics.kernel import KernelDistance, kernel_distance


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(count: int, dimensions: int, seed: int, mean: float = 0.0) -> Tensor:
    draws = torch.randn(count, dimensions, generator=generator(seed), dtype=torch.float64)
    return mean + draws


def plain(x: Tensor, y: Tensor) -> float:
    """Unbiased MMD^2 with scikit-learn's kernel, (x.y / d + 1)^3 by its defaults."""
    xx, yy, xy = (
        polynomial_kernel(left, right, degree=3, coef0=1)
        for left, right in ((x, x), (y, y), (x, y))
    )
    np.fill_diagonal(xx, 0)
    np.fill_diagonal(yy, 0)
    pairs = len(x) * (len(x) - 1)
    return float(xx.sum() / pairs + yy.sum() / pairs - 2 * xy.mean())


def gaussian_distance(a: float, b: float) -> float:
    """MMD^2 of N(a, 1) and N(b, 1): sum over the terms of (x y + 1)^3 of squared moments' gaps."""
    moments = [(mean, mean**2 + 1, mean**3 + 3 * mean) for mean in (a, b)]
    gaps = [(p - q) ** 2 for p, q in zip(*moments, strict=True)]
    return float(3 * gaps[0] + 3 * gaps[1] + gaps[2])


def repeated(a: float, b: float, subsets: int, size: int, times: int) -> list[KernelDistance]:
    count = subsets * size
    return [
        kernel_distance(
            normal(count, 1, 2 * seed, a),
            normal(count, 1, 2 * seed + 1, b),
            subsets=subsets,
            size=size,
            generator=generator(seed),
        )
        for seed in range(times)
    ]


@pytest.mark.parametrize(("size", "rows"), [(10, 1024), (10, 3), (2, 1024)])
def test_equals_scikit_learn(size: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["bench.metrics.kernel"], "_ROWS", rows)
    a, b = normal(45, 20, 1), normal(60, 20, 2, 0.5).relu()
    result = kernel_distance(a, b, subsets=4, size=size, generator=generator(7))
    draws = generator(7)
    parts_a = a[torch.randperm(len(a), generator=draws)].split(size)
    parts_b = b[torch.randperm(len(b), generator=draws)].split(size)
    expected = [plain(parts_a[k], parts_b[k]) for k in range(4)]
    assert result.mean == pytest.approx(np.mean(expected), rel=1e-10)
    error = np.std(expected, ddof=1) / math.sqrt(4)
    assert result.standard_error == pytest.approx(error, rel=1e-10)


@pytest.mark.parametrize("size", [2, 20])
def test_one_distribution_gives_zero_on_average_and_negative_values(size: int) -> None:
    # A biased estimate would add E k(x, x) / size to each side, far beyond this error.
    means = [result.mean for result in repeated(0.5, 0.5, 10, size, 300)]
    assert min(means) < 0 < max(means)
    assert abs(np.mean(means)) < 4 * np.std(means) / math.sqrt(300)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.5), (1.0, -0.5)])
def test_gaussians_in_closed_form_and_their_standard_error(a: float, b: float) -> None:
    results = repeated(a, b, 20, 30, 400)
    means = np.array([result.mean for result in results])
    spread = float(np.std(means, ddof=1))
    assert abs(means.mean() - gaussian_distance(a, b)) < 4 * spread / math.sqrt(400)
    claimed = math.sqrt(np.mean([result.standard_error**2 for result in results]))
    assert claimed == pytest.approx(spread, rel=0.15)  # the spread of 400 is known to 5 % or so


def test_one_large_run_agrees_with_the_closed_form() -> None:
    a, b = normal(40_000, 1, 1), normal(40_000, 1, 2, 0.5)
    result = kernel_distance(a, b, subsets=40, size=1000, generator=generator())
    expected = gaussian_distance(0.0, 0.5)
    assert abs(result.mean - expected) < 4 * result.standard_error
    assert result.standard_error < 0.05 * expected


def test_is_symmetric_in_expectation_and_determined_by_the_generator() -> None:
    a, b = normal(200, 5, 1), normal(150, 5, 2, 1.0)
    results = [
        kernel_distance(a, b, subsets=5, size=30, generator=generator(seed)) for seed in (3, 3, 4)
    ]
    assert results[0] == results[1]
    assert results[0] != results[2]
    back = kernel_distance(b, a, subsets=5, size=30, generator=generator(3))
    assert back.mean == pytest.approx(results[0].mean, abs=4 * 2 * results[0].standard_error)


def test_computes_in_float64() -> None:
    a, b = normal(40, 50, 1).float(), normal(40, 50, 2).float()
    low = kernel_distance(a, b, subsets=2, size=20, generator=generator())
    high = kernel_distance(a.double(), b.double(), subsets=2, size=20, generator=generator())
    assert low == high


ONES = torch.ones(10, 4)


@pytest.mark.parametrize(
    ("a", "b", "subsets", "size", "message"),
    [
        (ONES, torch.ones(10, 3), 2, 2, r"not \(10, 4\) and \(10, 3\)"),
        (ONES[0], ONES, 2, 2, r"not \(4,\)"),
        (ONES, ONES, 1, 5, "not 1 subsets of 5"),
        (ONES, ONES, 5, 1, "not 5 subsets of 1"),
        (ONES, ONES[:7], 2, 4, "subsets of 4 need 8 images of each set; there are 10 and 7"),
        (ONES, ONES * math.nan, 2, 2, "NaN"),
    ],
)
def test_rejects_what_does_not_fit(
    a: Tensor, b: Tensor, subsets: int, size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kernel_distance(a, b, subsets=subsets, size=size, generator=generator())

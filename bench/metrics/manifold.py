"""Fidelity and diversity apart: precision, recall, density and coverage of two sets of features.

Kynkaanniemi et al. (2019), "Improved Precision and Recall Metric for Assessing Generative Models",
arXiv:1904.06991, and Naeem et al. (2020), "Reliable Fidelity and Diversity Metrics for Generative
Models", arXiv:2002.09797. Both put a ball around every image, whose radius is the distance to its
k-th nearest neighbour in the same set.

With B(x) this closed ball, x itself not counted as a neighbour, for N real x_i and M generated y_j:

- precision = 1/M sum_j 1[some i: y_j in B(x_i)], recall = 1/N sum_i 1[some j: x_i in B(y_j)],
  equations 1 and 2 of Kynkaanniemi et al., arXiv:1904.06991;
- density = 1/(k M) sum_j sum_i 1[y_j in B(x_i)], coverage = 1/N sum_i 1[some j: y_j in B(x_i)],
  section 3 of Naeem et al., arXiv:2002.09797.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_PAIRS_AT_ONCE = 1 << 22  # a block of distances is 32 MiB in float64
_CANCELLED = 1e-4
"""Share of the squared norms below which a squared distance is not left to their difference."""
_MANY = 0.04  # share of such pairs, of nearly one image, above which all differences are cheaper
_EDGE = 1 + 1e-9
"""A ball reaches so much further than the square of its radius: rounding decides about no image."""


@dataclass(frozen=True)
class Manifold:
    """Shares of images inside the balls of the others; no unit, higher is better.

    The first four are defined at the head of this file; density exceeds 1 where generated images
    are concentrated where real ones are dense.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    expected_coverage: float
    """Mean coverage of a perfect model at these numbers of images; its mean density is 1 at any."""


@torch.no_grad()
def manifold(
    real: Tensor, generated: Tensor, *, precision_neighbours: int = 3, density_neighbours: int = 5
) -> Manifold:
    """Measure all that the head of this file defines, from Euclidean distances.

    Args:
        real: (N, d) features, any float type and device.
        generated: (M, d) features, on the same device.
        precision_neighbours: k of precision and recall, 3 in the paper; less than N and M.
        density_neighbours: k of density and coverage, 5 in the paper; less than N.

    Cost: (N^2 + M^2 + N M) d products in float64. Memory linear in N and M.

    Raises:
        ValueError: shapes or neighbours are not that, or a feature is NaN or infinite.

    Example:
        >>> import torch
        >>> from bench.metrics.manifold import manifold
        >>> real = torch.arange(8.0).view(8, 1)
        >>> result = manifold(real, real[:6])  # realistic, but two images are missing
        >>> result.precision, result.recall
        (1.0, 1.0)
    """
    _check(real, generated, precision_neighbours, density_neighbours)
    centre = real.double().mean(0)
    real, generated = real.double() - centre, generated.double() - centre
    real_radii, dense_radii = _radii(real, (precision_neighbours, density_neighbours))
    (generated_radii,) = _radii(generated, (precision_neighbours,))
    precise = inside = 0
    recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    covered = recalled.clone()
    rows = _rows(real)
    for block, radii in zip(generated.split(rows), generated_radii.split(rows), strict=True):
        distances = _squared_distances(block, real)
        precise += int((distances <= real_radii).any(1).sum())
        recalled |= (distances <= radii[:, None]).any(0)
        dense = distances <= dense_radii
        inside += int(dense.sum())
        covered |= dense.any(0)
    return Manifold(
        precision=precise / len(generated),
        recall=float(recalled.double().mean()),
        density=inside / (density_neighbours * len(generated)),
        coverage=float(covered.double().mean()),
        expected_coverage=expected_coverage(len(real), len(generated), density_neighbours),
    )


def expected_coverage(real: int, generated: int, neighbours: int) -> float:
    """Return the mean coverage of a model whose M images have the distribution of the N real ones.

    1 - (N-1)...(N-k) / ((M+N-1)...(M+N-k)), Naeem et al. 2020, arXiv:2002.09797, section 3: an
    image is not covered if its k nearest of the N - 1 other real and M generated images are all
    real.

    It raises a ValueError unless 1 <= k < N and M >= 0.

    Example:
        >>> from bench.metrics.manifold import expected_coverage
        >>> expected_coverage(2, 2, 1)  # 1 - 1/3
        0.6666666666666667
    """
    if not 1 <= neighbours < real or generated < 0:
        raise ValueError(
            f"needs 1 <= neighbours < real images, not {neighbours} neighbours and {real} real, "
            f"{generated} generated images"
        )
    ranks = range(1, neighbours + 1)
    return 1 - math.prod((real - rank) / (generated + real - rank) for rank in ranks)


def _check(real: Tensor, generated: Tensor, precision: int, density: int) -> None:
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        shapes = f"{tuple(real.shape)} and {tuple(generated.shape)}"
        raise ValueError(f"features must be (N, d) and (M, d), not {shapes}")
    for name, neighbours, images in (
        ("precision_neighbours", precision, min(len(real), len(generated))),
        ("density_neighbours", density, len(real)),
    ):
        if not 1 <= neighbours < images:
            allowed = f"1 ... {images - 1}"
            raise ValueError(f"{name} must be in {allowed}, not {neighbours}: {images} images")
    if not bool(real.isfinite().all() & generated.isfinite().all()):
        raise ValueError("features contain NaN or infinity")


def _radii(points: Tensor, neighbours: tuple[int, ...]) -> list[Tensor]:
    """Return the squared radii (n,) of the balls to the k-th nearest others, for each k."""
    blocks = [
        # The nearest of all is the point itself, at distance 0.
        _squared_distances(block, points).topk(max(neighbours) + 1, largest=False).values
        for block in points.split(_rows(points))
    ]
    nearest = torch.cat(blocks) * _EDGE
    return [nearest[:, rank] for rank in neighbours]


def _rows(columns: Tensor) -> int:
    return max(1, _PAIRS_AT_ONCE // len(columns))


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return |x - y|^2 of all pairs: by the expanded square unless it cancels."""
    squares = x.square().sum(1)[:, None] + y.square().sum(1)
    distances = squares - 2 * (x @ y.T)
    near = (distances < _CANCELLED * squares).nonzero()
    if len(near) > _MANY * distances.numel():
        return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()
    for rows, columns in (pairs.unbind(1) for pairs in near.split(_rows(x.T))):
        distances[rows, columns] = (x[rows] - y[columns]).square().sum(1)
    return distances

"""The Kernel Inception Distance: a squared maximum mean discrepancy (MMD) of two sets of features.

Binkowski, Sutherland, Arbel & Gretton (2018), "Demystifying MMD GANs", section 4, arXiv:1801.01401.
Unlike the Frechet distance it assumes no Gaussians, and its expectation does not depend on the
number of images. No unit; the name is reserved for Inception features.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_ROWS = 1024  # a block of the kernel matrix is _ROWS x size


@dataclass(frozen=True)
class KernelDistance:
    """The squared MMD, no unit."""

    mean: float  # unbiased: negative by chance where the two distributions are alike
    standard_error: float  # of the mean, over new draws of both sets of features


@torch.no_grad()
def kernel_distance(
    a: Tensor, b: Tensor, *, subsets: int, size: int, generator: torch.Generator
) -> KernelDistance:
    """Estimate MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), with k(x, y) = (x.y / d + 1)^3.

    The mean over K random pairs of subsets of their unbiased estimates (Binkowski et al. 2018,
    arXiv:1801.01401, section 4; Gretton et al. 2012, JMLR 13, equation 3): pairs of one image with
    itself are left out. The subsets are disjoint, so their estimates are independent, and their
    standard deviation / sqrt(K) is the standard error. Estimates of overlapping subsets, as
    commonly drawn, are correlated and understate it.

    Args:
        a: (n, d) features of one distribution, any float type and device.
        b: (m, d) features of the other, on the same device.
        subsets: K, at least 2.
        size: of a subset, at least 2; K * size may not exceed n or m.
        generator: source of the subsets; one state gives one result on every device.

    Cost: 3 K size^2 d products in float64; memory linear in `size` and d, beside the features.

    Raises:
        ValueError: shapes, `subsets` or `size` are not that, or a feature is NaN or infinite.

    Example:
        >>> import torch
        >>> from bench.metrics.kernel import kernel_distance
        >>> zeros, ones = torch.zeros(8, 1), torch.ones(8, 1)
        >>> generator = torch.Generator().manual_seed(0)
        >>> kernel_distance(zeros, ones, subsets=2, size=4, generator=generator).mean  # 1 + 8 - 2
        7.0
    """
    _check(a, b, subsets, size)
    parts = (_disjoint(features, subsets, size, generator) for features in (a, b))
    pairs = zip(*parts, strict=True)
    values = torch.stack(
        [_unbiased(a[rows].double(), b[columns].double()) for rows, columns in pairs]
    )
    return KernelDistance(float(values.mean()), float(values.std()) / math.sqrt(subsets))


def _check(a: Tensor, b: Tensor, subsets: int, size: int) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or a.shape[1] == 0:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"features must be (n, d) and (m, d), not {shapes}")
    if subsets < 2 or size < 2:
        raise ValueError(f"needs 2 subsets of 2 or more, not {subsets} subsets of {size}")
    if subsets * size > min(len(a), len(b)):
        raise ValueError(
            f"{subsets} disjoint subsets of {size} need {subsets * size} images of each set; "
            f"there are {len(a)} and {len(b)}"
        )
    if not bool(a.isfinite().all() & b.isfinite().all()):
        raise ValueError("features contain NaN or infinity")


def _disjoint(
    features: Tensor, subsets: int, size: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Return K index tensors (size,) without common elements."""
    order = torch.randperm(len(features), generator=generator, device=generator.device)
    parts: tuple[Tensor, ...] = order[: subsets * size].to(features.device).split(size)
    return parts


def _unbiased(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased estimate of MMD^2, a scalar, from (size, d) and (size, d)."""
    size = len(x)
    within = _sum(x, x) - _own(x) + _sum(y, y) - _own(y)
    return within / (size * (size - 1)) - 2 * _sum(x, y) / size**2


def _sum(x: Tensor, y: Tensor) -> Tensor:
    """Return the sum of k over all pairs."""
    blocks = [(rows @ y.T / x.shape[1] + 1).pow(3).sum() for rows in x.split(_ROWS)]
    return torch.stack(blocks).sum()


def _own(x: Tensor) -> Tensor:
    """Return the sum of k(x_i, x_i)."""
    return (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()

"""The Frechet distance between two sets of features, and the statistics that it needs.

The squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982, J. Multivariate Analysis
12), in the unit of the features, squared. Heusel et al. (2017), arXiv:1706.08500, equation 6, apply
it to Inception features.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from scipy.linalg import get_lapack_funcs
from torch import Tensor

NOT_FINITE = "features contain NaN or infinity"
_ROWS_AT_ONCE = 8192  # bounds the float64 copy of the features: 128 MiB at 2048 dimensions


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and covariance of a set of features, in float64, on the device of the features."""

    count: int  # N, of images
    mean: Tensor  # (F,)
    factor: Tensor  # A (F, R); A A^T is the covariance, unbiased: divided by N - 1

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return replace(self, mean=self.mean.to(device), factor=self.factor.to(device))

    @property
    def covariance(self) -> Tensor:
        """The covariance of the features, (F, F), as of `numpy.cov`."""
        return self.factor @ self.factor.T


class Accumulator:
    """Computes the statistics of features that come in batches, as exactly as of all at once.

    Batches are centred on their own means and merged as Chan, Golub & LeVeque (1983), The American
    Statistician 37, equation 2.1, do, so that no large mean cancels the spread. Memory is F x F.

    Example:
        >>> import torch
        >>> from bench.metrics.frechet import Accumulator
        >>> batches = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0]])
        >>> result = Accumulator().update(batches[0]).update(batches[1]).statistics()
        >>> result.count, result.mean.item(), result.covariance.item()
        (3, 2.0, 4.0)
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros((), dtype=torch.float64)
        self._scatter = self._mean  # sum of the outer products of centred features

    def update(self, features: Tensor) -> Self:
        """Add a batch of features, (B, F) on any device; batches of no images change nothing.

        Raises:
            ValueError: not a matrix, a width unlike the earlier batches', or NaN or infinity in it.
        """
        if features.ndim != 2:
            raise ValueError(
                f"features must be a matrix (images, dimensions), not {features.ndim}-d"
            )
        for start in range(0, len(features), _ROWS_AT_ONCE):
            self._merge(features.detach()[start : start + _ROWS_AT_ONCE].double())
        return self

    def _merge(self, rows: Tensor) -> None:
        if not rows.isfinite().all():
            raise ValueError(NOT_FINITE)
        mean = rows.mean(0)
        if self.count and mean.shape != self._mean.shape:
            raise ValueError(f"features have {len(mean)} dimensions, earlier {len(self._mean)}")
        centred, shift = rows - mean, mean - self._mean
        total = self.count + len(rows)
        between = torch.outer(shift, shift) * (self.count * len(rows) / total)
        self._scatter = self._scatter + (centred.T @ centred + between)
        self._mean = self._mean + shift * (len(rows) / total)
        self.count = total

    def statistics(self) -> Statistics:
        """Return the statistics of everything so far; a ValueError of fewer than two images."""
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 images, not {self.count}")
        covariance = self._scatter / (self.count - 1)
        return Statistics(self.count, self._mean, _factor(covariance, self.count - 1))


def statistics(features: Tensor) -> Statistics:
    """Return the statistics of features (N, F), N at least 2; errors as in `Accumulator`.

    Of no more images than dimensions they cost no F x F matrix: the centred features are a factor.

    Example:
        >>> import torch
        >>> from bench.metrics.frechet import statistics
        >>> statistics(torch.tensor([[0.0, 1.0], [2.0, 1.0]])).covariance.round(decimals=9).tolist()
        [[2.0, 0.0], [0.0, 0.0]]
    """
    if features.ndim != 2 or not 2 <= len(features) <= features.shape[1]:
        return Accumulator().update(features).statistics()
    rows = features.detach().double()
    if not rows.isfinite().all():
        raise ValueError(NOT_FINITE)
    # A reflection takes (1, ..., 1) to the last axis: all but the last row has mean zero, and one
    # column less is one eigenvalue less to round to zero.
    mirror = torch.full((len(rows), 1), len(rows) ** -0.5, dtype=rows.dtype, device=rows.device)
    mirror[-1] -= 1
    mirror /= mirror.norm()
    centred = (rows - 2 * mirror @ (mirror.T @ rows))[:-1]
    factor = centred.T / (len(rows) - 1) ** 0.5
    return Statistics(len(rows), rows.mean(0), factor)


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """Return |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), never negative.

    With S_a = A A^T and S_b = B B^T the nonzero eigenvalues of S_a S_b are those of the symmetric
    matrix K K^T, K = A^T B, so the last trace is the sum of the square roots of these. A and B have
    at most as many columns as the covariance has rank, so fewer images than dimensions cost less
    instead of more.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500.

    Singular covariances need no special case. pytorch-fid returns the same number while its `sqrtm`
    stays finite; where it does not, it adds 1e-6 to both diagonals inside the root but not to the
    traces. That offset, whose effect depends on the scale of the features, is not copied.

    Both are on one device.

    Raises:
        ValueError: the two have different dimensions, or a value that is not finite.

    Example:
        >>> import torch
        >>> from bench.metrics.frechet import frechet_distance, statistics
        >>> features = torch.tensor([[0.0], [2.0]])
        >>> round(frechet_distance(statistics(features), statistics(features + 3)), 6)
        9.0
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"features have {len(a.mean)} and {len(b.mean)} dimensions")
    if not all(part.isfinite().all() for each in (a, b) for part in (each.mean, each.factor)):
        raise ValueError("feature statistics contain NaN or infinity")
    product = a.factor.T @ b.factor
    if product.shape[0] > product.shape[1]:
        product = product.T  # the smaller of K K^T and K^T K: no zero eigenvalues to round
    eigenvalues = torch.linalg.eigvalsh(product @ product.T).clamp(min=0)
    if len(eigenvalues):  # what is left of a zero is rounding, whose root is not small
        limit = len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps * eigenvalues.max()
        eigenvalues = torch.where(eigenvalues > limit, eigenvalues, 0.0)
    shift = b.mean - a.mean
    traces = shift @ shift + a.factor.square().sum() + b.factor.square().sum()
    distance = traces - 2 * eigenvalues.sqrt().sum()
    return max(0.0, float(distance))  # equal statistics may round to just below zero


def _factor(covariance: Tensor, most: int) -> Tensor:
    """Return A (F, rank), of `most` columns at most, with A A^T equal to a finite covariance."""
    # LAPACK stops at the rank: when the largest pivot left is below F * eps * the largest variance.
    # It has no counterpart on a GPU, and takes 0.15 s of 2048 dimensions.
    matrix = covariance.cpu().numpy()
    (pivoted_cholesky,) = get_lapack_funcs(("pstrf",), (matrix,))
    packed, pivots, rank, _ = pivoted_cholesky(matrix, lower=1)
    rank = min(int(rank), most)  # the rest is rounding, whose root is not small
    order = torch.from_numpy(pivots).long() - 1
    factor = torch.empty(len(covariance), rank, dtype=torch.float64)
    factor[order] = torch.from_numpy(packed).tril()[:, :rank]
    return factor.to(covariance.device)

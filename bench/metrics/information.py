"""How much latents say about their image: I_e(x; z) and KL(m || p).

The rate of a VAE has two parts (Hoffman & Johnson 2016, "ELBO surgery: yet another way to carve up
the variational evidence lower bound", NIPS Workshop on Advances in Approximate Bayesian Inference):
E_x KL(q(z|x) || p(z)) = I_e(x; z) + KL(m(z) || p(z)), with m(z) = E_x q(z|x) the aggregate
posterior and p(z) = N(0, I).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_ROWS, _COLUMNS = 1024, 4096  # a block of log densities is at most 32 MiB, whatever N is


@dataclass(frozen=True)
class Information:
    """The rate and its two parts, in nats per image; `rate_nats` is the sum of the other two.

    I_e of the empirical distribution of N images is at most ln N, by definition. Of the population
    it is a lower bound, and the leave-one-out estimate an upper one (Poole et al. 2019, "On
    variational bounds of mutual information", arXiv:1905.06922, equation 13): where the two are
    close, N images are enough.
    """

    rate_nats: float  # mean KL(q(z|x) || p(z)), in closed form
    information_nats: float  # Monte Carlo estimate of I_e(x; z), at most the cap
    information_upper_nats: float  # leave-one-out: not below I(x; z) of the population
    marginal_kl_nats: float  # KL(m || p), the difference; noise may take it just below zero
    information_cap_nats: float


@torch.no_grad()
def information(
    mean: Tensor,
    std: Tensor,
    *,
    samples: int = 1,
    drawn: int | None = None,
    generator: torch.Generator,
) -> Information:
    """Estimate I_e(x; z) and KL(m || p) from the Gaussian posteriors of N images.

    I_e = E_x E_q(z|x) [ln q(z|x) - ln m(z)] with m(z) = 1/N sum_j q(z|x_j) over the same N images.
    Each term is at most ln N because m(z) >= q(z|x) / N.

    Args:
        mean: (N, L) posterior means.
        std: (N, L) posterior standard deviations, not log and not variance.
        samples: draws z for each image that any are drawn for.
        drawn: of how many images, chosen at random, latents are drawn; None: of all. m(z) is over
            all N.
        generator: source of the draws; one state gives one result on every device and block size.

    Cost: samples * drawn * N densities in float64 on the device of `mean`; memory linear in N.

    Raises:
        ValueError: shapes differ or are not (N, L), N or samples is 0, a value is not finite or a
            standard deviation not positive.

    Source: Hoffman & Johnson 2016, "ELBO surgery".

    Example:
        >>> import torch
        >>> from bench.metrics.information import information
        >>> mean, std = torch.tensor([[-50.0], [50.0]]), torch.ones(2, 1)  # two images far apart
        >>> result = information(mean, std, generator=torch.Generator().manual_seed(0))
        >>> result.rate_nats, round(result.information_nats, 4)  # 50^2 / 2, ln 2
        (1250.0, 0.6931)
    """
    _check(mean, std, samples)
    mean, std = mean.double(), std.double()
    rate = 0.5 * (mean.square() + std.square() - 1 - 2 * std.log()).sum(1).mean()
    cap = math.log(len(mean))
    estimate, upper = _estimates(mean, std, samples, min(drawn or len(mean), len(mean)), generator)
    estimate = min(estimate, cap)  # may pass the cap by rounding
    return Information(
        rate_nats=float(rate),
        information_nats=estimate,
        information_upper_nats=upper,
        marginal_kl_nats=float(rate) - estimate,
        information_cap_nats=cap,
    )


def _estimates(
    mean: Tensor, std: Tensor, samples: int, drawn: int, generator: torch.Generator
) -> list[float]:
    """Return the mean of ln q(z|x) - ln m(z), with all images in m and with all but x."""
    where: dict[str, Any] = {"generator": generator, "device": generator.device}
    if drawn < len(mean):
        order = torch.randperm(len(mean), **where).to(mean.device)
        mean, std = mean[order], std[order]
    totals = torch.zeros(2, dtype=torch.float64, device=mean.device)
    for _ in range(samples):
        noise = torch.randn((drawn, mean.shape[1]), dtype=torch.float64, **where)
        totals += _log_ratios(mean, std, noise.to(mean.device)).mean(1)
    estimates: list[float] = (totals / samples).tolist()
    return estimates


def _check(mean: Tensor, std: Tensor, samples: int) -> None:
    if mean.ndim != 2 or mean.shape != std.shape:
        raise ValueError(
            f"mean and std must both be (N, L), not {tuple(mean.shape)} and {tuple(std.shape)}"
        )
    if len(mean) == 0 or samples < 1:
        raise ValueError(f"needs at least one image and one sample, not {len(mean)} and {samples}")
    if not bool(mean.isfinite().all() & std.isfinite().all() & (std > 0).all()):
        raise ValueError("posterior means must be finite, standard deviations finite and positive")


def _log_ratios(mean: Tensor, std: Tensor, noise: Tensor) -> Tensor:
    """Return ln q(z_i|x_i) - ln m(z_i), (2, M), at z = mean + std * noise of the first M images.

    First with all images in m, then with all but x_i.
    """
    # The constant -L/2 ln 2 pi cancels. The square is expanded so that a block is two matrix
    # products; means are centred so that the expanded terms are small.
    centred = mean - mean.mean(0)
    z = centred[: len(noise)] + std[: len(noise)] * noise
    precision = std.pow(-2)
    weighted = centred * precision
    log_scale = std.log().sum(1)
    offset = -0.5 * (centred * weighted).sum(1) - log_scale
    own = -0.5 * noise.square().sum(1) - log_scale[: len(noise)]
    log_sums = [
        _log_sum_others(z[first : first + _ROWS], first, precision, weighted, offset)
        for first in range(0, len(noise), _ROWS)
    ]
    others, count = torch.cat(log_sums), len(mean)
    # The image's own term does not use the expanded square, so that the cap ln N holds.
    with_own = own - torch.logaddexp(own, others) + math.log(count)
    return torch.stack([with_own, own - others + math.log(max(1, count - 1))])


def _log_sum_others(
    z: Tensor, first: int, precision: Tensor, weighted: Tensor, offset: Tensor
) -> Tensor:
    """Return ln sum_j q(z_i|x_j) over the images j other than i, for the rows i = first, ..."""
    half_square = -0.5 * z.square()
    total = z.new_full((len(z),), -math.inf)
    for start in range(0, len(offset), _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        block = torch.addmm(offset[columns], half_square, precision[columns].T)
        block.addmm_(z, weighted[columns].T)
        block.diagonal(first - start).fill_(-math.inf)  # image i itself; empty in other blocks
        total = torch.logaddexp(total, block.logsumexp(1))
    return total

"""The numbers of the paper, and what arithmetic says of them.

Source: Rybkin, Daniilidis, Levine, "Simple and Effective VAE Training with Calibrated Decoders",
ICML 2021, tables of the decoders (here B) and of the beta sweep (here A). The negative
log-likelihood is the negative ELBO in nats per image. FID has no unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One pair of cells."""

    nll_nats: float | None
    fid: float | None
    blank: str = "not reported"
    """What stands for a missing number."""


@dataclass(frozen=True)
class PublishedSweep:
    """One row of the sweep."""

    decoder: str
    beta: float
    nll_nats: float
    fid: float


UNAVAILABLE = Published(None, None, "N/A in the paper")

TABLE_B: dict[str, dict[str, Published]] = {
    "CelebA": {
        "bernoulli": Published(None, 177.6),
        "categorical": Published(6359, 71.5),
        "bitwise_categorical": Published(9067, 66.61),
        "logistic_mixture": Published(7932, 65.3),
        "gaussian": Published(7173, 186.5),
        "per_pixel_sigma": Published(-7814, 159.3),
        "student_t": Published(-8401, 71.06),
        "beta_vae": Published(-2713, 61.6),
        "shared_sigma": Published(-6374, 60.7),
        "optimal_sigma": Published(-8446, 60.3),
        "optimal_per_image_sigma": Published(None, 66.01),
    },
    "SVHN": {
        "bernoulli": Published(None, 43.26),
        "categorical": Published(9179, 46.13),
        "bitwise_categorical": Published(10800, 33.84),
        "logistic_mixture": Published(9085, 43.19),
        "gaussian": Published(2184, 112.5),
        "per_pixel_sigma": Published(-3592, 114.7),
        "student_t": Published(-3659, 70.4),
        "beta_vae": Published(-3186, 27.93),
        "shared_sigma": Published(-3349, 22.25),
        "optimal_sigma": Published(-3333, 27.25),
        "optimal_per_image_sigma": Published(None, 26.28),
    },
    "CIFAR": {
        "bernoulli": Published(None, 284.5),
        "categorical": Published(7179, 101.7),
        "bitwise_categorical": Published(9390, 91.2),
        "logistic_mixture": Published(8443, 143.1),
        "gaussian": Published(7186, 293.7),
        "per_pixel_sigma": Published(-7222, 131),
        "student_t": Published(-7419, 123.6),
        "beta_vae": Published(-331, 103),
        "shared_sigma": Published(-5435, 116.1),
        "optimal_sigma": Published(-5677, 101.4),
        "optimal_per_image_sigma": Published(None, 104.0),
    },
    "BAIR": {
        "bernoulli": Published(None, 122.6),
        "categorical": UNAVAILABLE,
        "bitwise_categorical": Published(48744, 46.13),
        "logistic_mixture": Published(40616, 42.94),
        "gaussian": Published(-10379, 35.64),
        "per_pixel_sigma": Published(-14051, 41.98),
        "student_t": Published(None, None),
        "beta_vae": Published(-13472, 34.64),
        "shared_sigma": Published(-13974, 34.24),
        "optimal_sigma": Published(-14173, 34.13),
        "optimal_per_image_sigma": Published(None, 33.21),
    },
}
"""Column of the paper -> name of the likelihood -> cells."""

SWEEP_COLUMN = "SVHN"
"""The column of the paper on which the sweep was made."""

TABLE_A = (
    PublishedSweep("beta-VAE", 0.001, 21.43, 44.54),
    PublishedSweep("beta-VAE", 0.01, -3186, 27.93),
    PublishedSweep("beta-VAE", 0.1, -1223, 28.3),
    PublishedSweep("beta-VAE", 1.0, 1381, 70.39),
    PublishedSweep("beta-VAE", 10.0, 4056, 219.3),
)
LEARNED = PublishedSweep("sigma-VAE", 0.006, -3333, 22.25)
"""The last row of the sweep: `beta` is the variance that was learned."""

DIMENSIONS = {
    "CelebA": 32 * 32 * 3,
    "SVHN": 28 * 28 * 3,
    "CIFAR": 32 * 32 * 3,
    "BAIR": 64 * 64 * 3,
}
"""Scalar values in an image (a frame, for video)."""


def floor(dimensions: int, variance: float) -> float:
    """Return D/2 ln(2 pi sigma^2), nats: what a Gaussian of fixed variance pays at no error.

    KL and squared error only add to it, so no negative ELBO lies below.
    """
    return dimensions / 2 * math.log(2 * math.pi * variance)


def optimal_floor(dimensions: int, variance: float) -> float:
    """Return D/2 ln(2 pi e sigma^2), nats: the same at the error MSE = sigma^2.

    Where the variance is learned it equals the error, so no negative ELBO lies below this.
    """
    return floor(dimensions, math.e * variance)

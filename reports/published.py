"""The numbers of the paper, and what arithmetic says of them.

Source: Rybkin, Daniilidis, Levine, "Simple and Effective VAE Training with Calibrated Decoders",
ICML 2021, tables of the decoders (here B) and of the beta sweep (here A). The negative
log-likelihood is the negative ELBO in nats per image. FID has no unit.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Published(NamedTuple):
    """One pair of cells."""

    nll_nats: float | None
    fid: float | None
    blank: str
    """What stands for a missing number."""


class PublishedSweep(NamedTuple):
    """One row of the sweep."""

    decoder: str
    beta: float
    nll_nats: float
    fid: float


_TABLE_B = """
                        CelebA          SVHN            CIFAR           BAIR
bernoulli               -       177.6   -       43.26   -       284.5   -       122.6
categorical             6359    71.5    9179    46.13   7179    101.7   N/A     N/A
bitwise_categorical     9067    66.61   10800   33.84   9390    91.2    48744   46.13
logistic_mixture        7932    65.3    9085    43.19   8443    143.1   40616   42.94
gaussian                7173    186.5   2184    112.5   7186    293.7   -10379  35.64
per_pixel_sigma         -7814   159.3   -3592   114.7   -7222   131     -14051  41.98
student_t               -8401   71.06   -3659   70.4    -7419   123.6   -       -
beta_vae                -2713   61.6    -3186   27.93   -331    103     -13472  34.64
shared_sigma            -6374   60.7    -3349   22.25   -5435   116.1   -13974  34.24
optimal_sigma           -8446   60.3    -3333   27.25   -5677   101.4   -14173  34.13
optimal_per_image_sigma -       66.01   -       26.28   -       104.0   -       33.21
"""
"""NLL and FID of each column; "-" is not reported, "N/A" is what the paper says."""


def _published(nll: str, fid: str) -> Published:
    first, second = (float(text) if text[-1].isdigit() else None for text in (nll, fid))
    return Published(first, second, "N/A in the paper" if nll == "N/A" else "not reported")


_COLUMNS, *_ROWS = (line.split() for line in _TABLE_B.strip().splitlines())
TABLE_B = {
    column: {name: _published(*cells[2 * i : 2 * i + 2]) for name, *cells in _ROWS}
    for i, column in enumerate(_COLUMNS)
}
"""Column of the paper -> name of the likelihood -> cells."""

UNIT, SHARED, OPTIMAL = "gaussian", "shared_sigma", "optimal_sigma"
PER_PIXEL, PER_IMAGE = "per_pixel_sigma", "optimal_per_image_sigma"
SWEPT, BERNOULLI, CATEGORICAL = "beta_vae", "bernoulli", "categorical"
"""Decoders of which the claims, or bounds that arithmetic sets, say something."""

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

REPEATED_FID = 44.79
"""Of `OPTIMAL` on SVHN: what a reader of the public code obtained, from 10,000 generated images
and pytorch-fid. The thread was closed without an explanation."""
REPEATED_IN = "orybkin/sigma-vae-pytorch, issue 7"

DIMENSIONS = {"CelebA": 32 * 32 * 3, "SVHN": 28 * 28 * 3, "CIFAR": 32 * 32 * 3, "BAIR": 64 * 64 * 3}
"""Scalar values in an image (a frame, for video)."""


def joined() -> dict[str, tuple[float, float]]:
    """Return NLL and FID of the rows of table B that `LEARNED` has its NLL or its FID from."""
    return {
        name: (nll, fid)
        for name, (nll, fid, _) in TABLE_B[SWEEP_COLUMN].items()
        if nll is not None and fid is not None
        if nll == LEARNED.nll_nats or fid == LEARNED.fid
    }


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

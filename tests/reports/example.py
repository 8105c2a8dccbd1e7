"""A made-up content of the size of a real one. To look at its report:

python -c "from pathlib import Path; import reports; from tests.reports.example import example
reports.write(example(), Path('example-report'))"
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats

from reports import Column, Content, Metric, Row
from reports.content import Images
from tests.reports.typed import METRICS

stats: Any = scipy.stats  # typed the same with and without scipy-stubs

BETAS = (0.001, 0.01, 0.1, 1.0, 10.0)

# name, label, measure, NLL and bits/dim on mnist, Frechet distance, learned variance
DECODERS: tuple[tuple[str, str, str, float, float, float, float], ...] = (
    ("bernoulli", "Bernoulli", "unnormalised", np.nan, 2.95, 21.0, np.nan),
    ("categorical", "Categorical", "mass", 560.2, 1.031, 16.4, np.nan),
    ("bitwise_categorical", "Bitwise-categorical", "mass", 640.1, 1.178, 18.2, np.nan),
    ("logistic_mixture", "Logistic mixture", "mass", 598.7, 1.102, 17.7, np.nan),
    ("gaussian", "Gaussian", "density", 741.3, 9.363, 40.3, 1.0),
    ("per_pixel_sigma", "Per-pixel sigma", "density", -2914.0, 2.610, 35.5, np.nan),
    ("student_t", "Student-t", "density", -2650.9, 2.782, 25.1, np.nan),
    ("beta_vae", "beta-VAE", "density", -612.4, 6.861, 14.8, np.nan),
    ("shared_sigma", "Shared sigma", "density", -655.0, 6.795, 14.1, 0.0093),
    ("optimal_sigma", "Optimal sigma", "density", -660.2, 6.786, 13.9, 0.0089),
    ("optimal_per_image_sigma", "Opt. per-image sigma", "density", -701.8, 6.709, 13.2, np.nan),
)

WIDTHS = {"gaussian": 12.0, "per_pixel_sigma": 0.6, "student_t": 1.2, "beta_vae": 1.5}
"""How much too wide a decoder is; 1 if not listed."""

ROWS = tuple(
    Row(name, label, sweep="beta" if name == "beta_vae" else None) for name, label, *_ in DECODERS
)

MNIST = Column(
    "SVHN VAE",
    "mnist",
    "vae",
    "MNIST, 28x28 in grey: 55,000 training, 5,000 validation and 10,000 test images.",
    stands_for="svhn",
    published="SVHN",
    not_run=None,
)
PATCHES = Column(
    "CelebA VAE",
    "patches",
    "vae",
    "Patches of 32x32 in colour, cut from the two photographs that scikit-learn ships.",
    stands_for="celeba",
    published="CelebA",
    not_run=None,
)
BAIR = Column(
    "BAIR SVG",
    "",
    "svg",
    "",
    stands_for=None,
    published="BAIR",
    not_run="the model SVG is not part of this version",
)
SVHN = Column(
    "SVHN VAE",
    "svhn",
    "vae",
    "SVHN, cropped digits, resized to 28x28.",
    stands_for=None,
    published="SVHN",
    not_run=None,
)

EXTRACTOR = "inception_75"
FEATURES = {
    EXTRACTOR: "features of a VGG-16 with random weights of seed 0 (Naeem et al. 2020), images "
    "resized bilinearly to 32x32"
}
DISTANCE = Metric(
    "fd_inception_75",
    "FD-Inception-75",
    "distance of generated from test images",
    best="lowest",
    headline=True,
    floor="fd_inception_75_floor",
    features=EXTRACTOR,
    protocol="2,000 generated images (decoder means, rounded to 8 bits) against 2,000 of mnist",
)
NEAR: dict[str, Any] = {
    "best": "highest",
    "decimals": 3,
    "features": EXTRACTOR,
    "protocol": "near",
}
QUALITY = (
    DISTANCE,
    replace(
        DISTANCE,
        key="fd_inception_75_samples",
        name="FD-Inception-75 of samples",
        headline=False,
        floor=None,
        protocol="the same of samples",
    ),
    replace(
        DISTANCE,
        key="kd_inception_75",
        name="KD-Inception-75",
        headline=False,
        floor=None,
        protocol="mean over 10 disjoint subsets",
    ),
    Metric("precision_inception_75", "precision", "near test images", **NEAR),
    Metric("recall_inception_75", "recall", "near generated images", **NEAR),
)

ABOUT = {
    "machine": "2 cores, no GPU",
    "versions": "Python 3.12, torch 2.11",
    "time": "14 min for all runs",
    "command": "`python -m bench run --suite paper --budget quick`",
}


def example(
    seeds: int = 3,
    columns: tuple[Column, ...] = (MNIST, PATCHES, BAIR),
    budget: str = "quick",
    rows: tuple[Row, ...] = ROWS,
    images: bool = True,
) -> Content:
    """Return a content with every decoder of the paper; one per-pixel run of it diverged."""
    runs: list[dict[str, Any]] = []
    for column in columns:
        if column.not_run is None:
            for decoder in DECODERS:
                betas = BETAS if decoder[0] == "beta_vae" else (None,)
                runs += [
                    _run(column, decoder, beta, seed, budget)
                    for beta in betas
                    for seed in range(seeds)
                ]
    results = pd.DataFrame(runs)
    return Content(
        title="Likelihood Bench: the paper suite",
        results=results,
        histories={str(run["run"]): _history(run) for run in runs},
        samples={str(run["run"]): _images(run, 16) for run in runs if images and _ended(run)},
        reconstructions={
            str(run["run"]): np.stack([_images(dict(run, run=""), 12), _images(run, 12)])
            for run in runs
            if images and _ended(run)
        },
        columns=columns,
        rows=rows,
        about=ABOUT,
        budget=budget,
        metrics=(*METRICS, *QUALITY),
        features=FEATURES,
        metrics_document="../docs/metrics.md",
    )


def generator(*what: object) -> np.random.Generator:
    """Return a generator seeded by what it is for."""
    digest = hashlib.sha256(repr(what).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _run(
    column: Column,
    decoder: tuple[str, str, str, float, float, float, float],
    beta: float | None,
    seed: int,
    budget: str,
) -> dict[str, Any]:
    name, _, measure, nll, bits, distance, variance = decoder
    noise = generator(column.data_set, name, beta, seed).normal(size=9)
    size = 784 if column.data_set == "mnist" else 3072
    far = abs(np.log10(beta / 0.007)) if beta is not None else 0.0
    nll = nll * size / 784 + far * 300 + 4 * noise[0]
    run = {
        "run": f"{column.data_set}-{name}{'' if beta is None else f'-beta{beta:g}'}-{seed}",
        "data_set": column.data_set,
        "model": column.model,
        "likelihood": name,
        "option_beta": beta if beta is not None else np.nan,
        "options": "{}" if beta is None else f'{{"beta": {beta}}}',
        "seed": seed,
        "budget": budget,
        "status": "finished",
        "diverged_step": np.nan,
        "error": None,
        "measure": measure,
        "nll_nats": nll,
        "bits_per_dim": bits + far * 0.5 + 0.01 * noise[1],
        "kl_nats": 22 - 6 * far + noise[2],
        "mse": 0.01 * (1 + far + 0.05 * noise[8]),
        "variance": beta if beta is not None else variance * (1 + 0.02 * noise[3]),
        "validation_nll_nats": nll + 3 * noise[4],
        "validation_bits_per_dim": bits + far * 0.5,
        "information_nats": _information(beta if beta is not None else variance),
        "marginal_kl_nats": _marginal(beta if beta is not None else variance) + 0.3 * noise[8],
        "information_cap_nats": float(np.log(5000)),
        "active_units": 10 + round(3 * noise[2]),
        "latent_units": 20,
        "probe_accuracy": 0.9 + 0.01 * noise[2],
        "probe_images": 1000,
        "iwae_elbo_nats": nll + noise[4],
        "iwae_nats": nll + noise[4] - 5,
        "iwae_elbo_bits_per_dim": bits + far * 0.5 + 0.02,
        "iwae_bits_per_dim": bits + far * 0.5 + 0.01,
        "importance_samples": 10,
        "importance_images": 32,
        **_calibration(decoder, noise),
        "fid": np.nan,
        "fd_inception_75": distance * (1 + 0.4 * far) + 0.3 * noise[5],
        "fd_inception_75_samples": distance * (1.2 + 0.4 * far) + 0.3 * noise[5],
        "fd_inception_75_floor": 0.4,
        "kd_inception_75": distance / 1000 + 0.0001 * noise[5],
        "precision_inception_75": 1 / (1 + 0.05 * distance),
        "recall_inception_75": 1 / (1 + 0.1 * distance),
        "steps": 500,
        "batch_size": 128,
        "parameters": 260_000 + (230_000 if measure == "mass" else 0),
        "train_seconds": 14 + noise[6],
        "evaluate_seconds": 6 + 0.2 * noise[7],
        "frechet_images": 2000,
        "test_images": 2000,
        "device": "cpu",
    }
    if name == "gaussian":
        run["variance"] = 1.0
    run["sigma"] = np.sqrt(run["variance"])
    if name == "per_pixel_sigma" and column.data_set != "mnist" and seed == 1:
        measured = ["nll_nats", "bits_per_dim", "kl_nats", "fd_inception_75", "validation_nll_nats"]
        after = ("calibration", "coverage", "pit", "iwae", "active", "probe_accuracy")
        measured += [name for name in run if name.startswith(after)]
        run |= dict.fromkeys(measured, np.nan)
        run |= {"status": "diverged", "diverged_step": 230, "error": "loss is NaN"}
    return run


def _calibration(
    decoder: tuple[str, str, str, float, float, float, float], noise: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Of values that are normal with a decoder's mean and 1 / width of its scale."""
    width = WIDTHS.get(decoder[0], 1.0) * np.exp(0.02 * noise[3])
    edges = np.linspace(0, 1, 21)
    norm = stats.norm
    cdf = norm.cdf(width * norm.ppf(edges))
    cover = {c: 2 * norm.cdf(width * norm.ppf((1 + c / 100) / 2)) - 1 for c in (50, 90, 99)}
    return {
        "calibration_error": float(np.abs(cdf - edges)[1:-1].mean()),
        **{f"coverage_{c}_percent": 100 * float(share) for c, share in cover.items()},
        **{f"pit_{i:02d}": float(s) for i, s in enumerate(np.diff(cdf), start=1)},
        "calibration_images": 128,
    }


def _information(variance: float) -> float:
    return float(2 + 6.4 / (1 + (variance / 0.05) ** 0.8)) if np.isfinite(variance) else 7.0


def _marginal(variance: float) -> float:
    return float(1.5 + 60 / (1 + (variance / 0.002) ** 1.1)) if np.isfinite(variance) else 5.0


def _ended(run: dict[str, Any]) -> bool:
    return bool(run["status"] == "finished")


def _history(run: dict[str, Any]) -> pd.DataFrame:
    last = 500 if _ended(run) else 200
    steps = np.arange(25, last + 1, 25)
    decay = np.exp(-steps / 90)
    start = generator(run["run"]).uniform(0.5, 1.5)
    bits = run["validation_bits_per_dim"] + 3 * start * decay
    nll = (run["validation_nll_nats"] if _ended(run) else -2000.0) + 1500 * start * decay
    learned = np.isfinite(run["variance"]) and run["variance"] not in (1.0, *BETAS)
    return pd.DataFrame(
        {
            "step": steps,
            "seconds": steps / 500 * run["train_seconds"],
            "nll_nats": nll,
            "bits_per_dim": bits,
            "kl_nats": run["kl_nats"],
            "variance": run["variance"] * (1 + decay) if learned else run["variance"],
        }
    )


def _images(run: dict[str, Any], count: int) -> Images:
    """Blobs: what a digit looks like to somebody who squints."""
    size, channels = (28, 1) if run["data_set"] == "mnist" else (32, 3)
    rng = generator("images", run["run"], run["data_set"])
    y, x = np.mgrid[:size, :size] / size
    blobs = np.zeros((count, size, size, channels))
    for index in range(count):
        for _ in range(4):
            row, column, width = rng.uniform([0.25, 0.25, 0.05], [0.75, 0.75, 0.15])
            blob = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
            blobs[index] += blob[..., None] * rng.uniform(0.3, 1, channels)
    return np.asarray(np.clip(blobs, 0, 1) * 255, dtype=np.uint8)

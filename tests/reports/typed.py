"""A small content typed by hand, for tests that change a few of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports import Column, Content, Metric, Row
from reports.document import document
from reports.printing.markup import Part

MEASURES = {"soft": "mass", "hard": "mass", "wide": "density", "fit": "density", "odd": "density"}
ROWS = (
    Row("soft", "Soft"),
    Row("hard", "Hard"),
    Row("wide", "Wide"),
    Row("fit", "Fit"),
    Row("odd", "Odd", sweep="beta"),
)
STAND_IN = Column("SVHN VAE", "blobs", "vae", "Blobs.", "svhn", "SVHN", None)
REAL = Column("SVHN VAE", "svhn", "vae", "House numbers.", None, "SVHN", None)
NATS: dict[str, Any] = {"unit": "nats/image", "decimals": 1, "best": "lowest", "native": True}
BITS: dict[str, Any] = {"of_mass": True, "decimals": 3, "best": "lowest"}
OF_VIDEO: dict[str, Any] = {"unit": "nats/video", "decimals": 1}
NLL = Metric("nll_nats", "NLL", "negative ELBO", **NATS)
BITS_PER_DIM = Metric("bits_per_dim", "bits/dim", "the same in bits of a value", **BITS)
PARAMETERS = Metric("parameters", "parameters", "numbers", decimals=0, constant=True)
METRICS = (
    PARAMETERS,
    Metric("steps", "training steps", "steps of the optimiser", count=True),
    Metric("train_seconds", "training", "seconds of training", unit="s", decimals=1),
    Metric("evaluate_seconds", "evaluation", "seconds after that", unit="s", decimals=1),
    Metric("evaluate_seconds_{part}", "evaluation, {part}", "a part of it", unit="s", decimals=1),
    Metric("step_memory_megabytes", "memory of a step", "memory", unit="MB", constant=True),
    Metric("smallest_sigma_reached", "smallest σ", "the narrowest width"),
    NLL,
    BITS_PER_DIM,
    Metric("kl_nats", "KL", "price of the code", unit="nats/image", decimals=2),
    Metric("kl_layer_{layer}_nats", "layer {layer}", "a part of it", unit="nats", decimals=2),
    Metric("mse", "MSE", "squared error"),
    Metric("variance", "variance σ²", "shared variance"),
    Metric("nll_nats_per_sequence", "NLL", "of a video", best="lowest", native=True, **OF_VIDEO),
    Metric("kl_nats_per_sequence", "KL", "of a video", **OF_VIDEO),
    Metric("predicted_frames", "predicted frames of each", "frames", count=True),
    Metric("test_images", "test images", "images", count=True),
    Metric("iwae_nats", "IWAE NLL", "a tighter bound", **NATS),
    Metric("iwae_bits_per_dim", "IWAE bits/dim", "a tighter bound", **BITS),
    Metric("iwae_elbo_nats", "ELBO NLL", "of the same samples", **NATS),
    Metric("iwae_elbo_bits_per_dim", "ELBO bits/dim", "of the same samples", **BITS),
    Metric("calibration_error", "calibration error", "distance", decimals=4, best="lowest"),
    Metric("coverage_{c}_percent", "in {c} % interval", "covered", unit="%", decimals=1),
    Metric("pit_{bin}", "u in bin {bin}", "share of u"),
    Metric("information_nats", "I_e(x;z)", "mutual information", unit="nats", decimals=2),
    Metric("marginal_kl_nats", "KL(m‖p)", "what the prior misses", unit="nats", decimals=2),
    Metric("active_units", "active units", "dimensions that move", decimals=1),
    Metric("probe_accuracy", "probe accuracy", "share", decimals=3, best="highest"),
    Metric("frechet_images", "generated images", "images", count=True),
    Metric("ssim_best_of_n", "SSIM", "similarity", decimals=3, best="highest"),
    Metric("psnr_best_of_n_db", "PSNR", "similarity", unit="dB", decimals=2, best="highest"),
)
"""What the tests need, in words of their own."""
FID = Metric(
    "fid",
    "FID",
    "distance",
    best="lowest",
    headline=True,
    floor="fid_floor",
    features="inception",
    protocol="10 against 10 images",
)


def run(likelihood: str, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Return one finished run."""
    option = changes.get("option_beta")
    return {
        "run": f"{likelihood}-{option}-{seed}",
        "data_set": "blobs",
        "model": "vae",
        "likelihood": likelihood,
        "option_beta": np.nan,
        "options": "{}" if option is None else f'{{"beta": {option}}}',
        "seed": seed,
        "budget": "quick",
        "status": "finished",
        "measure": MEASURES.get(likelihood, "density"),
        "nll_nats": 10.0,
        "bits_per_dim": 2.0,
        "validation_nll_nats": 10.0,
        "fid": 30.0,
        "variance": np.nan,
        "train_seconds": 1.0,
        "parameters": 100,
        **changes,
    }


def five() -> list[dict[str, Any]]:
    """Return five decoders, one of them swept; the best test NLL is not the best on validation."""
    return [
        run("soft", nll_nats=50.0, bits_per_dim=1.5, fid=20.0),
        run("hard", nll_nats=40.0, bits_per_dim=1.2, fid=21.0),
        run("wide", nll_nats=-10.0, bits_per_dim=6.0, fid=40.0),
        run("fit", nll_nats=-90.0, bits_per_dim=3.0, fid=10.0, variance=0.02),
        run("odd", option_beta=0.1, nll_nats=-80.0, validation_nll_nats=-60.0, fid=12.0),
        run("odd", option_beta=0.01, nll_nats=-70.0, validation_nll_nats=-75.0, fid=13.0),
    ]


def content(runs: Sequence[dict[str, Any]] | None = None, **changes: Any) -> Content:
    """Return a content of these runs, on blobs with the budget quick unless changed."""
    given: dict[str, Any] = {
        "title": "Typed",
        "results": pd.DataFrame(five() if runs is None else list(runs)),
        "histories": {},
        "samples": {},
        "reconstructions": {},
        "columns": (STAND_IN,),
        "rows": ROWS,
        "about": {"machine": "a pencil"},
        "budget": "quick",
        "metrics": (*METRICS, FID),
        "features": {"inception": "Inception"},
    }
    return Content(**given | changes)


def whole(subject: Content) -> str:
    """Return the text of a report, README.md first, then its pages."""
    made = document(subject)
    return "\n".join([made.readme, *made.pages.values()]).replace("\u00a0", " ")


def cells(markdown: Part, label: str, table: int = 0) -> dict[str, str]:
    """Return the cells of the row that starts with `label`, by heading, in the n-th such table."""
    found = -1
    headings: list[str] = []
    lines = str(markdown).replace("\u00a0", " ").splitlines()
    for index, line in enumerate(lines):
        parts = [part.strip() for part in line.strip("|").split("|")]
        if index + 1 < len(lines) and lines[index + 1].startswith("|:"):
            headings = parts
        elif line.startswith("|") and parts[0].startswith(label):
            found += 1
            if found == table:
                return dict(zip(headings, parts, strict=True))
    raise LookupError(label)

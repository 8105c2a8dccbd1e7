"""A small content typed by hand, for tests that change a few of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports import Column, Content, Features, Measure, Row

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
FID = Measure("fid", "FID", "10 against 10 images", headline=True, ideal="fid_floor")
QUALITY = (Features("inception", "Inception", [FID]),)


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
        "quality": QUALITY,
    }
    return Content(**given | changes)


def cells(markdown: str, label: str, table: int = 0) -> dict[str, str]:
    """Return the cells of the row that starts with `label`, by heading, in the n-th such table."""
    found = -1
    headings: list[str] = []
    lines = markdown.splitlines()
    for index, line in enumerate(lines):
        parts = [part.strip() for part in line.strip("|").split("|")]
        if index + 1 < len(lines) and lines[index + 1].startswith("|:"):
            headings = parts
        elif line.startswith("|") and parts[0].startswith(label):
            found += 1
            if found == table:
                return dict(zip(headings, parts, strict=True))
    raise LookupError(label)

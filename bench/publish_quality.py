"""What the results hold of generated images, described for each feature extractor of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from bench.catalogue import quality_metrics
from reports import Metric

HEADLINES = ("frechet_images", "frechet_reference_images", "data_set")


def quality(plan: Mapping[str, Any], table: pd.DataFrame) -> list[Metric]:
    """The metrics of a plan's features; the protocol of a distance says of how many images."""
    counts = _counts(table)
    if not counts:
        return []
    return [
        replace(metric, protocol=f"{metric.protocol}: {counts}") if metric.headline else metric
        for name, features in plan["features"].items()
        for metric in quality_metrics(
            name,
            features["column"],
            features["heading"],
            features["kernel_column"],
            features["kernel_heading"],
        )
    ]


def _counts(table: pd.DataFrame) -> str:
    """Numbers of images behind a Frechet distance, for each data set; "" where there is none."""
    if not set(HEADLINES) <= set(table):
        return ""
    measured = table.dropna(subset=list(HEADLINES))[list(HEADLINES)]
    return ", ".join(_distinct(measured.itertuples(index=False, name=None)))


def _distinct(rows: Iterable[tuple[float, float, str]]) -> dict[str, None]:
    return dict.fromkeys(
        f"{generated:.0f} against {real:.0f} of {data_set}" for generated, real, data_set in rows
    )

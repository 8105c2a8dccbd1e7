"""The catalogue of metrics: every column that a run can have, in the order of results.csv."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from bench.evaluation import MEASUREMENTS, Measurement
from bench.execution.run import METRICS
from reports import Metric

HEADLINES = ("frechet_images", "frechet_reference_images", "data_set")


def metrics(measurements: Iterable[Measurement] = ()) -> tuple[Metric, ...]:
    """Return the metrics of the training and of these measurements; of none given, of all."""
    chosen = list(measurements) or [part for cls in MEASUREMENTS for part in cls().parts()]
    every = (metric for measurement in chosen for metric in measurement.metrics)
    return tuple({metric.key: metric for metric in (*METRICS, *every)}.values())


def documented() -> tuple[Metric, ...]:
    """Return what docs/metrics.md shows: all metrics, those of sample quality for one extractor."""
    every = [part for cls in MEASUREMENTS for part in cls().parts()]
    return metrics([each for each in every if each.label != "quality_random_vgg"])


def with_counts(catalogue: Iterable[Metric], table: pd.DataFrame) -> tuple[Metric, ...]:
    """Return the metrics; the protocol of a headline says how many images it was measured on."""
    counts = _counts(table)
    return tuple(
        replace(metric, protocol=f"{metric.protocol}: {counts}")
        if metric.headline and counts
        else metric
        for metric in catalogue
    )


def _counts(table: pd.DataFrame) -> str:
    """Numbers of images behind a Frechet distance, for each data set; "" where there is none."""
    if not set(HEADLINES) <= set(table):
        return ""
    measured = table.dropna(subset=list(HEADLINES))[list(HEADLINES)]
    numbers = dict.fromkeys(measured.itertuples(index=False, name=None))
    return ", ".join(
        f"{generated:.0f} against {real:.0f} of {data_set}" for generated, real, data_set in numbers
    )

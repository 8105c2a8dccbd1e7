"""The catalogue of metrics: every column that a run can have, in the order of results.csv."""

from __future__ import annotations

from collections.abc import Iterable

from bench.evaluation import MEASUREMENTS, Measurement
from bench.execution.run import METRICS
from reports import Metric


def metrics(measurements: Iterable[Measurement] = ()) -> tuple[Metric, ...]:
    """Return the metrics of the training and of these measurements; of none given, of all."""
    chosen = list(measurements) or [part for cls in MEASUREMENTS for part in cls().parts()]
    every = (
        metric
        for measurement in chosen
        for metric in (
            *measurement.metrics,
            measurement.seconds_metric,
            measurement.absent_metric,
        )
    )
    return tuple({metric.key: metric for metric in (*METRICS, *every)}.values())

"""Measures of images and of latents, as pure functions; one file a kind of measure."""

from bench.metrics.calibration import Calibration, Transforms, transform
from bench.metrics.features import FeatureError, FeatureExtractor, extractor
from bench.metrics.frechet import Accumulator, Statistics, frechet_distance, statistics
from bench.metrics.images import quantise
from bench.metrics.information import Information, information
from bench.metrics.kernel import KernelDistance, kernel_distance
from bench.metrics.latents import active_units, probe_accuracy
from bench.metrics.manifold import Manifold, expected_coverage, manifold
from bench.metrics.video import BestOfSamples, VideoSimilarity

__all__ = [
    "Accumulator",
    "BestOfSamples",
    "Calibration",
    "FeatureError",
    "FeatureExtractor",
    "Information",
    "KernelDistance",
    "Manifold",
    "Statistics",
    "Transforms",
    "VideoSimilarity",
    "active_units",
    "expected_coverage",
    "extractor",
    "frechet_distance",
    "information",
    "kernel_distance",
    "manifold",
    "probe_accuracy",
    "quantise",
    "statistics",
    "transform",
]

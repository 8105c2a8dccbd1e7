"""Measures of images and of codes; one file a kind of measure."""

from bench.metrics.features import FeatureError, FeatureExtractor, extractor
from bench.metrics.frechet import Accumulator, Statistics, frechet_distance, statistics
from bench.metrics.images import quantise
from bench.metrics.information import Information, information

__all__ = [
    "Accumulator",
    "FeatureError",
    "FeatureExtractor",
    "Information",
    "Statistics",
    "extractor",
    "frechet_distance",
    "information",
    "quantise",
    "statistics",
]

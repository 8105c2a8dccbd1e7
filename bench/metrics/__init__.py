"""Measures of images and of latents, as pure functions; one file a kind of measure."""

from bench.metrics.features import FeatureError, FeatureExtractor

__all__ = ["FeatureError", "FeatureExtractor"]

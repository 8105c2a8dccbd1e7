"""The same network as of FID on images of 75 pixels a side: sixteen times as cheap, and not FID.

75 is the least that the network takes. Its distances order trained models as FID does, and damaged
images as a person would (docs/metrics.md), which features of random or of smaller networks do not.
"""

import torch

from bench.metrics.features import inception
from bench.metrics.features.base import Description, FeatureExtractor

DESCRIPTION = Description(
    name="inception_75",
    column="fd_inception_75",
    heading="FD-Inception-75",
    kernel_column="kd_inception_75",
    kernel_heading="KD-Inception-75",
    headline="kernel",  # its expectation does not depend on the number of images
    protocol="gray repeated to RGB, resized to 75x75 (bilinear, no corner alignment, no "
    "antialiasing), scaled to [-1, 1]; 2048 pool3 features of the network and weights of FID, "
    "which is taken at 299x299: no number of these is an FID; unbiased covariances",
)
_VERSION = "inception_75 1"  # count up when anything between image and feature changes
available = inception.available


def build(device: torch.device) -> FeatureExtractor:
    """Return the extractor; a FeatureError if no source has the weights."""
    return inception.pool3(DESCRIPTION, _VERSION, 75, device)

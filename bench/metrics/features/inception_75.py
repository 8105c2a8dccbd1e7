"""Directions of the features of the FID Inception at 75 pixels a side: cheap, and not FID.

75 pixels are the least that the network takes, a fifteenth of the work. Its last map has one place
then, so nothing is averaged, and the length of the features varies from 21 to 83 between the lowest
and the highest tenth of CIFAR-10, which drowns all else: their direction orders models more like
FID than they do themselves (docs/metrics.md).
"""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

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
    "which is taken at 299x299, divided by their root mean square over an image: no number of "
    "these is an FID; unbiased covariances",
)
_VERSION = "inception_75 3"  # count up when anything between image and feature changes
available = inception.available


def build(device: torch.device) -> FeatureExtractor:
    """Return the extractor; a FeatureError if no source has the weights."""
    pool3 = inception.pool3(DESCRIPTION, _VERSION, 75, device)
    return replace(pool3, network=nn.Sequential(pool3.network, _Direction()))


class _Direction(nn.Module):
    """Features (B, F) at the length of the root of F: a product over F is then a cosine."""

    def forward(self, features: Tensor) -> Tensor:
        length: float = features.shape[1] ** 0.5
        return functional.normalize(features) * length

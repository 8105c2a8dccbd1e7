"""Features of the FID Inception network: pytorch-fid's own network, with its weights.

Heusel et al. (2017), "GANs Trained by a Two Time-Scale Update Rule", arXiv:1706.08500; the
2048 features of the last pooling of the 2015 TensorFlow Inception, as ported by pytorch-fid.
"""

import threading
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from bench.metrics.features import inception_weights
from bench.metrics.features.base import Description, FeatureExtractor, fingerprint

DESCRIPTION = Description(
    name="inception",
    column="fid",
    heading="FID",
    kernel_column="kid",
    kernel_heading="KID",
    protocol="gray repeated to RGB, resized to 299x299 (bilinear, no corner alignment, no "
    "antialiasing), scaled to [-1, 1]; 2048 pool3 features of pytorch-fid's Inception (TensorFlow "
    "weights of 2015-12-05); unbiased covariances",
)
_VERSION = "inception 1"  # count up when anything between image and feature changes
_building = threading.Lock()


def available() -> bool:
    """Whether the weights are on this machine, so that nothing need be fetched."""
    return inception_weights.available()


def build(device: torch.device) -> FeatureExtractor:
    """Return the extractor.

    Raises:
        FeatureError: no source has the weights.
    """
    weights = inception_weights.load()
    return FeatureExtractor(
        description=DESCRIPTION,
        dimensions=2048,
        fingerprint=fingerprint(_VERSION, inception_weights.convolutions(weights)),
        batch_size=32,
        network=_Pool3(weights).to(device).to(memory_format=torch.channels_last),
        device=device,
    )


class _Pool3(nn.Module):
    """pytorch-fid's network with its resizing and scaling; (B, 3, H, W) in [0, 1] to (B, 2048)."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.inception = network(weights)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.inception(images)[0]
        return features.flatten(1)


def network(weights: dict[str, Tensor]) -> nn.Module:
    """Return `pytorch_fid.inception.InceptionV3` up to pool3, in evaluation mode."""
    from pytorch_fid import inception  # noqa: PLC0415  (here because it imports torchvision)

    # Its constructor downloads the weights and accepts no others, so the download is replaced by
    # them. Strict loading requires the classifier as well, which pool3 does not use.
    complete = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008), **weights}

    replaced = mock.patch.object(inception, "load_state_dict_from_url", return_value=complete)
    with _building, replaced:
        inception_v3: Any = inception.InceptionV3  # has no annotations
        built: nn.Module = inception_v3([inception_v3.BLOCK_INDEX_BY_DIM[2048]])
    return built.eval().requires_grad_(False)

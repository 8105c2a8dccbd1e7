"""Features of a random VGG, for images far from ImageNet's and machines without a GPU.

After Naeem et al. (2020), "Reliable Fidelity and Diversity Metrics for Generative Models",
arXiv:2002.09797, section 4: a randomly initialised VGG16 with 64 outputs, for images far from
ImageNet's. It differs from theirs in order to suit 28 to 64 pixels and two cores: six 3x3
convolutions (32, 32, 64, 64, 128, 128 channels) where VGG16 has thirteen (64 to 512); images keep
their own resolution where theirs are enlarged to 224 pixels; global average pooling and one linear
map to the 64 outputs replace the three linear layers of VGG16. Hence numbers compare within this
benchmark only.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from bench.metrics.features.base import Description, FeatureExtractor, fingerprint

_VERSION = "random_vgg 1"  # count up when anything between image and feature changes
_SEED = 2020
_WIDTHS = ((32, 32), (64, 64), (128, 128))  # convolutions between two poolings
_DIMENSIONS = 64
DESCRIPTION = Description(
    name="random_vgg",
    column="fd_random_vgg",
    heading="FD-random-VGG",
    kernel_column="kd_random_vgg",
    kernel_heading="KD-random-VGG",
    protocol="images at their own resolution, gray repeated to RGB, values scaled to [-1, 1]; 64 "
    "features of a random VGG-style network (six 3x3 convolutions, global average pooling, He "
    f"initialisation, PCG64 seed {_SEED}); unbiased covariances",
)


def available() -> bool:
    """Whether it can be had without fetching anything: always."""
    return True


def build(device: torch.device) -> FeatureExtractor:
    """Return the extractor; the weights are drawn anew, the same each time."""
    network = _network()
    return FeatureExtractor(
        description=DESCRIPTION,
        dimensions=_DIMENSIONS,
        fingerprint=fingerprint(_VERSION, network.parameters()),
        batch_size=32,  # the first feature map at 32 pixels is then 4 MiB: it stays in the cache
        network=network.to(device).to(memory_format=torch.channels_last),
        device=device,
    )


class _Scale(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return (2 * images - 1).contiguous(memory_format=torch.channels_last)


def _network() -> nn.Module:
    layers: list[nn.Module] = [_Scale()]
    channels = 3
    for block in _WIDTHS:
        for width in block:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers[-1] = nn.AdaptiveAvgPool2d(1)  # in place of the last pooling: any size from 4 pixels
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, _DIMENSIONS))
    _initialise(network)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def _initialise(network: nn.Module) -> None:
    """Draw N(0, 2 / fan-in) weights and zero biases (He et al. 2015, arXiv:1502.01852, eq. 10)."""
    # By NumPy and not by torch, whose generators may change with its version and device.
    generator = np.random.Generator(np.random.PCG64(_SEED))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            scale = math.sqrt(2 / layer.weight[0].numel())
            draws = generator.standard_normal(tuple(layer.weight.shape)) * scale
            layer.weight.copy_(torch.from_numpy(draws))
            assert layer.bias is not None
            layer.bias.zero_()

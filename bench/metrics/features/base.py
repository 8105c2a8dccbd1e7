"""What every feature extractor is: a frozen network, its preprocessing, and the words to print."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


class FeatureError(RuntimeError):
    """A feature extractor is not available; the message says why and what would help."""


@dataclass(frozen=True)
class Description:
    """What is known of an extractor without its weights."""

    name: str  # the registered one
    column: str  # prefix of the columns of results that hold its Frechet distance
    heading: str  # of the Frechet distance; "FID" is reserved for the Inception network
    kernel_column: str  # prefix of the columns that hold its kernel distance
    kernel_heading: str  # of the kernel distance; "KID" is reserved likewise
    headline: Literal["frechet", "kernel"]  # the distance that reports judge by
    protocol: str  # one sentence on resizing, scaling and weights, printed beside every number


@dataclass(frozen=True, eq=False)
class FeatureExtractor:
    """A fixed map from 8-bit images to features.

    The network maps RGB (B, 3, H, W) float32 in [0, 1] to (B, F); it resizes and scales.

    Example:
        >>> import torch
        >>> from bench.metrics.features import FeatureExtractor, describe
        >>> colours = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> words, cpu = describe("inception_75"), torch.device("cpu")
        >>> network = FeatureExtractor(words, 3, "0", 32, colours, cpu)
        >>> network(torch.full((1, 1, 28, 28), 51, dtype=torch.uint8))
        tensor([[0.2000, 0.2000, 0.2000]])
    """

    description: Description
    dimensions: int  # F
    fingerprint: str  # hash of weights and preprocessing: features compare only where it is equal
    batch_size: int  # images that go through the network at once, unless a call chooses another
    network: nn.Module
    device: torch.device  # of the network

    @torch.inference_mode()
    def __call__(self, images: Tensor, *, batch_size: int | None = None) -> Tensor:
        """Return the features (B, F) of images, float32 on `device`.

        Args:
            images: uint8 (B, C, H, W) on any device, C 1 (repeated to RGB) or 3.
            batch_size: images that go through the network at once.

        Raises:
            ValueError: images of another type or shape.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                "images must be uint8 (B, C, H, W) with C 1 or 3, "
                f"not {images.dtype} {tuple(images.shape)}"
            )
        features = torch.empty(len(images), self.dimensions, device=self.device)
        size = batch_size or self.batch_size
        with _without_trials():
            for start in range(0, len(images), size):
                batch = images[start : start + size].to(self.device).expand(-1, 3, -1, -1)
                features[start : start + size] = self.network(batch.float() / 255)
        return features


@contextmanager
def _without_trials() -> Iterator[None]:
    """Let cuDNN take the kernels that it expects to be fast.

    To try them all takes longer than ten thousand images: a hundred convolutions, and anew for each
    size of a last batch.
    """
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def fingerprint(version: str, tensors: Iterable[Tensor]) -> str:
    """Return 16 hexadecimal digits that change with any bit of the weights, or with the version."""
    return digest(tensors, version.encode())[:16]


def digest(tensors: Iterable[Tensor], prefix: bytes = b"") -> str:
    """Return the SHA-256 of the values, float32 in C order, whatever file or device they are in."""
    sha = hashlib.sha256(prefix)
    for tensor in tensors:
        sha.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return sha.hexdigest()

"""Feature extractors for Frechet distances; a new one is a file with `build` and a line below."""

from collections.abc import Callable

import torch

from bench.metrics.features import inception, random_vgg
from bench.metrics.features.base import FeatureError, FeatureExtractor

__all__ = ["FeatureError", "FeatureExtractor", "extractor", "names"]

_BUILDERS: dict[str, Callable[[torch.device], FeatureExtractor]] = {
    "inception": inception.build,
    "random_vgg": random_vgg.build,
}


def names() -> list[str]:
    """Return the registered names, sorted.

    Example:
        >>> from bench.metrics import features
        >>> features.names()
        ['inception', 'random_vgg']
    """
    return sorted(_BUILDERS)


def extractor(name: str, device: torch.device | str = "cpu") -> FeatureExtractor:
    """Return a feature extractor on a device.

    Raises:
        ValueError: unknown name.
        FeatureError: its weights are not available.

    Example:
        >>> import torch
        >>> from bench.metrics import extractor
        >>> network = extractor("random_vgg")
        >>> network(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).shape
        torch.Size([2, 64])
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown feature extractor {name!r}; there are {', '.join(names())}")
    return _BUILDERS[name](torch.device(device))

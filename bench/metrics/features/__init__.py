"""Feature extractors for distances of images; a new one is a file with what EXTRACTORS lists of it.

That is `DESCRIPTION`, `available()` and `build(device)`; the name of the file is its name.
"""

import importlib
import pkgutil
from types import ModuleType

import torch

from bench.metrics.features.base import Description, FeatureError, FeatureExtractor

__all__ = [
    "Description",
    "FeatureError",
    "FeatureExtractor",
    "available",
    "describe",
    "extractor",
    "names",
]

_MODULES = (
    importlib.import_module(f"{__name__}.{module.name}")
    for module in pkgutil.iter_modules(__path__)
)
EXTRACTORS: dict[str, ModuleType] = {
    module.DESCRIPTION.name: module for module in _MODULES if hasattr(module, "DESCRIPTION")
}


def names() -> list[str]:
    """Return the registered names, sorted.

    Example:
        >>> from bench.metrics import features
        >>> "inception" in features.names()
        True
    """
    return sorted(EXTRACTORS)


def describe(name: str) -> Description:
    """Return names and protocol of a registered extractor; nothing is fetched."""
    description: Description = _get(name).DESCRIPTION
    return description


def available(name: str) -> bool:
    """Return whether an extractor can be had without fetching anything."""
    return bool(_get(name).available())


def extractor(name: str, device: torch.device | str = "cpu") -> FeatureExtractor:
    """Return a feature extractor on a device.

    Raises:
        ValueError: unknown name.
        FeatureError: its weights are not available.

    Example:
        >>> import torch
        >>> from bench.metrics.features import extractor
        >>> network = extractor("inception_75")  # doctest: +SKIP
        >>> network(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).shape  # doctest: +SKIP
        torch.Size([2, 2048])
    """
    built: FeatureExtractor = _get(name).build(torch.device(device))
    return built


def _get(name: str) -> ModuleType:
    if name not in EXTRACTORS:
        raise ValueError(f"unknown feature extractor {name!r}; there are {', '.join(names())}")
    return EXTRACTORS[name]

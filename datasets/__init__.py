"""The data of the benchmark: images on the 8-bit grid in fixed, disjoint splits.

    import datasets
    data = datasets.load("mnist")       # fetched on first use
    data.train.shape, data.train.dtype  # torch.Size([55000, 1, 28, 28]), torch.uint8

One file of this folder is one data set: a `Loader` decorated with `register`; nothing else
needs editing. See `base.py` for what a loader says about itself.
"""

from datasets.base import Content, DataError, Dataset, Loader, Status
from datasets.registry import AUTOMATIC, fetch, load, names, register, status

__all__ = [
    "AUTOMATIC",
    "Content",
    "DataError",
    "Dataset",
    "Loader",
    "Status",
    "fetch",
    "load",
    "names",
    "register",
    "status",
]

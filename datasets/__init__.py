"""The data of the benchmark: images on the 8-bit grid in fixed, disjoint splits.

    import datasets
    data = datasets.load("mnist")       # fetched on first use
    data.train.shape, data.train.dtype  # torch.Size([55000, 1, 28, 28]), torch.uint8

The folders, each of which imports only those before it:

    transport/  how files reach this machine: servers, packages, partial downloads
    core/       what a data set is, the registry, the data folder; status, fetch and load
    formats/    formats that several data sets share
    own/        data that a user brings: a folder of pictures, an .npz file
    sets/       one file a data set: a `Loader` decorated with `register`; needs no other edit
"""

from datasets.core.dataset import AUTOMATIC, Content, DataError, Dataset, Status
from datasets.core.fetching import fetch, load, status
from datasets.core.registry import Loader, names, register
from datasets.own import add

__all__ = [
    "AUTOMATIC",
    "Content",
    "DataError",
    "Dataset",
    "Loader",
    "Status",
    "add",
    "fetch",
    "load",
    "names",
    "register",
    "status",
]

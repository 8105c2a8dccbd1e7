"""Data that a user brings: `folder` of pictures, or `npz` file."""

from pathlib import Path

from datasets.core.dataset import DataError
from datasets.core.registry import enter
from datasets.own.base import Own, Size
from datasets.own.folder import Folder
from datasets.own.npz import Npz

SIZE = (32, 32)  # of pictures
CROPS = ("centre", "none")


def add(path: str | Path, size: tuple[int, int] | None = None, crop: str = "centre") -> str:
    """Make a folder of pictures, or an .npz file, known as a data set; returns its name.

    Args:
        path: a folder of PNG and JPEG files at any depth, with folders train, validation and test
            or split by a hash of the file names; or a file of uint8 arrays (N, H, W) or
            (N, H, W, C), `images` or `train`, `validation` and `test`, and labels if there are any,
            `labels` or `train_labels`, `validation_labels` and `test_labels`.
        size: height and width; default: 32x32 for pictures, as it is for arrays.
        crop: "centre", the largest central part of the shape of `size`, or "none".

    Raises:
        DataError: there is no such thing, or it cannot be used; one line that says why.
    """
    path = Path(path).expanduser().resolve()
    if crop not in CROPS:
        raise DataError(f"crop {crop!r} is not one of: {', '.join(CROPS)}")
    if size and min(size) < 1:
        raise DataError(f"size {size[0]}x{size[1]} is not of positive numbers")
    loader: Own
    if path.is_dir():
        loader = Folder(path, Size(*(size or SIZE), crop))
    elif path.suffix == ".npz" and path.is_file():
        loader = Npz(path, Size(*size, crop) if size else None)
    else:
        raise DataError(f"{path} is neither a folder nor a file FILE.npz")
    enter(loader.name, loader)
    return loader.name

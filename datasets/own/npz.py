"""An .npz file of uint8 arrays."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.core.checksums import shuffled
from datasets.core.dataset import SPLITS, Bytes, DataError
from datasets.formats.converted import Batch
from datasets.own.base import (
    BATCH,
    LEAST,
    LEAST_OF_PART,
    UNREADABLE,
    Looked,
    Numbers,
    Own,
    channels_first,
    counts,
    reason,
)


class Npz(Own):
    """Arrays of grey levels: `images`, or `train`, `validation` and `test`."""

    def stamped(self) -> list[Path]:
        """See `Own.stamped`."""
        return [self.path]

    def look(self) -> Looked:
        """See `Own.look`: all is read."""
        arrays, labels = self._arrays()
        height, width = arrays["train"].shape[1:3]
        found = f"{height}x{width} pixels"
        if self.size:
            height, width, found = *self.size[:2], f"{found}: {self.size}"
        channels = 3 if arrays["train"].ndim == 4 and arrays["train"].shape[3] == 3 else 1
        train, validation, test = (len(arrays[part]) for part in SPLITS)
        count = train + validation + test
        words = f"{self.name}: {count} images of {self.path.name}, {found}; "
        words += "labelled." if labels else "no labels."
        return (channels, height, width), (train, validation, test), words

    def batches(self, root: Path) -> Iterator[Batch]:
        """See `ConvertedLoader.batches`."""
        arrays, labels = self._arrays()
        for part in SPLITS:
            for start in range(0, len(arrays[part]), BATCH):
                some = arrays[part][start : start + BATCH]
                some = some[..., 0] if some.ndim == 4 and some.shape[3] == 1 else some
                if self.size:
                    some = np.stack([self.size.fit(Image.fromarray(image)) for image in some])
                classes = labels[part][start : start + BATCH] if labels else None
                yield Batch(channels_first(some), classes)

    def _arrays(self) -> tuple[dict[str, Bytes], dict[str, Numbers]]:
        """Images (N, H, W) or (N, H, W, C) and labels (N,), if there are any, by part."""
        try:
            with np.load(self.path, allow_pickle=False) as file:
                content = {key: file[key] for key in file.files}
        except (*UNREADABLE, zipfile.BadZipFile, TypeError, AttributeError) as error:
            raise DataError(f"{self.path} is no .npz of numbers ({reason(error)})") from error
        if "images" in content:
            images, labels = {"images": content["images"]}, _some(content, {"images": "labels"})
        elif set(SPLITS) <= content.keys():
            images = {part: content[part] for part in SPLITS}
            labels = _some(content, {part: f"{part}_labels" for part in SPLITS})
        else:
            raise DataError(
                f"{self.path} has the keys {', '.join(content) or 'none'}: `images`, or `train`, "
                "`validation` and `test` are needed"
            )
        for key, array in images.items():
            _check_array(self.path, key, array, labels.get(key))
        if len({array.shape[1:] for array in images.values()}) > 1:
            raise DataError(
                f"{self.path}: train, validation and test differ in the shape of images"
            )
        if "images" not in images:
            return images, labels
        order = shuffled(len(images["images"]), "own data")
        ends = np.cumsum(counts(len(order)))[:-1]
        cut = {
            key: dict(zip(SPLITS, np.split(each["images"][order], ends), strict=True))
            for key, each in (("images", images), ("labels", labels))
            if each
        }
        return cut["images"], cut.get("labels", {})


def _some(content: Mapping[str, Numbers], keys: Mapping[str, str]) -> dict[str, Numbers]:
    """The arrays of labels; none if there is not one for each array of images."""
    complete = content.keys() >= set(keys.values())
    return {key: content[name] for key, name in keys.items()} if complete else {}


def _check_array(path: Path, key: str, array: Numbers, labels: Numbers | None) -> None:
    if array.dtype != np.uint8:
        raise DataError(f"{path}: `{key}` is {array.dtype}: uint8, grey levels 0 to 255, is needed")
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise DataError(
            f"{path}: `{key}` has the shape {array.shape}: (N, H, W), (N, H, W, 1) or (N, H, W, 3) "
            "is needed"
        )
    least = LEAST if key == "images" else LEAST_OF_PART
    if len(array) < least:
        raise DataError(f"{path}: `{key}` has {len(array)} images: at least {least} are needed")
    if labels is not None and not (labels.shape == (len(array),) and labels.dtype.kind in "iu"):
        raise DataError(
            f"{path}: the labels of `{key}` are {labels.dtype} {labels.shape}: "
            f"{len(array)} integers are needed"
        )

"""Data sets that are converted once, in one pass, and memory-mapped afterwards.

For data that takes long to read (thousands of pictures to decode and resize) or does not fit
into memory (video). The arrays lie in `converted/<name>-<variant>` of the data folder; the
original files may be deleted.

To hash the arrays at each load would mean to read them at each load. So their checksum is computed
while they are written, and is kept beside them with size and time of change of each file. As long
as these are unchanged, the checksum is trusted; otherwise the arrays are hashed again and must
agree with it.
"""

import hashlib
import json
import math
import threading
from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from datasets.core.checksums import checksum, heading
from datasets.core.dataset import SPLITS, Bytes, Content, DataError, FolderError, split_labels
from datasets.core.registry import RECEIPT, Loader, complete
from datasets.core.storage import lacking_space, locked, publish, staging

FOLDER, LABELS, RECORD = "converted", "labels.npy", "content.json"
HEADER = threading.Lock()


class Batch(NamedTuple):
    """Converted items: uint8 (N, *shape), and labels (N,) where there are any."""

    items: Bytes
    labels: NDArray[Any] | None = None


class ConvertedLoader(Loader):
    """Original files that are converted into memory-mapped arrays."""

    variant: str  # name of the conversion; another one of the same originals has another

    @abstractmethod
    def originals(self, root: Path) -> list[Path]:
        """List the original files, as `Loader.files` does."""

    @abstractmethod
    def batches(self, root: Path) -> Iterator[Batch]:
        """Read, verify and convert the originals: training, validation, test items in turn.

        A batch may reach from one part into the next. Only one should be in memory at a time. An
        original that is unreadable, or not the one that is known, raises a DataError.
        """

    def verify(self, root: Path) -> None:
        """See `Loader.verify`: what is large is read once, and only the arrays are kept."""
        self.convert(root)

    def files(self, root: Path) -> list[Path]:
        """See `Loader.files`: the converted arrays, else the originals."""
        return self._converted(root) or self.originals(root)

    def _folder(self, root: Path) -> Path:
        return root / FOLDER / f"{self.name}-{self.made(root)}"

    def made(self, root: Path) -> str:
        """Return the variant below root, where there may be several."""
        return self.variant

    def _converted(self, root: Path) -> list[Path]:
        folder = self._folder(root)
        files = complete(*(folder / f"{split}.npy" for split in SPLITS), folder / RECORD)
        return files + complete(folder / LABELS) if files else []

    def convert(self, root: Path) -> None:
        """See `Loader.convert`; of several processes one does the work."""
        if self._converted(root):
            return
        with locked(root):
            if self._converted(root):
                return
            if lacking := lacking_space(root, sum(self.counts) * math.prod(self.shape)):
                raise FolderError(f"no space to convert {self.name} in {root}: {lacking}")
            with staging(root) as staged:
                folder = staged / self._folder(root).relative_to(root)
                folder.mkdir(parents=True)
                record = self._write(root, folder)
                (folder / RECEIPT).write_text(f"{self.origin(root)}\n", encoding="utf-8")
                files = list(folder.iterdir())  # the record comes last: it describes the others
                (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")
                publish([*files, folder / RECORD], staged, root)

    def _write(self, root: Path, folder: Path) -> dict[str, object]:
        digest = hashlib.sha256()
        labels: list[NDArray[Any]] = []
        total, shapes, title = sum(self.counts), self._shapes(), f"converting {self.name}"
        with (
            closing(_pieces(self.batches(root), self.counts, labels)) as pieces,
            tqdm(total=total, desc=title, unit=" items", leave=False, disable=None) as bar,
        ):
            for split, parts in groupby(pieces, key=itemgetter(0)):
                digest.update(heading(split, shapes[split]))
                with (folder / f"{split}.npy").open("wb") as file:
                    header = {"descr": "|u1", "fortran_order": False, "shape": shapes[split]}
                    np.lib.format.write_array_header_1_0(file, header)
                    for _, items in parts:
                        # Written, not mapped: mapped pages would count as memory in use.
                        file.write(items.data)
                        digest.update(items.data)
                        bar.update(len(items))
        if labels:
            np.save(folder / LABELS, np.concatenate(labels).astype(np.int64))
        return {"checksum": digest.hexdigest(), "files": _stamps(folder), "labels": bool(labels)}

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        counts = zip(SPLITS, self.counts, strict=True)
        return {split: (count, *self.shape) for split, count in counts}

    def read(self, root: Path) -> Content:
        """See `Loader.read`: map the arrays."""
        folder = self._folder(root)
        try:
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            stamps, known = record["files"], record["checksum"]
            labels = _load(folder / LABELS) if record["labels"] else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder} is corrupt (its record or its labels: {error})") from error
        train, validation, test = (
            _map(folder / f"{split}.npy", shape) for split, shape in self._shapes().items()
        )
        if labels is not None and labels.shape != (sum(self.counts),):
            raise DataError(f"{folder} is corrupt (labels of shape {labels.shape})")
        parts = None if labels is None else split_labels(labels, self.counts)
        content = Content(train, validation, test, parts)
        if stamps != _stamps(folder) and (actual := checksum(content)) != known:
            raise DataError(
                f"{folder} is corrupt (sha256 of its content: expected {known}, found {actual})"
            )
        return content._replace(checksum=known)


def resized(picture: Image.Image, side: int) -> Bytes:
    """Resize a picture by Pillow's bilinear filter: (C, side, side), or (side, side) if gray."""
    array = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))
    return array.transpose(2, 0, 1) if array.ndim == 3 else array


def _pieces(
    batches: Iterator[Batch], counts: tuple[int, int, int], labels: list[NDArray[Any]]
) -> Generator[tuple[str, Bytes], None, None]:
    """Cut batches into pieces that belong to one split each; their labels are added to a list."""
    seen, total = 0, sum(counts)
    for items, classes in batches:
        ends = np.clip(np.cumsum(counts) - seen, 0, len(items))
        seen += len(items)
        if seen > total:
            raise DataError(f"the files hold at least {seen} items, expected {total}")
        if classes is not None:
            labels.append(classes)
        for split, piece in zip(SPLITS, np.split(items, ends[:-1]), strict=True):
            if len(piece):
                yield split, np.ascontiguousarray(piece)
    if seen < total:
        raise DataError(f"the files hold {seen} items, expected {total}")


def _stamps(folder: Path) -> dict[str, list[int]]:
    """Size and time of change of each array."""
    stats = {split: (folder / f"{split}.npy").stat() for split in SPLITS}
    return {split: [stat.st_size, stat.st_mtime_ns] for split, stat in stats.items()}


def _load(file: Path, mmap_mode: Literal["c"] | None = None) -> NDArray[Any]:
    # numpy reads a header by ast.literal_eval, which now and then fails while another thread calls
    # it, too (Python 3.11: "AST constructor recursion depth mismatch").
    with HEADER:
        return np.load(file, mmap_mode=mmap_mode)  # type: ignore[no-any-return]


def _map(file: Path, shape: tuple[int, ...]) -> Bytes:
    try:
        # "c" (copy on write): a change of the tensor stays in memory and never reaches the file.
        array = _load(file, mmap_mode="c")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} is corrupt ({error})") from error
    if array.dtype != np.uint8 or array.shape != shape:
        raise DataError(f"{file} is corrupt ({array.dtype} {array.shape}, expected uint8 {shape})")
    return array

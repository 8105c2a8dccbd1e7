"""The verb `load`: a data set in memory, or memory-mapped, with its content verified."""

from pathlib import Path

from datasets.core.checksums import checksum
from datasets.core.dataset import AUTOMATIC, Content, DataError, Dataset, FolderError
from datasets.core.fetching import advice, fetch, present_files
from datasets.core.registry import Loader, find
from datasets.core.storage import data_folder


def load(name: str, root: str | Path | None = None, download: bool = True) -> Dataset:
    """Read a data set into memory, or memory-map it, and verify it.

    A large data set is converted first, once; for that the folder must be writable.

    Args:
        name: a registered name.
        root: see `data_folder`. A folder that torchvision filled can be given as it is.
        download: fetch what is missing, up to `AUTOMATIC` bytes; otherwise missing is an error.

    Raises:
        DataError: unknown name, missing (and perhaps too large to be fetched unasked), corrupt, or
            no source worked.
    """
    loader, folder = find(name), data_folder(root)
    if not present_files(loader, folder):
        if not download:
            raise DataError(
                f"{name} is not in {folder}: run `python -m bench data fetch {name}`, "
                f"or {advice(loader, folder)}"
            )
        fetch(name, folder, limit=AUTOMATIC)
    content, digest = _read(loader, folder)

    import torch  # noqa: PLC0415 - see dataset.py

    train, validation, test = map(torch.from_numpy, content[:3])
    labels = None
    if content.labels is not None:
        labels = {split: torch.from_numpy(part).long() for split, part in content.labels.items()}
    source, description = loader.origin(folder), loader.describe(folder)
    return Dataset(name, train, validation, test, labels, source, digest, description)


def _read(loader: Loader, root: Path) -> tuple[Content, str]:
    """Read the content of a data set; returns its checksum, too."""
    try:
        loader.convert(root)
        content = loader.read(root)
    except FolderError:
        raise
    except DataError as error:
        again = f"fetch {loader.name} again" if loader.sources else advice(loader, root)
        raise DataError(f"{error}; delete it and {again}") from error
    digest = content.checksum or checksum(content)
    if loader.checksum not in (None, digest):
        raise DataError(
            f"{loader.name} was read differently here than where it was recorded "
            f"(sha256 of the splits: expected {loader.checksum}, found {digest})"
        )
    return content, digest

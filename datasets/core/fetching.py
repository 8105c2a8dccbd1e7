"""The verbs `status`, `fetch` and `load`: what is on disk, how it gets there, and into memory."""

import re
from pathlib import Path

from datasets.core.checksums import checksum
from datasets.core.dataset import (
    AUTOMATIC,
    SPLITS,
    Content,
    DataError,
    Dataset,
    FolderError,
    Status,
)
from datasets.core.registry import RECEIPT, Loader, find
from datasets.core.storage import STAGING, data_folder, lacking_space, locked, publish, staging
from datasets.transport.partials import Partials, SourceError, TransferError, megabytes, say
from datasets.transport.sources import Source


def status(name: str, root: str | Path | None = None) -> Status:
    """Look up what is on disk, by file names and sizes only; needs no network.

    An unknown name raises a DataError. For root see `data_folder`.
    """
    loader, folder = find(name), data_folder(root)
    files = present_files(loader, folder)
    titles = ", then ".join(source.title for source in loader.sources)
    return Status(
        name=name,
        present=bool(files),
        source=loader.origin(folder) if files else titles or "no source, to be put there by hand",
        bytes=sum(file.stat().st_size for file in files) if files else loader.bytes,
        path=files[0].parent if files else folder / loader.folder,
        **dict(zip(SPLITS, loader.counts, strict=True)),
        shape=loader.shape,
        checksum=loader.checksum,
        description=loader.description,
        arrived=Partials(folder, name).bytes(),
        transfer=0 if files else loader.transfer,
    )


def present_files(loader: Loader, root: Path) -> list[Path]:
    """See `Loader.files`; a folder above them that may not be entered raises a DataError."""
    try:
        return loader.files(root)
    except OSError as error:
        raise DataError(f"data folder {root} cannot be read ({error.strerror})") from error


def advice(loader: Loader, root: Path) -> str:
    """Say what to do by hand; see `Loader.advice`."""
    return loader.advice.format(folder=root / loader.folder)


def fetch(
    name: str,
    root: str | Path | None = None,
    progress: bool | None = None,
    limit: int | None = None,
) -> Status:
    """Make a data set present, by its sources in turn if need be; return its status afterwards.

    Only content of known checksum gets into the folder, each file whole or not at all. Of
    several processes that fetch at once, one does the work and the others wait for it. What an
    interruption leaves of a download is kept aside, and the next call goes on from there.

    Args:
        name: a registered name.
        root: see `data_folder`.
        progress: show a bar on stderr; None: only on a terminal.
        limit: bytes; a larger transfer is refused. Pass `AUTOMATIC` where the user did not ask
            for this data set by name.

    Raises:
        DataError: unknown name, too large, no source worked, or the folder cannot be written.
    """
    loader, folder = find(name), data_folder(root)
    if not present_files(loader, folder) and loader.transfer is not None:
        if limit is not None and loader.transfer > limit:
            raise DataError(
                f"{name} is not in {folder}, and {loader.transfer / 1e9:.1f} GB to fetch, more "
                f"than the {limit / 1e9:.1f} GB that are fetched unasked: "
                f"run `python -m bench data fetch {name}`, or {advice(loader, folder)}"
            )
        with locked(folder):
            if not present_files(loader, folder):
                _fetch(loader, folder, progress)
    if not present_files(loader, folder):
        raise DataError(f"{name} is not here and has no source: {advice(loader, folder)}")
    return status(name, root)


def _fetch(loader: Loader, root: Path, progress: bool | None) -> None:
    failures = []
    for source in loader.sources:
        say(f"{loader.name}: {source.title}, {megabytes(source.bytes)} MB, into {root}")
        try:
            with staging(root) as staged:
                _fetch_from(source, loader, staged, root, progress)
            return
        except Exception as error:  # whatever foreign content breaks: the next source is tried
            message = re.sub(re.escape(f"{root}/{STAGING}") + r"\w*/?", "", str(error))
            reason = " ".join(message.split()) or type(error).__name__
            failures.append(f"{source.title}: {reason}")
            say(f"{loader.name}: {failures[-1]}")
    raise DataError(
        f"{loader.name} could not be fetched ({'; '.join(failures)}): {advice(loader, root)}"
    )


def _fetch_from(
    source: Source, loader: Loader, staged: Path, root: Path, progress: bool | None
) -> None:
    partials = Partials(root, loader.name)
    # The originals and the files made of them, but for the bytes that have arrived already.
    needed = source.room + loader.bytes - min(partials.bytes(), source.bytes)
    if lacking := lacking_space(staged, needed):
        raise SourceError(f"no space, {lacking}")
    try:
        source.fetch(staged, partials, progress)
        loader.prepare(staged)
        if not loader.files(staged):
            raise SourceError("it lacks some of the files")
        loader.verify(staged)
    except Exception as error:
        if not _of_this_machine(error):
            partials.discard()
        raise
    files = loader.files(staged)
    receipt = files[0].parent / RECEIPT
    receipt.write_text(f"{source.title}, verified by checksum\n", encoding="utf-8")
    publish([*files, receipt], staged, root)
    partials.clear()


def _of_this_machine(error: Exception) -> bool:
    """Whether an error says nothing about the content: no connection, a full disk."""
    if isinstance(error, OSError):
        return error.errno is not None  # an error about foreign content has no number
    return isinstance(error, TransferError | FolderError)


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

"""The registry of data sets, and the four verbs on them: names, status, fetch, load."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from datasets.base import RECEIPT, DataError, Dataset, FolderError, Loader, Status
from datasets.sources import Source
from datasets.storage import STAGING, checksum, default_root, locked, publish, staging
from datasets.talk import say
from datasets.transfer import Partials, SourceError, TransferError

AUTOMATIC = 1_000_000_000  # bytes that are transferred unasked

LoaderType = TypeVar("LoaderType", bound=type[Loader])

_loaders: dict[str, Loader] = {}


def register(name: str) -> Callable[[LoaderType], LoaderType]:
    """Class decorator: make a `Loader` known under a name.

    Raises:
        ValueError: the name is taken.

    """

    def decorate(cls: LoaderType) -> LoaderType:
        if name in _loaders:
            raise ValueError(f"data set {name!r} is registered twice")
        _loaders[name] = cls()
        _loaders[name].name = name
        return cls

    return decorate


@cache
def _discover() -> None:
    folder = Path(__file__).parent
    for module in pkgutil.iter_modules([str(folder)]):
        importlib.import_module(f"{__package__}.{module.name}")


def names() -> list[str]:
    """Names of all data sets, sorted."""
    _discover()
    return sorted(_loaders)


def _find(name: str) -> Loader:
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"unknown data set {name!r}: allowed are {', '.join(names())}{hint}")
    return _loaders[name]


def _resolve(root: str | Path | None) -> Path:
    return default_root() if root is None else Path(root).expanduser()


def _files(loader: Loader, root: Path) -> list[Path]:
    try:
        return loader.files(root)
    except OSError as error:  # a folder above it that we may not enter
        raise DataError(f"data folder {root} cannot be read ({error.strerror})") from error


def status(name: str, root: str | Path | None = None) -> Status:
    """Tell what is on disk, by looking at file names and sizes only.

    Args:
        name: a registered name.
        root: data folder; None: $LIKELIHOOD_BENCH_DATA, else the user's cache folder.

    Raises:
        DataError: unknown name.

    """
    loader, folder = _find(name), _resolve(root)
    files = _files(loader, folder)
    wanted = ", then ".join(source.title for source in loader.sources)
    train, validation, test = loader.counts
    return Status(
        name=name,
        present=bool(files),
        source=loader.origin(folder) if files else wanted or "no source, to be put there by hand",
        bytes=sum(file.stat().st_size for file in files) if files else loader.bytes,
        path=files[0].parent if files else folder / loader.folder,
        train=train,
        validation=validation,
        test=test,
        shape=loader.shape,
        checksum=loader.checksum,
        arrived=Partials(folder, name).bytes(),
    )


def fetch(
    name: str,
    root: str | Path | None = None,
    progress: bool | None = None,
    limit: int | None = None,
) -> Status:
    """Make a data set present: do nothing if it is, else try its sources in turn.

    Only content of known checksum gets into the folder, each file whole or not at all. Of
    several processes that fetch at once, one does the work and the others wait for it. What an
    interruption leaves of a download is kept aside, and the next call goes on from there.

    Args:
        name: a registered name.
        root: as in `status`.
        progress: show a bar on stderr; None: only on a terminal.
        limit: bytes; what is larger to transfer is refused. `AUTOMATIC` is for whoever was not
            asked for this data set by name.

    Returns:
        The status afterwards.

    Raises:
        DataError: unknown name, too large, no source worked, or the folder cannot be written.

    """
    loader, folder = _find(name), _resolve(root)
    if not _files(loader, folder) and loader.sources:
        _check_limit(loader, folder, limit)
        with locked(folder):
            if not _files(loader, folder):
                _fetch(loader, folder, progress)
    if not _files(loader, folder):
        raise DataError(f"{name} is not here and has no source: {_advice(loader, folder)}")
    return status(name, root)


def _check_limit(loader: Loader, root: Path, limit: int | None) -> None:
    size = max(source.bytes for source in loader.sources)
    if limit is not None and size > limit:
        raise DataError(
            f"{loader.name} is not in {root}, and {size / 1e9:.1f} GB to fetch, more than the "
            f"{limit / 1e9:.1f} GB that are fetched unasked: "
            f"run `python -m bench data fetch {loader.name}`, or {_advice(loader, root)}"
        )


def _fetch(loader: Loader, root: Path, progress: bool | None) -> None:
    failures = []
    for source in loader.sources:
        say(f"{loader.name}: {source.title}, {source.bytes / 1e6:.0f} MB, into {root}")
        try:
            with staging(root) as staged:
                _try(loader, source, staged, root, progress)
            return
        except Exception as error:  # whatever foreign content breaks: the next source counts
            told = re.sub(re.escape(f"{root}/{STAGING}") + r"\w*/?", "", str(error))
            reason = " ".join(told.split()) or type(error).__name__
            failures.append(f"{source.title}: {reason}")
            say(f"{loader.name}: {failures[-1]}")
    raise DataError(
        f"{loader.name} could not be fetched ({'; '.join(failures)}): {_advice(loader, root)}"
    )


def _advice(loader: Loader, root: Path) -> str:
    return loader.advice.format(folder=root / loader.folder)


def _try(loader: Loader, source: Source, staged: Path, root: Path, progress: bool | None) -> None:
    partials = Partials(root, loader.name)
    # What it is made of and what is made of that, but for what has arrived already.
    needed = source.room + loader.bytes - min(partials.bytes(), source.bytes)
    free = shutil.disk_usage(staged).free
    if free < needed:
        raise SourceError(f"no space, needs {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free")
    try:
        source.fetch(staged, partials, progress)
        files = _prepared(loader, staged)
    except Exception as error:
        if not _of_this_machine(error):
            partials.discard()
        raise
    receipt = files[0].parent / RECEIPT
    receipt.write_text(f"{source.title}, verified by checksum\n", encoding="utf-8")
    publish([*files, receipt], staged, root)
    partials.clear()


def _prepared(loader: Loader, staged: Path) -> list[Path]:
    loader.prepare(staged)
    if not loader.files(staged):
        raise SourceError("it lacks some of the files")
    loader.verify(staged)
    return loader.files(staged)


def _of_this_machine(error: Exception) -> bool:
    """Whether an error says nothing against the content: no connection, a full disk."""
    if isinstance(error, OSError):
        return error.errno is not None  # what is thrown at foreign content has no number
    return isinstance(error, TransferError | FolderError)


def load(name: str, root: str | Path | None = None, download: bool = True) -> Dataset:
    """Read a data set into memory, or map it, and verify it.

    A large one is converted first, once; that takes a folder that can be written.

    Args:
        name: a registered name.
        root: as in `status`. A folder that torchvision filled can be given as it is.
        download: fetch what is missing, up to `AUTOMATIC` bytes; otherwise missing is an error.

    Raises:
        DataError: unknown name, missing (and perhaps too large to be fetched unasked), corrupt, or
            no source worked.

    """
    loader, folder = _find(name), _resolve(root)
    if not _files(loader, folder):
        if not download:
            raise DataError(
                f"{name} is not in {folder}: run `python -m bench data fetch {name}`, "
                f"or {_advice(loader, folder)}"
            )
        fetch(name, folder, limit=AUTOMATIC)
    try:
        loader.convert(folder)
        content = loader.read(folder)
    except FolderError:
        raise
    except DataError as error:
        again = f"fetch {name} again" if loader.sources else _advice(loader, folder)
        raise DataError(f"{error}; delete it and {again}") from error
    found = content.checksum or checksum(content)
    if loader.checksum not in (None, found):
        raise DataError(
            f"{name} was read differently here than where it was recorded "
            f"(sha256 of the splits: expected {loader.checksum}, found {found})"
        )

    import torch  # noqa: PLC0415 - see base.py

    labels = None
    if content.labels is not None:
        labels = {split: torch.from_numpy(part).long() for split, part in content.labels.items()}
    return Dataset(
        name=name,
        train=torch.from_numpy(content.train),
        validation=torch.from_numpy(content.validation),
        test=torch.from_numpy(content.test),
        labels=labels,
        source=loader.origin(folder),
        checksum=found,
        description=loader.describe(folder),
    )

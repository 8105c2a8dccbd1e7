"""Data files that are truncated, of wrong shape or kind, or not what is known."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from functools import partial

from datasets.core import registry
from datasets.core.storage import LOCK
from datasets.formats.idx import NAMES, IdxLoader
from datasets.transport.sources import extract
from tests.bench.cli.bad_input.case import RUN, Case, Place
from tests.datasets.conftest import COUNTS, Fake, idx_files

IMAGES = NAMES[0]
FETCH = ("data", "fetch", "tiny")
Content = bytes | None


def _loader(place: Place, **changes: object) -> None:
    """A data set of a few images, in a data folder of its own."""
    files = idx_files()
    loader = IdxLoader()
    known = tuple(hashlib.md5(files[name]).hexdigest() for name in NAMES)
    vars(loader).update(
        name="tiny",
        shape=(1, 4, 3),
        counts=COUNTS,
        bytes=400,
        folder="raw",
        md5=known,
        description="",
    )
    vars(loader).update(changes)
    registry.names()
    place.patch.setitem(registry._loaders, "tiny", loader)
    place.patch.setenv("LIKELIHOOD_BENCH_DATA", str(place.root / "data"))
    place.write(f"data/{LOCK}", "")


def _local(place: Place, content: Content, *, packed: bool = False, known: bool = False) -> None:
    """The files of that data set, of which one holds something else; None: it is missing."""
    files: dict[str, Content] = {**idx_files(), IMAGES: content}
    for name, each in files.items():
        if each is not None:
            place.write(f"data/raw/{name}{'.gz' if packed and name == IMAGES else ''}", each)
    whole = [hashlib.md5(each or b"").hexdigest() for each in (files[name] for name in NAMES)]
    _loader(place, **({"md5": tuple(whole)} if known else {}))


def _whole() -> bytes:
    return idx_files()[IMAGES]


def _flipped() -> bytes:
    return _whole()[:-1] + bytes([_whole()[-1] ^ 1])


def _tar(member: tarfile.TarInfo, content: bytes = b"") -> Callable[[Place], None]:
    """A source whose archive has this member and no other."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))

    class Archive(Fake):
        def fetch(self, folder, partials, progress) -> None:  # type: ignore[no-untyped-def]
            with tarfile.open(fileobj=io.BytesIO(archive.getvalue())) as tar:
                extract(tar.extractfile, {"images": f"raw/{IMAGES}"}, folder, self.unpacked)

    source = Archive(label="archive", bytes=100, members={})
    return lambda place: _loader(place, sources=(source,))


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def _served(name: str, content: bytes) -> Callable[[Place], None]:
    files = {f"raw/{each}": content_ for each, content_ in idx_files().items() if each != name}
    files[f"raw/{name}.gz"] = content
    source = Fake(label="server", files=files, bytes=400, members={})
    return lambda place: _loader(place, sources=(source,))


def _no_folder(place: Place) -> None:
    _loader(place, sources=(Fake(label="server", bytes=1, members={}),))
    place.patch.setenv("LIKELIHOOD_BENCH_DATA", str(place.write("file", "")))


LOCAL: tuple[tuple[str, Content, dict[str, bool], str], ...] = (
    ("nothing", b"", {}, "is corrupt (md5 of its content: expected"),
    ("half a file", _whole()[:40], {}, "is corrupt (md5 of its content: expected"),
    ("more than a file", _whole() + b"x", {}, "is corrupt (md5 of its content: expected"),
    ("another bit", _flipped(), {}, "is corrupt (md5 of its content: expected"),
    ("half an archive", gzip.compress(_whole())[:-9], {"packed": True}, "cannot be read"),
    ("no archive", b"nonsense", {"packed": True}, "cannot be read"),
    ("another archive", gzip.compress(_flipped()), {"packed": True}, "is corrupt (md5"),
    ("a bomb", gzip.compress(bytes(10**8)), {"packed": True}, "cannot be read (it unpacks to more"),
    ("no idx", b"nonsense", {"known": True}, "not an idx file of 8-bit values"),
    ("floats", b"\0\0\x0d\x01\0\0\0\1\0\0\0\0", {"known": True}, "not an idx file of 8-bit values"),
    ("a shape that lies", _whole()[:-1], {"known": True}, "cannot hold the shape"),
    ("a missing file", None, {}, "tiny is not here and has no source: put train-images"),
)
"""Name, content of the file with images, how it is kept, and what is said."""

SERVED = (
    ("a bomb that arrives", _served(IMAGES, gzip.compress(bytes(10**8))), "unpacks to more than"),
    ("half an archive that arrives", _served(IMAGES, gzip.compress(_whole())[:-9]), "could not be"),
    ("another bit that arrives", _served(IMAGES, gzip.compress(_flipped())), "is corrupt (md5"),
    ("an archive that leaves", _tar(_member("../../images")), "images is not in the archive"),
    ("an archive from the root", _tar(_member("/images")), "images is not in the archive"),
    ("a link", _tar(_member("images", tarfile.SYMTYPE, "/etc/passwd")), "is not in the archive"),
    (
        "a hard link",
        _tar(_member("images", tarfile.LNKTYPE, "/etc/passwd")),
        "is not in the archive",
    ),
    ("a device", _tar(_member("images", tarfile.CHRTYPE)), "images is not in the archive"),
    ("a folder", _tar(_member("images", tarfile.DIRTYPE)), "images is not in the archive"),
    ("a large member", _tar(_member("images"), bytes(10**6)), "unpacks to more than"),
    ("a data folder that is a file", _no_folder, "data folder"),
)
"""Name, the source, and what is said."""


def _bound(content: Content, how: dict[str, bool], place: Place) -> None:
    _local(place, content, **how)


def cases() -> Iterator[Case]:
    for name, content, how, says in LOCAL:
        yield Case(f"data: {name}", FETCH, says, partial(_bound, content, how))
    for name, prepare, says in SERVED:
        yield Case(f"data: {name}", FETCH, says, prepare)
    damaged = partial(_local, content=_flipped())
    run = [*RUN, "--datasets", "tiny"]
    yield Case("data: damaged ones in a run", run, "delete it and put train-images", damaged)
    whole = partial(_local, content=_whole())
    yield Case("data: too small for a batch", run, "batch_size 16 is more than the 5", whole)

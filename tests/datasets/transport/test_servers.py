"""Official sources, against a server on this machine."""

import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gdown
import pytest

from datasets.transport import partials as partial_downloads
from datasets.transport.partials import Partials, SourceError, TransferError
from datasets.transport.sources import Download, DownloadArchive, GoogleDrive
from tests.datasets.transport.conftest import CONTENT, Remote, breaking, tar

Server = tuple[str, dict[str, bytes]]


@pytest.fixture
def server() -> Iterator[Server]:
    """An address, and what is served there; anything else is not found."""
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = served.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.path == "/stalled":
                time.sleep(0.5)
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield f"http://127.0.0.1:{http.server_port}/", served
    http.shutdown()
    http.server_close()


def test_download(
    server: Server, folder: Path, partials: Partials, capsys: pytest.CaptureFixture[str]
) -> None:
    address, served = server
    served["/a.gz"], served["/b.gz"] = b"a" * 100_000, b"b"
    source = Download(mirrors=[address], members={"a.gz": "x/a.gz", "b.gz": "b.gz"}, bytes=1)
    source.fetch(folder, partials, progress=True)
    assert (folder / "x" / "a.gz").read_bytes() == b"a" * 100_000
    assert (folder / "b.gz").read_bytes() == b"b"
    captured = capsys.readouterr()
    assert "a.gz: " in captured.err
    assert captured.out == ""
    partials.clear()
    source.fetch(folder, partials, progress=False)
    assert capsys.readouterr().err == ""
    assert source.title == "official download"


def test_next_mirror(server: Server, folder: Path, partials: Partials) -> None:
    address, served = server
    served["/good/a"] = b"a"
    mirrors = [f"{address}gone/", f"{address}good/", f"{address}never/"]
    Download(mirrors=mirrors, members={"a": "a"}, bytes=1).fetch(folder, partials, None)
    assert (folder / "a").read_bytes() == b"a"


def test_no_mirror(server: Server, folder: Path, partials: Partials) -> None:
    address, _ = server
    source = Download(mirrors=[f"{address}one/", f"{address}two/"], members={"a": "a"}, bytes=1)
    with pytest.raises(SourceError, match=rf"^a: 404 .* Not Found for url: {address}two/a$"):
        source.fetch(folder, partials, None)


def test_nobody_answers(folder: Path, partials: Partials) -> None:
    source = Download(mirrors=["http://127.0.0.1:1/"], members={"a": "a"}, bytes=1)
    with pytest.raises(SourceError, match=r"^a: .*127.0.0.1.*refused$"):
        source.fetch(folder, partials, None)


def test_stalled_server(
    server: Server, folder: Path, partials: Partials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_downloads, "STALL", 0.1)
    address, served = server
    served["/stalled"] = b"late"
    with pytest.raises(SourceError, match="timed out"):
        Download(mirrors=[address], members={"stalled": "a"}, bytes=1).fetch(folder, partials, None)


def test_archive(server: Server, folder: Path, partials: Partials) -> None:
    address, served = server
    served["/x.tar.gz"] = tar("gz", **{"in/a": b"a", "in/unwanted": b"", "../escape": b""})
    url = f"{address}x.tar.gz"
    DownloadArchive(url=url, members={"in/a": "out/a"}, bytes=1).fetch(folder, partials, None)
    partials.clear()
    assert [path for path in folder.parent.rglob("*") if path.is_file()] == [folder / "out" / "a"]
    with pytest.raises(SourceError, match="in/b is not in the archive"):
        DownloadArchive(url=url, members={"in/b": "b"}, bytes=1).fetch(folder, partials, None)


def test_archive_that_is_none(server: Server, folder: Path, partials: Partials) -> None:
    address, served = server
    served["/x.tar.gz"] = b"<html>Please log in</html>"
    with pytest.raises(tarfile.TarError):
        DownloadArchive(url=f"{address}x.tar.gz", members={}, bytes=1).fetch(folder, partials, None)


def test_archive_is_resumed(remote: Remote, partials: Partials, tmp_path: Path) -> None:
    remote.break_after = 3_000_000
    source = DownloadArchive(url=remote.address, members={}, bytes=1)
    with pytest.raises(tarfile.TarError, match="could not be opened"):  # it is none
        source.fetch(tmp_path, partials, False)
    assert [bool(range_header) for range_header, _ in remote.asked] == [False, False, True]


@pytest.fixture
def drive(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """gdown as it is, but for the address."""
    real: Callable[..., object] = gdown.download

    def download(*, url: str, **options: object) -> object:
        assert url == "https://drive.google.com/uc?id=secret"
        return real(url=remote.address, **options)

    monkeypatch.setattr(gdown, "download", download)
    return remote


DRIVE = GoogleDrive(ids=lambda: {"file": "secret"}, members={"file": "in/file"}, bytes=1)


def test_google_drive(
    drive: Remote, partials: Partials, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DRIVE.fetch(tmp_path, partials, True)
    assert (tmp_path / "in" / "file").read_bytes() == CONTENT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "file: " in captured.err
    partials.discard()
    assert not partials.folder.exists()


def test_google_drive_goes_on(
    drive: Remote, partials: Partials, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drive.break_after = 1_500_000  # gdown writes half a megabyte at a time
    DRIVE.fetch(tmp_path, partials, False)
    assert (tmp_path / "in" / "file").read_bytes() == CONTENT
    assert drive.sent < 2 * len(CONTENT)
    assert "file: resuming at 1 MB" in capsys.readouterr().err


def test_google_drive_that_does_not_resume_starts_over(
    drive: Remote, partials: Partials, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = r"incomplete.* after 1 MB, the same command goes on"
    with breaking(drive, 1_500_000), pytest.raises(TransferError, match=reason):
        DRIVE.fetch(tmp_path, partials, False)
    drive.ranges = False
    DRIVE.fetch(tmp_path, partials, False)
    assert (tmp_path / "in" / "file").read_bytes() == CONTENT
    assert "file: starting over" in capsys.readouterr().err


def test_google_drive_refuses(
    partials: Partials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(**_: object) -> None:
        try:
            raise gdown.exceptions.FileURLRetrievalError("Too many users.\nTry again later.")
        except gdown.exceptions.FileURLRetrievalError as error:
            raise gdown.exceptions.FileURLRetrievalError(f"Failed:\n\n\t{error}\n\nBut") from None

    monkeypatch.setattr(gdown, "download", download)
    reason = r"^file: Too many users. Try again later. In a browser: https://.*\?id=secret$"
    with pytest.raises(TransferError, match=reason):
        DRIVE.fetch(tmp_path, partials, None)
    assert not partials.folder.exists()


def test_google_drive_cannot_be_reached(drive: Remote, partials: Partials, tmp_path: Path) -> None:
    drive.address = "http://127.0.0.1:1/file"
    with pytest.raises(TransferError, match=r"^file: .*refused"):
        DRIVE.fetch(tmp_path, partials, None)

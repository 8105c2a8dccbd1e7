"""A server that breaks off, and what it was asked."""

import io
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from datasets.transport import partials as partial_downloads
from datasets.transport.partials import Partials

CONTENT = bytes(range(256)) * 16_000  # about four megabytes; they are written by the half


@dataclass
class Remote:
    """A server of one file, how it behaves, and what it was asked."""

    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    shift: int = 0  # of the range that it says it sends
    break_after: int | None = None
    pause: float = 0.0
    length: bool = True
    address: str = ""
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    sent: int = 0

    def answer(self, range_header: str | None, condition: str | None) -> tuple[int, int]:
        """The status, and where the content starts."""
        start = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header else 0
        if not range_header or not self.ranges:
            return 200, 0
        if condition is not None and condition not in self.headers.values():
            return 200, 0
        return (206, start) if start < len(self.content) else (416, 0)


@pytest.fixture
def remote() -> Iterator[Remote]:
    remote = Remote()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            range_header, condition = self.headers["Range"], self.headers["If-Range"]
            remote.asked.append((range_header, condition))
            status, start = remote.answer(range_header, condition)
            body = b"" if status == 416 else remote.content[start:]
            self.send_response(status)
            for name, value in remote.headers.items():
                self.send_header(name, value)
            if status == 206:
                first, last = start + remote.shift, len(remote.content) - 1
                content_range = f"bytes {first}-{last}/{len(remote.content)}"
                self.send_header("Content-Range", content_range)
            if remote.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.send(body[: remote.break_after])

        def send(self, body: bytes) -> None:
            try:
                for at in range(0, len(body), 1 << 16):
                    self.wfile.write(body[at : at + (1 << 16)])
                    self.wfile.flush()
                    remote.sent += len(body[at : at + (1 << 16)])
                    time.sleep(remote.pause)
            except OSError:  # nobody listens any more
                pass

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}).start()
    remote.address = f"http://127.0.0.1:{http.server_port}/file"
    yield remote
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_downloads, "PAUSE", 0.0)
    monkeypatch.setattr(partial_downloads, "STALL", 0.5)


@pytest.fixture
def partials(tmp_path: Path) -> Partials:
    return Partials(tmp_path, "data")


@contextmanager
def breaking(remote: Remote, after: int) -> Iterator[None]:
    """Every answer breaks off, and nothing is retried."""
    remote.break_after = after
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partial_downloads, "RETRIES", 0)
        yield
    remote.break_after = None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "staged"
    path.mkdir()
    return path


def tar(compression: str, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()

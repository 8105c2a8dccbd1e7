"""Ctrl-C and SIGTERM: they end a command at once, or after the step of training under way."""

from __future__ import annotations

import _thread
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]
STATUS = 130
PATIENCE = 1.5
"""Seconds in which training ends its step and writes a checkpoint."""
MORE = 0.4
"""Seconds that are left then, for what Python cannot interrupt."""
ECHO = 0.2
"""Seconds within which a second signal is the first: `timeout` sends it to a process and to its
group."""

_came: float | None = None  # when the first signal was heard
_postponed = False
_raised = False


def came() -> bool:
    """Whether this process was told to end."""
    return _came is not None


def hear(*_: object) -> None:
    """Handle a signal: the first raises KeyboardInterrupt, now or when it is no longer postponed.

    Later ones change nothing.
    """
    global _came  # noqa: PLW0603 - a handler has no other way to tell
    if _came is None:
        _came = time.monotonic()
        if not _postponed:
            _raise()


@contextmanager
def postponed() -> Iterator[None]:
    """While this lasts, a signal waits: `came` is to be asked, and answered soon."""
    global _postponed  # noqa: PLW0603
    _postponed = True
    try:
        yield
    finally:
        _postponed = False
        if came():
            _raise()


@contextmanager
def listening() -> Iterator[None]:
    """While this lasts, signals end this command, and its process within two seconds."""
    global _came, _raised
    handlers: dict[signal.Signals, Handler] = {
        signal.SIGTERM: _of_command,
        signal.SIGALRM: _overdue,
    }
    # A shell has what it starts in the background ignore Ctrl-C, and means it.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        handlers[signal.SIGINT] = _of_command
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    mouth, ear = socket.socketpair()
    mouth.setblocking(False)
    woken = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(ear, ended), daemon=True)
    watch.start()
    try:
        yield
    finally:
        _came, _raised = None, False
        signal.set_wakeup_fd(woken)
        ended.set()
        mouth.close()
        watch.join()
        ear.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _of_command(number: int, frame: FrameType | None) -> None:
    if _came is not None and time.monotonic() - _came > ECHO:
        os._exit(STATUS)  # whoever asks twice does not wait
    hear()


def _raise() -> None:
    global _raised  # noqa: PLW0603
    _raised = True
    raise KeyboardInterrupt


def _overdue(*_: object) -> None:
    if _postponed and not _raised:
        _raise()


def _watch(ear: socket.socket, ended: threading.Event) -> None:
    """See to it that a signal is obeyed: Python handles one only between two instructions."""
    if not ear.recv(1) or ended.wait(PATIENCE):
        return
    _thread.interrupt_main(signal.SIGALRM)
    if not ended.wait(MORE) and not _raised:
        os.write(2, b"interrupted within a long step; the same command goes on from before it\n")
        os._exit(STATUS)

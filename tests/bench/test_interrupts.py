"""A command ends when it is told to, whatever it is doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from bench import CHECKOUT

HEAD = """
import hashlib, signal, threading, time
from bench import interrupts

def say(text):
    print(text, flush=True)

with interrupts.listening():
    try:
"""
DOING = {
    "anything": "say('begun'); time.sleep(60)",
    "step": """
        with interrupts.postponed():
            say('begun')
            while not interrupts.came():
                time.sleep(0.01)
            say('a checkpoint')
""",
    "long step": """
        with interrupts.postponed():
            say('begun')
            while True:
                time.sleep(0.01)
""",
    "step that fails": """
        with interrupts.postponed():
            say('begun')
            while not interrupts.came():
                time.sleep(0.01)
            raise RuntimeError('lost')
""",
    # Another thread speaks when the call is surely under way: before it, a signal is just heard.
    "what Python cannot interrupt": """
        threading.Timer(1.0, say, ['begun']).start()
        hashlib.pbkdf2_hmac('md5', b'', b'', 10**9)
""",
}
TAIL = """
    except KeyboardInterrupt:
        say('told')
        time.sleep(WAIT)
"""


def start(doing: str, wait: float = 0.0) -> subprocess.Popen[str]:
    code = HEAD + "        " + DOING[doing].strip("\n ") + TAIL.replace("WAIT", str(wait))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.parametrize(
    ("doing", "says", "status"),
    [
        ("anything", "told\n", 0),
        ("step", "a checkpoint\ntold\n", 0),
        ("long step", "told\n", 0),
        ("step that fails", "told\n", 0),
        ("what Python cannot interrupt", "", 130),
    ],
)
def test_a_signal_is_obeyed_soon(doing: str, says: str, status: int) -> None:
    process = start(doing)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == (says, status)


def test_the_same_signal_twice_at_once_is_one_and_a_later_one_ends_it() -> None:
    process = start("anything", wait=60)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "told\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 130

"""Talk to the person at the terminal: on stderr, so that stdout stays for machines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping

from tqdm import tqdm


def say(message: str) -> None:
    """One line on stderr, above any progress bar."""
    tqdm.write(message, file=sys.stderr)


def duration(seconds: float) -> str:
    """A time span for a reader: `8 s`, `12 min`, `3.5 h`, `12 days`, `1,200 years`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 1000 * 3600:
        return f"{seconds / 3600:.1f} h"
    days = seconds / 24 / 3600
    return f"{days:.0f} days" if days < 1000 else f"{days / 365.25:,.0f} years"


class Progress:
    """A bar over all runs, weighted by the seconds that each is expected to take.

    Without a terminal there is no bar, but a line for each run that ends, and one after each minute
    in which none did.
    """

    PERIOD = 60.0
    """Seconds."""

    def __init__(self) -> None:
        self._expected: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self._started = time.monotonic()
        self._ended = 0
        self._bar = tqdm(
            total=100.0,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}%|{bar}| {elapsed} so far, {remaining} left{postfix}",
            dynamic_ncols=True,
        )
        self._spoke = self._started
        self._closed = threading.Event()
        if self._bar.disable:
            threading.Thread(target=self._beat, daemon=True).start()

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Add runs, with the seconds that each is expected to take."""
        self._expected.update(seconds)

    def advance(self, run_id: str, done: float) -> None:
        """A run is done to this part, from 0 to 1."""
        self._done[run_id] = done
        self._bar.n = min(100.0, 100.0 * self._part())
        self._bar.refresh()

    def end(self, run_id: str, message: str) -> None:
        """A run has ended."""
        self._ended += 1
        self.advance(run_id, 1.0)
        self._bar.set_postfix_str(f"{self._ended} of {len(self._expected)} runs")
        self._say(message)

    def close(self) -> None:
        """Leave the terminal as it was, and be silent."""
        self._closed.set()
        self._bar.close()

    def _say(self, message: str) -> None:
        """A line with the runs that have ended, and the time that is left where one can tell."""
        self._spoke = time.monotonic()
        part, elapsed = self._part(), self._spoke - self._started
        left = f"; about {duration(elapsed / part * (1 - part))} left" if part else ""
        say(f"[{self._ended}/{len(self._expected)}] {message}{left}")

    def _beat(self) -> None:
        """Say that all is well whenever nothing was said for a while."""
        while not self._closed.wait(max(0.0, self._spoke + self.PERIOD - time.monotonic())):
            if (now := time.monotonic()) >= self._spoke + self.PERIOD:
                self._say(f"{self._part():.0%} after {duration(now - self._started)}")

    def _part(self) -> float:
        total = sum(self._expected.values())
        done = sum(self._expected[run_id] * part for run_id, part in list(self._done.items()))
        return done / total if total else 1.0

"""How much of a processor core the pages may take to stay up to date, however many of them are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.1
"""The part of one core that live updates take at most in each process, on average; polled updates may take as much."""
BURST_SECONDS = 0.25
"""Processor time that may be spent at once, after a quiet while: the first frames come at once."""
POLL_BURST_SECONDS = 2.0
TOLD_FROM_SECONDS = 2.0
"""From this time between two refreshes on, a page says how often it is refreshed."""
STEPS = (2, 3, 5, 10, 15, 20, 30, 60, 120, 300)


class Budget:
    """Processor time that is earned at a steady rate and spent on rendering; any thread may call its methods."""

    def __init__(self, share: float = SHARE, burst: float = BURST_SECONDS) -> None:
        self.share = share
        self._burst = burst
        self._lock = threading.Lock()
        self._left = burst
        self._seen_at = time.monotonic()

    def spend(self, seconds: float) -> None:
        """Count processor time that was spent."""
        with self._lock:
            self._earn()
            self._left -= seconds

    def wait_seconds(self) -> float:
        """How long to wait before more may be spent; 0 if it may be now."""
        with self._lock:
            self._earn()
            return 0.0 if self._left > 0 else max(0.001, -self._left / self.share)

    def _earn(self) -> None:
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._seen_at) * self.share)
        self._seen_at = now

    @contextmanager
    def measured(self, at_most: float = float("inf")) -> Iterator[None]:
        """Count the processor time that this thread takes for a block."""
        before = time.thread_time()
        try:
            yield
        finally:
            self.spend(min(at_most, time.thread_time() - before))


live_budget = Budget()
"""What the hubs of this process may spend."""
poll_budget = Budget(burst=POLL_BURST_SECONDS)
"""What polled updates may spend in this process."""


def pace(seconds: float) -> str:
    """How a page tells that it is refreshed less often; "" while it is refreshed as often as usual."""
    if seconds < TOLD_FROM_SECONDS:
        return ""
    step = next((step for step in STEPS if seconds <= step), STEPS[-1])
    return (
        f"This page is refreshed about every {step} s: all pages that are open together take at most "
        f"{SHARE * 100:.0f} % of a processor core."
    )

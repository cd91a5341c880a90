"""Limits how many routine dispatches and requests are stored individually."""

from __future__ import annotations

import time


class Sampler:
    """Admits ``per_second`` records each second, and as many at once."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._left = float(per_second)
        self._seen_at = time.monotonic()

    def available(self) -> int:
        """Number of records that are admitted now."""
        now = time.monotonic()
        self._left = min(self.per_second, self._left + (now - self._seen_at) * self.per_second)
        self._seen_at = now
        return int(self._left)

    def take(self, count: int = 1) -> bool:
        """Whether ``count`` records are admitted now; more than ``per_second`` at once count as ``per_second``."""
        self.available()
        needed = min(count, self.per_second)
        if not needed or self._left < needed:
            return False
        self._left -= needed
        return True

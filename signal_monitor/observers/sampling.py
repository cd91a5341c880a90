"""How much of the ordinary is kept."""

from __future__ import annotations

import time


class Sampler:
    """Lets through so many things a second, and as many at once."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._left = float(per_second)
        self._seen_at = time.monotonic()

    def room(self) -> int:
        """How many may pass now."""
        now = time.monotonic()
        self._left = min(self.per_second, self._left + (now - self._seen_at) * self.per_second)
        self._seen_at = now
        return int(self._left)

    def take(self, count: int = 1) -> bool:
        """Whether so many may pass now; more at once than a second's worth count as a second's worth."""
        self.room()
        wanted = min(count, self.per_second)
        if not wanted or self._left < wanted:
            return False
        self._left -= wanted
        return True

"""How much of a processor core the worker takes, and may take."""

from __future__ import annotations

import time


class CpuShare:
    """Measures the CPU time of the worker, in seconds, and holds it to a share of one processor core.

    ``limit`` is the share, above 0 and up to 1. All methods but ``used`` are for the worker's own thread.
    """

    def __init__(self, limit: float = 1.0) -> None:
        self.limit = limit
        self._earlier = self._cpu = self._clock = self._excess = 0.0

    def begin(self) -> None:
        """This thread works from now on; one before it may have ended."""
        self._earlier += self._cpu
        self._cpu, self._clock, self._excess = time.thread_time(), time.perf_counter(), 0.0
        self._earlier -= self._cpu

    def forget(self) -> None:
        """Nothing was used yet: this is a forked child."""
        self._earlier = self._cpu = self._excess = 0.0

    def used(self) -> float:
        """CPU seconds that the worker had used when it last rested."""
        return self._earlier + self._cpu

    def owed_rest(self) -> float:
        """The seconds that the worker has to rest now so as not to have taken more than its share."""
        cpu, clock = time.thread_time(), time.perf_counter()
        elapsed = max(0.0, clock - self._clock)  # a tool that freezes the clock may turn it back
        excess = self._excess + (cpu - self._cpu) - self.limit * elapsed
        self._cpu, self._clock, self._excess = cpu, clock, max(0.0, excess)
        return self._excess / self.limit

"""How many spans a trace may have from here."""

from __future__ import annotations

MAX_TRACES = 4_000


class Budget:
    """Counts the spans of the latest MAX_TRACES traces.

    Several threads may take at once; a count that is off by a few spans is near enough, and a lock would cost more.
    """

    def __init__(self, per_trace: int | None) -> None:
        self.per_trace = per_trace
        self._taken: dict[int, int] = {}

    def take(self, trace_id: int, spans: int) -> bool:
        """Whether so many more spans of a trace may be made; if so, they are counted."""
        if self.per_trace is None:
            return True
        taken = self._taken.get(trace_id, 0) + spans
        if taken > self.per_trace:
            return False
        self._keep(trace_id, taken)
        return True

    def spend(self, trace_id: int, spans: int) -> None:
        """Count spans that are made in any case."""
        if self.per_trace is not None:
            self._keep(trace_id, self._taken.get(trace_id, 0) + spans)

    def _keep(self, trace_id: int, taken: int) -> None:
        self._taken[trace_id] = taken
        if len(self._taken) > MAX_TRACES:
            for oldest in list(self._taken)[: MAX_TRACES // 4]:
                self._taken.pop(oldest, None)

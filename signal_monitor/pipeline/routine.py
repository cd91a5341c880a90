"""Routine dispatches that wait to be added up: the more there are of one DispatchInfo, the less each of them costs."""

from __future__ import annotations

import time
from collections.abc import Sequence

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record import spans_of

HOLD_SECONDS = 0.25
MOST_HELD = 4_000
AT_ONCE = 512
"""So many are added up without a pause, in about a millisecond."""

Group = tuple[DispatchInfo, Sequence[Record]]


class RoutineDispatches:
    """Routine dispatches without spans, by their DispatchInfo, until there are MOST_HELD or HOLD_SECONDS are over."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Hold nothing."""
        self._held: dict[DispatchInfo, list[Record]] = {}
        self._count = 0
        self._since = 0.0

    def __len__(self) -> int:
        return self._count

    def hold(self, info: DispatchInfo, records: Sequence[Record]) -> bool:
        """Hold some more; False where one of them has spans, which are exported soon."""
        if any(map(spans_of, records)):
            return False
        if not self._count:
            self._since = time.monotonic()
        self._count += len(records)
        self._held.setdefault(info, []).extend(records)
        return True

    @property
    def are_due(self) -> bool:
        """Whether they should be added up now."""
        return self._count >= MOST_HELD or (self._count > 0 and time.monotonic() - self._since >= HOLD_SECONDS)

    def take(self) -> list[Group]:
        """Remove and return all, in groups of at most AT_ONCE."""
        held = self._held
        self.forget()
        return [
            (info, records[start : start + AT_ONCE])
            for info, records in held.items()
            for start in range(0, len(records), AT_ONCE)
        ]

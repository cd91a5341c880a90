"""Routine dispatches that wait to be added up: the more there are of one DispatchInfo, the less each of them costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.info import DispatchInfo
from signal_monitor.instrumentation.record import mark_aggregated, spans_of

from .trees import Member

T = TypeVar("T")

HOLD_SECONDS = 0.25
MOST_HELD = 4_000
AT_ONCE = 512
"""So many are added up without a pause, in about a millisecond."""


class Group(NamedTuple):
    """Dispatches of one DispatchInfo that are added up.

    ``nested``: if they have sent others, the seconds that each of their calls has spent in those, a row per dispatch.
    """

    info: DispatchInfo
    records: Sequence[Record]
    nested: Sequence[Sequence[float]] = ()


class RoutineDispatches:
    """Routine dispatches without spans, by their DispatchInfo, until there are MOST_HELD or HOLD_SECONDS are over."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Hold nothing."""
        self._held: dict[DispatchInfo, list[Record]] = {}
        self._nesting: dict[DispatchInfo, list[Member]] = {}
        self._count = 0
        self._since = 0.0

    def __len__(self) -> int:
        return self._count

    def hold(self, info: DispatchInfo, records: Sequence[Record]) -> bool:
        """Hold some more; False where one of them has spans, which are exported soon."""
        if any(map(spans_of, records)):
            return False
        self._begin(len(records))
        self._held.setdefault(info, []).extend(records)
        return True

    def hold_tree(self, members: Sequence[Member]) -> None:
        """Hold the dispatches of a tree."""
        self._begin(len(members))
        for member in members:
            info = mark_aggregated(member.record)
            if member.nested:
                self._nesting.setdefault(info, []).append(member)
            else:
                self._held.setdefault(info, []).append(member.record)

    def _begin(self, count: int) -> None:
        if not self._count:
            self._since = time.monotonic()
        self._count += count

    @property
    def are_due(self) -> bool:
        """Whether they should be added up now."""
        return self._count >= MOST_HELD or (self._count > 0 and time.monotonic() - self._since >= HOLD_SECONDS)

    def take(self) -> list[Group]:
        """Remove and return all, in groups of at most AT_ONCE."""
        held, nesting = self._held, self._nesting
        self.forget()
        groups = [Group(info, part) for info, records in held.items() for part in _parts(records)]
        groups += [
            Group(info, [one.record for one in part], [one.nested for one in part])
            for info, members in nesting.items()
            for part in _parts(members)
        ]
        return groups


def _parts(items: list[T]) -> list[list[T]]:
    return [items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE)]

"""Gives each dispatch that a send method of a subclass has made its part of the method's own time.

A method that calls Django's send method is no dispatch itself: the dispatch that it makes begins and ends with it.
Where it makes several, the time between two belongs to the later one, and the rest to the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import (
    custom_sends_around,
    details_of,
    ended_at,
    has_any_call,
    has_ended,
    started_at,
)

from .intervals import Interval
from .own_times import Within

HOLD_SECONDS = 10.0
"""How long a dispatch waits for the end of the method that has made it; the method's rest is shown alone then."""
SHORTEST_REST = 0.001
MAX_INNER = 1_000
"""How many methods inside methods are remembered, until their own records come and are dropped."""


class Ended(NamedTuple):
    """A dispatch that can be told; ``window`` is when it began and ended, if that is not what its record says.

    ``method`` is the custom send around it, which has ended if the dispatch is its ``last`` one.
    """

    record: Record
    window: Interval | None = None
    method: Record | None = None
    last: bool = False

    def within(self, method_key: int) -> Within | None:
        """The moments, for OwnTimes, if they are others than those of the record; ``method_key`` is the method's."""
        if self.window is None:
            return None
        return Within(self.window, method_key if self.method is not None else None, self.last)


@dataclass(slots=True)
class _Method:
    """A custom send that runs: how far its time was given away, and its latest dispatch, which is not told yet."""

    record: Record
    reached: float
    held: Record | None = None
    began: float = 0.0
    held_since: float = field(default_factory=monotonic)

    def hold(self, record: Record) -> None:
        self.held, self.began = record, min(self.reached, started_at(record))
        self.reached = max(self.reached, ended_at(record))
        self.held_since = monotonic()

    def take(self) -> list[Ended]:
        """The latest dispatch, without what the method does after it."""
        record, self.held = self.held, None
        return [Ended(record, (self.began, ended_at(record)), self.record)] if record is not None else []

    def end(self) -> list[Ended]:
        """What is left to tell, now that the method has ended."""
        method, record = self.record, self.held
        ended = max(ended_at(method), self.reached)
        if record is not None and not has_any_call(method):
            return [Ended(record, (self.began, ended), method, last=True)]
        told = self.take()
        has_failed = not told and (details := details_of(method)) is not None and details.raised
        if has_any_call(method) or has_failed or ended - self.reached > SHORTEST_REST:
            told.append(Ended(method, (self.reached, ended)))
        return told


class SendMethods:
    """Takes records in the order of their ends; holds the latest dispatch of each custom send until the send ends."""

    def __init__(self) -> None:
        self._methods: dict[int, _Method] = {}
        self._inner: dict[int, Record] = {}

    def __len__(self) -> int:
        return sum(method.held is not None for method in self._methods.values())

    def add(self, record: Record) -> list[Ended]:
        """What can be told now that one more record has ended."""
        if self._inner.pop(id(record), None) is not None and not has_any_call(record):
            return []
        around = custom_sends_around(record)
        if around:
            return self._hold(record, around)
        method = self._methods.pop(id(record), None)
        if method is not None:
            return method.end()
        return [Ended(record)]

    def _hold(self, record: Record, around: list[Record]) -> list[Ended]:
        self._inner.update({id(inner): inner for inner in around[:-1]})
        method = self._methods.get(id(around[-1]))
        if method is None:
            method = self._methods[id(around[-1])] = _Method(around[-1], started_at(around[-1]))
        while len(self._inner) > MAX_INNER:
            self._inner.pop(next(iter(self._inner)))
        told = method.take()
        method.hold(record)
        return told

    def release(self) -> list[Ended]:
        """What has waited for too long, or for a method whose own record was dropped; the queue is empty."""
        told = []
        for key, method in list(self._methods.items()):
            if has_ended(method.record):
                del self._methods[key]
                self._inner[key] = method.record  # it may be about to be queued
                told += method.end()
            elif monotonic() - method.held_since > HOLD_SECONDS:
                told += method.take()
        return told

    def release_all(self) -> list[Ended]:
        """Everything that waits."""
        return self.release() + [ended for method in self._methods.values() for ended in method.take()]

    def forget(self) -> None:
        """Hold nothing: this is a forked child."""
        self._methods.clear()
        self._inner.clear()

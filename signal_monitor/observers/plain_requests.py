"""Requests that wait to be counted: the more there are of a view, the less each of them costs."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from operator import sub

from signal_monitor.histograms import buckets_of
from signal_monitor.instrumentation.current import Record
from signal_monitor.instrumentation.record import by_info, columns_of
from signal_monitor.pipeline.intervals import nanoseconds
from signal_monitor.pipeline.request_origin import Waited
from signal_monitor.records import Durations
from signal_monitor.stores.base import WINDOW_SECONDS

MOST_HELD = 4_000
"""So many dispatches of them are held at most."""


class PlainRequests:
    """Requests of one view that were neither slow nor failed, with plain dispatches one after the other.

    ``last_at`` is when the last one of them ended.
    """

    def __init__(self) -> None:
        self.last_at = 0.0
        self._durations_ns: list[int] = []
        self._records: list[Record] = []

    def add(self, duration_ns: int, ended_at: float, records: Sequence[Record]) -> None:
        """Add a request with its dispatches before the response."""
        self._durations_ns.append(duration_ns)
        self._records += records
        self.last_at = max(self.last_at, ended_at)

    @property
    def durations(self) -> Durations:
        """How long they took."""
        of_each = self._durations_ns
        buckets = buckets_of(array("d", [one / 1e9 for one in of_each]))
        return Durations(len(of_each), sum(of_each), max(of_each), buckets)

    def waited(self) -> dict[str, Waited]:
        """The calls of each receiver that they waited for, and the time."""
        calls: defaultdict[str, int] = defaultdict(int)
        seconds: defaultdict[str, float] = defaultdict(float)
        for info, records in by_info(self._records).items():
            columns = columns_of(records)
            for receiver, begun, ended in zip(info.receivers, columns.begun, columns.ended, strict=False):
                calls[receiver.name] += len(records)
                seconds[receiver.name] += sum(map(sub, ended, begun))
        return {name: Waited(count, nanoseconds(seconds[name])) for name, count in calls.items()}


class HeldRequests:
    """Plain requests, by their view and the minute in which they ended."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], PlainRequests] = {}
        self._dispatches = 0

    def __bool__(self) -> bool:
        return bool(self._held)

    @property
    def are_many(self) -> bool:
        """Whether they should be counted now."""
        return self._dispatches >= MOST_HELD

    def add(self, view: str, duration_ns: int, ended_at: float, records: Sequence[Record]) -> None:
        """Hold a request of a view."""
        self._dispatches += 1 + len(records)
        requests = self._held.setdefault((view, int(ended_at) // WINDOW_SECONDS), PlainRequests())
        requests.add(duration_ns, ended_at, records)

    def take(self) -> list[tuple[str, PlainRequests]]:
        """Remove and return all, with the names of their views."""
        held = [(view, requests) for (view, _minute), requests in self._held.items()]
        self._held, self._dispatches = {}, 0
        return held

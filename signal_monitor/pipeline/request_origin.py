"""One HTTP request as an origin of dispatches, and its dispatches added up."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import NamedTuple

from signal_monitor.instrumentation.current import Origin, Record
from signal_monitor.instrumentation.info import ReceiverInfo
from signal_monitor.instrumentation.record import (
    call_times,
    details_of,
    ended_at,
    info_of,
    is_outermost_of_root,
    started_at,
    superseded_custom_send,
)


class RequestOrigin(Origin):
    """A request under way; ``claimed`` once the middleware has said which one it is.

    ``view_resolved`` once it is known whether the view is one of the dashboard's.

    ``framed`` ones were begun by ``request_started`` and end with ``request_finished``; the others, made by hand in
    tests and scripts, end with their response.
    """

    __slots__ = (
        "claimed",
        "ended",
        "framed",
        "method",
        "path",
        "span_id",
        "started",
        "started_at",
        "status",
        "trace_id",
        "view",
        "view_resolved",
    )

    def __init__(self, *, framed: bool, pending: bool = False) -> None:
        super().__init__("request", secrets.token_hex(8), pending=pending)
        self.framed = framed
        self.claimed = self.view_resolved = False
        self.method = self.path = ""
        self.view: str | None = None
        self.status: int | None = None
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.started_at = time.time()
        self.started = perf_counter()
        self.ended = 0.0

    @property
    def duration_ns(self) -> int:
        """From the request's start to its response, in nanoseconds; to now while there is none."""
        return round(((self.ended or perf_counter()) - self.started) * 1e9)

    def end(self) -> None:
        """The response is ready; calling it again changes nothing."""
        self.ended = self.ended or perf_counter()


class ReceiverTime(NamedTuple):
    """What one receiver took of a request."""

    receiver: str
    calls: int
    total_ns: int


class RequestTotals(NamedTuple):
    """The dispatches of a request added up; ``receivers`` has the most time first."""

    signal_ns: int
    receiver_count: int
    failed_count: int
    slow_count: int
    receivers: list[ReceiverTime]


def add_up(origin: RequestOrigin) -> RequestTotals:
    """What the dispatches of a request amount to.

    Signal time is the time during which at least one outermost dispatch was running before the response was ready:
    overlapping ones are counted once.
    """
    superseded = {id(superseded_custom_send(record)) for record in origin.records}
    records = [record for record in origin.records if id(record) not in superseded]
    ended = origin.ended or perf_counter()
    outermost = ((started_at(r), min(ended_at(r), ended)) for r in records if is_outermost_of_root(r, superseded))
    calls = [call for record in records for call in _ended_calls(record)]
    return RequestTotals(
        signal_ns=round(_covered(outermost) * 1e9),
        receiver_count=sum(1 for record in records for times in call_times(record) if times.started),
        failed_count=sum(len(details.failures) for r in records if (details := details_of(r)) is not None),
        slow_count=sum(1 for receiver, call_ns in calls if call_ns >= receiver.slow_ns),
        receivers=_by_receiver(calls),
    )


def _ended_calls(record: Record) -> Iterator[tuple[ReceiverInfo, int]]:
    """The receiver calls that have ended, and how many nanoseconds they took."""
    for receiver, (started, ended) in zip(info_of(record).receivers, call_times(record), strict=False):
        if started and ended:
            yield receiver, round((ended - started) * 1e9)


def _by_receiver(calls: Iterable[tuple[ReceiverInfo, int]]) -> list[ReceiverTime]:
    times: dict[str, tuple[int, int]] = {}
    for receiver, call_ns in calls:
        count, total_ns = times.get(receiver.name, (0, 0))
        times[receiver.name] = (count + 1, total_ns + call_ns)
    rows = [ReceiverTime(name, *numbers) for name, numbers in times.items()]
    return sorted(rows, key=lambda row: row.total_ns, reverse=True)


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals."""
    covered = reached = 0.0
    for start, end in sorted(intervals):
        if end > max(start, reached):  # one that began after the response has no part in it
            covered += end - max(start, reached)
            reached = end
    return covered

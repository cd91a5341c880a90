"""One HTTP request as an origin of dispatches, and its ledger added up."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from time import perf_counter_ns
from typing import NamedTuple

from .instrumentation.dispatch import ActiveDispatch
from .instrumentation.origins import Origin


class RequestOrigin(Origin):
    """A request under way; ``claimed`` once the middleware has said which one it is.

    ``framed`` ones were begun by ``request_started`` and end with ``request_finished``; the others, made by hand in
    tests and scripts, end with their response.
    """

    __slots__ = (
        "claimed",
        "ended_ns",
        "framed",
        "method",
        "path",
        "span_id",
        "started_at",
        "started_ns",
        "status",
        "trace_id",
        "view",
    )

    def __init__(self, *, framed: bool, hold: bool = False) -> None:
        super().__init__("request", secrets.token_hex(8), hold=hold)
        self.framed = framed
        self.claimed = False
        self.method = self.path = ""
        self.view: str | None = None
        self.status: int | None = None
        self.trace_id: str | None = None
        self.span_id: str | None = None
        self.started_at = time.time()
        self.started_ns = perf_counter_ns()
        self.ended_ns = 0

    @property
    def duration_ns(self) -> int:
        """From the request's start to its response, in nanoseconds; to now while there is none."""
        return (self.ended_ns or perf_counter_ns()) - self.started_ns


class ReceiverTime(NamedTuple):
    """What one receiver took of a request."""

    receiver: str
    calls: int
    total_ns: int


class LedgerTotals(NamedTuple):
    """A ledger added up; ``receivers`` has the most time first."""

    signal_ns: int
    receiver_count: int
    failed_count: int
    slow_count: int
    receivers: list[ReceiverTime]


def add_up(origin: RequestOrigin) -> LedgerTotals:
    """What a request's dispatches amount to.

    Signal time is the time during which at least one outermost dispatch was running before the response was ready:
    overlapping ones are counted once.
    """
    dispatches = [
        ActiveDispatch.of(item, numbered=False) if isinstance(item, list) else item for item in origin.dispatches
    ]
    ended_ns = origin.ended_ns or perf_counter_ns()
    outermost = ((d.started_ns, min(d.ended_ns, ended_ns)) for d in dispatches if not d.depth)
    return LedgerTotals(
        signal_ns=_covered(outermost),
        receiver_count=sum(1 for d in dispatches for started in d.starts if started),
        failed_count=sum(len(d.failures) for d in dispatches),
        slow_count=sum(1 for d in dispatches for call_ns, slow_ns in _times(d) if call_ns >= slow_ns),
        receivers=_by_receiver(dispatches),
    )


def _times(dispatch: ActiveDispatch) -> Iterable[tuple[int, int]]:
    for start, end, info in zip(dispatch.starts, dispatch.ends, dispatch.receivers, strict=True):
        if start and end:
            yield end - start, info.slow_ns


def _by_receiver(dispatches: Iterable[ActiveDispatch]) -> list[ReceiverTime]:
    times: dict[str, tuple[int, int]] = {}
    for dispatch in dispatches:
        for start, end, info in zip(dispatch.starts, dispatch.ends, dispatch.receivers, strict=True):
            if start and end:
                calls, total_ns = times.get(info.name, (0, 0))
                times[info.name] = (calls + 1, total_ns + end - start)
    rows = [ReceiverTime(name, *numbers) for name, numbers in times.items()]
    return sorted(rows, key=lambda row: row.total_ns, reverse=True)


def _covered(intervals: Iterable[tuple[int, int]]) -> int:
    """Length of the union of intervals."""
    covered = reached = 0
    for start, end in sorted(intervals):
        if end > max(start, reached):  # one that began after the response has no part in it
            covered += end - max(start, reached)
            reached = end
    return covered

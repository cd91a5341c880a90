"""The calls of one receiver in a request, added up."""

from __future__ import annotations

from dataclasses import dataclass, field

from signal_monitor.records import ReceiverSum

from .intervals import Intervals, length, nanoseconds, union
from .own_times import CallTime
from .plain_sums import PlainReceiver


@dataclass(slots=True)
class ReceiverCalls:
    """The calls of one receiver: seconds of those in one thread, and the moments of those that may overlap."""

    calls: int = 0
    seconds: float = 0.0
    own_seconds: float = 0.0
    longest: float = 0.0
    slow: int = 0
    failed: int = 0
    running: Intervals = field(default_factory=list)
    own: Intervals = field(default_factory=list)
    queries: int = 0
    query_seconds: float = 0.0

    def add_queries(self, count: int, seconds: float) -> None:
        self.queries += count
        self.query_seconds += seconds

    def add_plain(self, sums: PlainReceiver) -> None:
        self.calls += sums.calls
        self.slow += sums.slow
        self.seconds += sums.seconds
        self.own_seconds += sums.seconds
        self.longest = max(self.longest, sums.longest)

    def add(self, call: CallTime, *, slow_ns: int, failed: bool) -> None:
        self.calls += 1
        self.failed += failed
        self.slow += nanoseconds(call.own_seconds) >= slow_ns
        self.longest = max(self.longest, call.own_seconds)
        if call.own is None:
            self.seconds += call.seconds - call.repeated_seconds
            self.own_seconds += call.own_seconds
        else:
            self.running.append((call.started, call.ended))
            self.own.extend(call.own)
            # What was sent in its thread is not among the moments.
            self.own_seconds -= max(0.0, length(call.own) - call.own_seconds)

    def row(self, receiver: str) -> ReceiverSum:
        return ReceiverSum(
            receiver=receiver,
            calls=self.calls,
            total_ns=nanoseconds(self.seconds + length(union(self.running))),
            self_ns=max(0, nanoseconds(self.own_seconds + length(union(self.own)))),
            longest_ns=nanoseconds(self.longest),
            slow=self.slow,
            failed=self.failed,
            queries=self.queries,
            query_ns=nanoseconds(self.query_seconds),
        )

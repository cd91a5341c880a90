"""The calls of one receiver in a request, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from signal_monitor.records import ReceiverSum

from .intervals import Intervals, length, nanoseconds, union
from .own_times import CallTime


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

    def add_plain(self, seconds: Sequence[float], slow_ns: int) -> None:
        """Add sequential calls that took so many seconds each; no other call is part of them."""
        spent, longest = sum(seconds), max(seconds)
        self.calls += len(seconds)
        self.seconds += spent
        self.own_seconds += spent
        self.longest = max(self.longest, longest)
        if nanoseconds(longest) >= slow_ns:
            self.slow += sum(1 for one in seconds if nanoseconds(one) >= slow_ns)

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

    @property
    def self_ns(self) -> int:
        return max(0, nanoseconds(self.own_seconds + (length(union(self.own)) if self.own else 0.0)))

    def row(self, receiver: str) -> ReceiverSum:
        return ReceiverSum(
            receiver=receiver,
            calls=self.calls,
            total_ns=nanoseconds(self.seconds + (length(union(self.running)) if self.running else 0.0)),
            self_ns=self.self_ns,
            longest_ns=nanoseconds(self.longest),
            slow=self.slow,
            failed=self.failed,
            queries=self.queries,
            query_ns=nanoseconds(self.query_seconds),
        )

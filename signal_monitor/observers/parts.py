"""Into what the time of dispatches, requests, tasks and commands is divided."""

from __future__ import annotations

from typing import NamedTuple

from signal_monitor.pipeline.request_origin import RequestTotals
from signal_monitor.records import Dispatch, waiting_ns
from signal_monitor.stores.base import Totals


class Parts(NamedTuple):
    """The time that is a dispatch's own: what its receivers have sent is counted for other dispatches."""

    self_ns: int
    waiting_ns: int
    other_ns: int

    @classmethod
    def of(cls, dispatch: Dispatch) -> Parts:
        """The parts of a dispatch."""
        outside = dispatch.outside
        waited_ns = waiting_ns(outside) if outside else 0
        return cls(dispatch.self_ns, waited_ns, sum(outside.values()) - waited_ns)

    def add_to(self, totals: Totals) -> None:
        """Count them."""
        totals.self_ns += self.self_ns
        totals.waiting_ns += self.waiting_ns
        totals.other_ns += self.other_ns
        totals.total_ns += self.self_ns + self.waiting_ns + self.other_ns


class Spent(NamedTuple):
    """What a request, task or command spent in signals: in receivers, waiting, and otherwise."""

    receivers_ns: int
    waiting_ns: int
    other_ns: int


def spent_by(sums: RequestTotals) -> Spent:
    """What a request or task has spent."""
    other_ns = sums.signal_ns - sums.receivers_ns - sums.waiting_ns
    return Spent(sums.receivers_ns, sums.waiting_ns, other_ns)

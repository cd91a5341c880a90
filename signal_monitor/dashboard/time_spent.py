"""Where a receiver's time goes: its queries, what it sends in turn, and itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signal_monitor.dashboard.fires import SeenCalls, SetOff
from signal_monitor.records import Dispatch, ReceiverCall
from signal_monitor.stores.base import Store

MOST_SENDS = 3
"""Signals and senders for which it is shown what the receiver sends in turn."""


@dataclass(frozen=True)
class Part:
    """A part of the time: what for, and its share, from 0 to 1."""

    kind: str
    label: str
    ns: int
    share: float


@dataclass(frozen=True)
class TimeSpent:
    """The time of stored calls of a receiver.

    ``query_ns`` is that of its own queries, None if database work was not observed. ``sent_ns`` is that of what it sent
    in turn. ``waits`` is what slow calls were seen to wait for, the most frequent first. ``sets_off`` is what was sent.
    """

    calls: int = 0
    total_ns: int = 0
    query_ns: int | None = None
    sent_ns: int = 0
    waits: Sequence[tuple[str, int]] = ()
    sets_off: Sequence[SetOff] = ()

    @property
    def itself_ns(self) -> int:
        """The rest: its own code, and what that waits for."""
        return max(0, self.total_ns - self.sent_ns - (self.query_ns or 0))

    @property
    def parts(self) -> list[Part]:
        """All of it, without what took no time."""
        found = [("slow" if self.waits else "rest", "Itself", self.itself_ns)]
        if self.query_ns is not None:
            found.append(("receivers", "Its queries", self.query_ns))
        found.append(("sends", "What it sends in turn", self.sent_ns))
        return [Part(kind, label, ns, ns / self.total_ns) for kind, label, ns in found if self.total_ns and ns]


def read_time_spent(store: Store, dispatches: Iterable[Dispatch], receiver: str) -> TimeSpent:
    """Where the time of a receiver goes, as far as these stored dispatches tell."""
    rows = {dispatch.id: dispatch for dispatch in dispatches}
    pairs = [(row, call) for row in rows.values() for call in row.calls if _ran(call, receiver)]
    spent = time_spent([call for _row, call in pairs])
    sends = dict.fromkeys((row.signal, row.sender) for row, call in pairs if _sets_off(call))
    if not sends:
        return spent
    seen = SeenCalls(store, store.totals("receiver"))
    sets_off = [seen.of(receiver, *send) for send in list(sends)[:MOST_SENDS]]
    return TimeSpent(spent.calls, spent.total_ns, spent.query_ns, spent.sent_ns, spent.waits, sets_off)


def time_spent(calls: Sequence[ReceiverCall]) -> TimeSpent:
    """Where the time of these calls went. A call inside another one of the same receiver counts once."""
    observed = [call.query_ns for call in calls if call.query_ns is not None]
    waits = Counter(call.slow_wait for call in calls if call.slow_wait is not None)
    return TimeSpent(
        calls=len(calls),
        total_ns=sum(call.duration_ns - call.repeated_ns for call in calls),
        query_ns=sum(observed) if observed else None,
        sent_ns=sum(max(0, call.nested_ns - call.repeated_ns) for call in calls),
        waits=waits.most_common(),
    )


def _ran(call: ReceiverCall, receiver: str) -> bool:
    return call.receiver == receiver and call.outcome != "not_run"


def _sets_off(call: ReceiverCall) -> bool:
    committed = any(work.transaction is not None and work.transaction.on_commit for work in call.databases)
    return bool(call.nested_ns or call.tasks or call.mails or committed)

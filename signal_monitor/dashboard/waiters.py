"""Who waits for a receiver: the views, tasks and commands that its stored calls belong to, and the lines that send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from signal_monitor.records import Dispatch, Frame, ReceiverCall, Request
from signal_monitor.stores.base import Store

MOST_REQUESTS = 100
WAITER_ROWS = 8


@dataclass(frozen=True)
class Waiter:
    """The stored calls of a receiver that one view, task or command waited for, sent at one line.

    ``view`` is None if the request is not stored, and for other origins, which ``kind`` names; "" is none. ``site`` is
    None where the line is not known. ``longest`` is the dispatch of the longest call.
    """

    kind: str
    view: str | None
    site: Frame | None
    calls: int
    own_ns: int
    longest_ns: int
    longest: str

    @property
    def mean_ns(self) -> int:
        """The mean of the calls."""
        return self.own_ns // self.calls


def read_waiters(store: Store, dispatches: Iterable[Dispatch], receiver: str) -> list[Waiter]:
    """Who waits for a receiver, as far as these stored dispatches tell."""
    rows = {dispatch.id: dispatch for dispatch in dispatches}
    wanted = dict.fromkeys(row.origin_id for row in rows.values() if row.origin_kind == "request" and row.origin_id)
    found = [store.request(name) for name in list(wanted)[:MOST_REQUESTS]]
    return waiters(rows.values(), {request.id: request for request in found if request is not None}, receiver)


def waiters(dispatches: Iterable[Dispatch], requests: Mapping[str, Request], receiver: str) -> list[Waiter]:
    """The same, from the requests by their id; those that wait longest first."""
    groups: dict[tuple[str, str | None, Frame | None], list[tuple[Dispatch, ReceiverCall]]] = defaultdict(list)
    for dispatch in dispatches:
        request = requests.get(dispatch.origin_id or "")
        view = request.view_key if request is not None else None
        for call in dispatch.calls:
            if call.receiver == receiver and call.outcome != "not_run":
                groups[dispatch.origin_kind or "", view, dispatch.call_site].append((dispatch, call))
    rows = [_waiter(*place, calls) for place, calls in groups.items()]
    return sorted(rows, key=lambda row: (row.kind != "request", -row.own_ns))[:WAITER_ROWS]


def _waiter(kind: str, view: str | None, site: Frame | None, calls: Sequence[tuple[Dispatch, ReceiverCall]]) -> Waiter:
    dispatch, longest = max(calls, key=lambda item: item[1].self_ns)
    own_ns = sum(call.self_ns for _dispatch, call in calls)
    return Waiter(kind, view, site, len(calls), own_ns, longest.self_ns, dispatch.id)

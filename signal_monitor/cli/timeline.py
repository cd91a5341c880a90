"""A request, a dispatch or a receiver with what belongs to it, read from the store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from signal_monitor.conf import get_config
from signal_monitor.dashboard.processes import processes, running, running_requests
from signal_monitor.dashboard.serializers import (
    dispatch_json,
    frames_json,
    receiver_sum_json,
    request_json,
    running_json,
    totals_json,
)
from signal_monitor.dashboard.verdicts import judge_request
from signal_monitor.records import Dispatch, ReceiverCall, Request
from signal_monitor.stores.base import Store, Totals
from signal_monitor.stores.filters import DispatchFilter

Json = dict[str, Any]
MOST_DISPATCHES = 500
LAST_CALLS = 5


@dataclass(frozen=True)
class ReceiverFacts:
    """A receiver: its totals, and its last calls that were slow or have failed, with their dispatches."""

    name: str
    totals: Totals
    slow: Sequence[tuple[Dispatch, ReceiverCall]]
    failed: Sequence[tuple[Dispatch, ReceiverCall]]
    recent: Sequence[Dispatch]


def find_request(store: Store, request_id: str) -> Request | None:
    """A request that has ended, or one that is running."""
    waiting = (row.request for row in running_requests(processes(store)) if row.request.id == request_id)
    return store.request(request_id) or next(waiting, None)


def dispatches_of(store: Store, request: Request) -> list[Dispatch]:
    """The stored dispatches of a request, in the order of their start."""
    return sorted(
        store.dispatches(DispatchFilter(origin_id=request.id), MOST_DISPATCHES), key=attrgetter("started_at", "depth")
    )


def verdict_of(request: Request) -> str:
    """Whether a request was slow or has failed, and for which reason, in one sentence."""
    return judge_request(request, get_config().request_slow_ns).heading


def request_facts_json(request: Request, dispatches: Sequence[Dispatch]) -> Json:
    """A request with its receivers and dispatches."""
    return {
        **request_json(request),
        "verdict": verdict_of(request),
        "receivers": [receiver_sum_json(row, request) for row in request.receivers],
        "dispatches_left_out": max(0, request.dispatch_count - len(dispatches)),
        "dispatches": [dispatch_json(dispatch) for dispatch in dispatches],
    }


def dispatch_facts_json(dispatch: Dispatch, tree: Sequence[Dispatch]) -> Json:
    """A dispatch, with the dispatches around and inside it."""
    return {
        **dispatch_json(dispatch),
        "stack": frames_json(dispatch.stack),
        "tree": [dispatch_json(each) for each in tree],
    }


def receiver_facts(store: Store, name: str, since: float | None = None) -> ReceiverFacts:
    """What the store knows of a receiver."""
    where = DispatchFilter(exact_receiver=name)
    totals = store.totals("receiver", since, name)
    slow = _calls(store.dispatches(replace(where, slow=True), MOST_DISPATCHES), name)
    failed = _calls(store.dispatches(replace(where, failed=True), MOST_DISPATCHES), name)
    return ReceiverFacts(
        name,
        totals[0] if totals else Totals(kind="receiver", key=name),
        [pair for pair in slow if pair[1].severity != "normal"][:LAST_CALLS],
        [pair for pair in failed if pair[1].failed][:LAST_CALLS],
        store.dispatches(where, LAST_CALLS),
    )


def _calls(dispatches: Iterable[Dispatch], name: str) -> list[tuple[Dispatch, ReceiverCall]]:
    return [(dispatch, call) for dispatch in dispatches for call in dispatch.calls if call.receiver == name]


def receiver_facts_json(store: Store, facts: ReceiverFacts) -> Json:
    """The same as JSON, with the calls that run now."""
    return {
        **totals_json(facts.totals),
        "signals": sorted({dispatch.signal for dispatch in facts.recent}),
        "running": [running_json(row) for row in running(processes(store)) if row.call.receiver == facts.name],
        "last_slow": [dispatch_json(dispatch) for dispatch, _call in facts.slow],
        "last_failed": [dispatch_json(dispatch) for dispatch, _call in facts.failed],
    }


def slowest_receivers(store: Store, minutes: float | None = None) -> list[Totals]:
    """The receivers with the most own time; over the last minutes, or all that is stored."""
    since = time.time() - minutes * 60 if minutes else None
    return sorted(store.totals("receiver", since), key=lambda row: (-row.self_ns, row.key))


def receivers_in_store(store: Store) -> list[str]:
    """The names of all receivers that have run."""
    return [row.key for row in store.totals("receiver")]

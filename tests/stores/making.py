"""Records for the stores' tests, whole ones where it matters that every field comes back."""

from __future__ import annotations

from typing import Any

from signal_monitor.records import Dispatch, Failure, Frame, Process, ReceiverCall, Request, RunningCall
from signal_monitor.stores.base import Batch, Store

NOW = 1_700_000_000.0
FRAMES = (Frame("/site/shop/views.py", 12, "buy"), Frame("/site/shop/models.py", 34, "save"))
FAILURE = Failure("shop.errors.Denied", "no stock of 'Käse' \udc80", FRAMES)


def process(process_id: str = "p1", **values: Any) -> Process:
    """A process that reported just now."""
    defaults: dict[str, Any] = {
        "id": process_id,
        "pid": 7,
        "host": "web",
        "title": "daphne",
        "started_at": NOW,
        "seen_at": NOW,
    }
    return Process(**defaults | values)


def call(receiver: str = "shop.receivers.mail", **values: Any) -> ReceiverCall:
    """A receiver call that ran well."""
    defaults: dict[str, Any] = {"receiver": receiver, "index": 0, "duration_ns": 5_000_000, "app": "shop"}
    return ReceiverCall(**defaults | values)


def dispatch(dispatch_id: str = "d1", **values: Any) -> Dispatch:
    """An ordinary dispatch of one receiver call."""
    defaults: dict[str, Any] = {
        "id": dispatch_id,
        "root_id": dispatch_id,
        "signal": "django.db.models.signals.post_save",
        "sender": "shop.models.Order",
        "method": "send",
        "started_at": NOW,
        "duration_ns": 6_000_000,
        "calls": (call(),),
        "process": "p1",
    }
    return Dispatch(**defaults | values)


def whole_dispatch() -> Dispatch:
    """A dispatch with a value in every field."""
    return dispatch(
        "whole",
        root_id="outermost",
        method="asend_robust",
        calls=(
            call(outcome="swallowed", failure=FAILURE, severity="slow", path="/site/shop/receivers.py", line=3),
            call(
                "shop.receivers.späte", index=1, is_async=True, queries=3, query_ns=900, span_id="ab" * 8, offset_ns=7
            ),
        ),
        parent_id="above",
        parent_index=2,
        depth=1,
        severity="critical",
        origin_kind="request",
        origin_id="r1",
        thread="MainThread",
        trace_id="cd" * 16,
        span_id="ef" * 8,
        in_transaction=True,
        blocked_loop=True,
        call_site=FRAMES[0],
        stack=FRAMES,
        failure=FAILURE,
    )


def whole_process() -> Process:
    """A process with a value in every field."""
    running = RunningCall(
        dispatch_id="d9",
        signal="shop.signals.paid",
        sender="None",
        method="asend",
        receiver="shop.receivers.hang",
        index=1,
        started_at=NOW,
        running_ns=9_000_000_000,
        origin_kind="command",
        origin_id="c1",
        severity="critical",
        stack=FRAMES,
    )
    return process(
        ended_at=NOW + 5,
        rate=12.5,
        dispatches=99,
        queue_length=3,
        worker_percent=1.5,
        dropped={"queue full": 2},
        orphans={"shop.signals.nobody": 4},
        errors=1,
        last_error="KeyError",
        versions={"Django": "6.1"},
        mode="with plans",
        running=(running,),
    )


def request(request_id: str = "r1", **values: Any) -> Request:
    """A request that spent half its time in signals."""
    defaults: dict[str, Any] = {
        "id": request_id,
        "method": "POST",
        "path": "/orders/käse/",
        "started_at": NOW,
        "duration_ns": 20_000_000,
        "status": 200,
        "view": "orders",
        "signal_ns": 10_000_000,
    }
    return Request(**defaults | values)


def write(store: Store, *dispatches: Dispatch, **values: Any) -> None:
    """Write one batch."""
    defaults: dict[str, Any] = {"process": process(), "dispatches": dispatches}
    store.write(Batch(**defaults | values))


def ids(found: list[Dispatch]) -> list[str]:
    """The ids of dispatches, in their order."""
    return [item.id for item in found]

"""Records as a small shop would leave them in the store."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest

from signal_monitor.findings.rules import NotRun
from signal_monitor.histograms import bucket_of
from signal_monitor.records import Dispatch, Failure, Frame, Process, ReceiverCall, Request, RunningCall
from signal_monitor.stores.base import LIFE, WINDOW_SECONDS, Batch, Store, Totals

MS = 1_000_000
ORDER_PLACED = "shop.orders.signals.order_placed"
PRE_SAVE = "django.db.models.signals.pre_save"
SEND_MAIL = "shop.orders.receivers.send_mail"
RESERVE_STOCK = "shop.orders.receivers.reserve_stock"
SHIPPED = "shop.orders.signals.shipped"
NOTIFY_PARTNER = "shop.webhooks.receivers.notify_partner"
MARKUP = "<script>alert('sender')</script>"
ERROR_MARKUP = "<script>alert('error')</script>"
ARGUMENTS = {
    "signal": {"name": ORDER_PLACED},
    "receiver": {"name": RESERVE_STOCK},
    "dispatch": {"dispatch_id": "failed"},
    "request": {"request_id": "r1"},
    "finding": {"finding_id": NotRun().finding("receiver", RESERVE_STOCK, "").id},
}
"""The arguments of the pages that have one."""
OUT_OF_STOCK = Failure(
    "shop.errors.OutOfStock", ERROR_MARKUP, (Frame("/srv/shop/orders/receivers.py", 1042, "reserve_stock"),)
)


def everybody(_request: HttpRequest) -> bool:
    """An ACCESS rule that lets all in."""
    return True


def dispatch(dispatch_id: str = "d1", *calls: ReceiverCall, **fields: Any) -> Dispatch:
    """A dispatch of ``order_placed`` that ended just now, with a receiver of one millisecond unless told otherwise."""
    calls = calls or (ReceiverCall(SEND_MAIL, 0, duration_ns=MS),)
    known: dict[str, Any] = {
        "root_id": dispatch_id,
        "signal": ORDER_PLACED,
        "sender": "shop.orders.models.Order",
        "method": "send",
        "started_at": time.time() - 1,
        "duration_ns": max(call.offset_ns + call.duration_ns for call in calls),
        "process": "web1",
    }
    return Dispatch(id=dispatch_id, calls=calls, **(known | fields))


def process(**fields: Any) -> Process:
    """A web process that has reported just now."""
    now = time.time()
    known: dict[str, Any] = {
        "id": "web1",
        "pid": 4121,
        "host": "example",
        "title": "daphne shop.asgi",
        "started_at": now - 3600,
        "seen_at": now,
        "rate": 12.5,
    }
    return Process(**(known | fields))


def running_call(**fields: Any) -> RunningCall:
    """A receiver that has hung for half a minute."""
    known: dict[str, Any] = {
        "dispatch_id": "hung",
        "signal": ORDER_PLACED,
        "sender": "shop.orders.models.Order",
        "method": "send",
        "receiver": NOTIFY_PARTNER,
        "index": 0,
        "started_at": time.time() - 30,
        "running_ns": 30_000 * MS,
        "process": "web1",
        "severity": "critical",
        "stack": (Frame("/usr/lib/python3/socket.py", 852, "create_connection"),),
    }
    return RunningCall(**(known | fields))


def totals(key: str, *durations_ms: float, kind: Any = "receiver", **fields: Any) -> list[Totals]:
    """Totals of these durations, over the process's life and in the present window."""
    now = time.time()
    both = []
    for window in (LIFE, int(now // WINDOW_SECONDS) * WINDOW_SECONDS):
        row = Totals(kind, key, window, blocking=len(durations_ms), last_at=now)
        for duration_ms in durations_ms:
            row.add(_one_call(key, kind, int(duration_ms * MS)))
        for name, value in fields.items():
            setattr(row, name, value)
        both.append(row)
    return both


def _one_call(key: str, kind: Any, duration_ns: int) -> Totals:
    return Totals(
        kind,
        key,
        count=1,
        slow=int(duration_ns >= 100 * MS),
        total_ns=duration_ns,
        self_ns=duration_ns,
        receivers_ns=duration_ns,
        max_ns=duration_ns,
        buckets={bucket_of(duration_ns): 1},
    )


def failed_order(**fields: Any) -> Dispatch:
    """A dispatch whose second receiver raised, so that the third was not run; its sender and error hold markup."""
    return dispatch(
        "failed",
        ReceiverCall(SEND_MAIL, 0, duration_ns=150 * MS, severity="slow"),
        ReceiverCall(RESERVE_STOCK, 1, "raised", offset_ns=150 * MS, duration_ns=50 * MS, failure=OUT_OF_STOCK),
        ReceiverCall(NOTIFY_PARTNER, 2, "not_run"),
        **{"sender": MARKUP, "severity": "slow", "origin_kind": "request", "origin_id": "r1"} | fields,
    )


def fill(store: Store) -> None:
    """Write an hour of the shop: a slow receiver, a failing one, one that hangs, and a request."""
    failed = failed_order()
    inner = dispatch(
        "inner",
        ReceiverCall("shop.audit.receivers.write_entry", 0, duration_ns=2 * MS),
        signal=PRE_SAVE,
        root_id="failed",
        parent_id="failed",
        parent_index=1,
        depth=1,
        started_at=failed.started_at + 0.16,
    )
    failing = {
        "failures": 1,
        "last_failure": OUT_OF_STOCK.summary,
        "last_failure_at": failed.started_at,
        "last_failure_dispatch": "failed",
        "app": "shop.orders",
        "path": "/srv/shop/orders/receivers.py",
        "line": 1042,
    }
    request = Request("r1", "POST", "/checkout/", failed.started_at, 400 * MS, 500, "checkout", 200 * MS, 3, 3, 1, 1)
    store.write(
        Batch(
            process(running=(running_call(),), dropped={"queue full": 7}, orphans={SHIPPED: 17}),
            dispatches=[dispatch("ordinary"), failed, inner],
            requests=[request],
            totals=[
                *totals(SEND_MAIL, 150, 450),
                *totals(RESERVE_STOCK, 50, **failing),
                *totals(ORDER_PLACED, 200, kind="signal"),
                *totals(MARKUP, 200, kind="sender"),
            ],
        )
    )


def waited(*calls: ReceiverCall, duration_ms: int, outside_ms: int = 0, nested_ms: int = 0) -> Dispatch:
    """A slow ``asend`` of that duration, of which it waited for a thread, and its receivers sent, for so long."""
    outside = {"thread": outside_ms * MS} if outside_ms else {}
    return dispatch(
        "waited",
        *calls,
        method="asend",
        duration_ns=duration_ms * MS,
        severity="slow",
        outside=outside,
        nested_ns=nested_ms * MS,
    )


def call_at(offset_ms: int, duration_ms: int) -> ReceiverCall:
    """A receiver call that starts so long after its dispatch."""
    return ReceiverCall(NOTIFY_PARTNER, 0, offset_ns=offset_ms * MS, duration_ns=duration_ms * MS)

"""Who waits for a receiver: by view and sending line, as far as stored dispatches tell."""

from __future__ import annotations

from django.test import Client

from signal_monitor.dashboard.waiters import waiters
from signal_monitor.records import Dispatch, Frame, ReceiverCall, Request
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import get_json, parts
from tests.dashboard.examples import MS, SEND_MAIL, dispatch, process

BUY = Frame("/srv/shop/views.py", 19, "buy")
PAY = Frame("/srv/shop/views.py", 40, "pay")
REQUEST = Request("r1", "POST", "/buy/", 0.0, 400 * MS, 200, "shop:buy", process="web1")


def sent(name: str, ms: int, site: Frame | None, **origin: str | None) -> Dispatch:
    return dispatch(name, ReceiverCall(SEND_MAIL, 0, duration_ns=ms * MS), call_site=site, **origin)


def test_calls_are_grouped_by_view_and_line() -> None:
    request = {"origin_kind": "request", "origin_id": "r1"}
    rows = waiters(
        [
            sent("a", 10, BUY, **request),
            sent("b", 30, BUY, **request),
            sent("c", 90, PAY, origin_kind="task", origin_id="t1"),
            sent("d", 5, None, **request),
            sent("e", 70, BUY, origin_kind="request", origin_id="deleted"),
            sent("f", 1, None),
            dispatch("g", ReceiverCall(SEND_MAIL, 0, "not_run"), **request),
            dispatch("h", ReceiverCall("another", 0), **request),
        ],
        {"r1": REQUEST},
        SEND_MAIL,
    )

    assert [(row.kind, row.view, row.site, row.calls, row.own_ns // MS, row.longest) for row in rows] == [
        ("request", None, BUY, 1, 70, "e"),
        ("request", "POST shop:buy", BUY, 2, 40, "b"),
        ("request", "POST shop:buy", None, 1, 5, "d"),
        ("task", None, PAY, 1, 90, "c"),
        ("", None, None, 1, 1, "f"),
    ]


def test_page_tells_who_waits(quiet_store: Store, client: Client) -> None:
    row = sent("a", 10, BUY, origin_kind="request", origin_id="r1", process="web1")
    quiet_store.write(Batch(process(), dispatches=[row], requests=[REQUEST]))
    drawn = parts("receiver", name=SEND_MAIL).text
    assert "POST shop:buy/srv/shop/views.py:19 in buy" in drawn

    response = client.get(f"/signals/api/receivers/{SEND_MAIL}/").json()
    assert response["waiters"][0]["view"] == "POST shop:buy"
    assert response["waiters"][0]["sent_at"] == {"path": BUY.path, "line": 19, "function": "buy"}
    assert get_json(client, "overview")["waited_for"] == []

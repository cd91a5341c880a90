"""The search: by a part of a name and by id."""

from __future__ import annotations

import pytest
from django.test import Client

from signal_monitor.records import Request
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import get_json
from tests.dashboard.examples import (
    MS,
    NOTIFY_PARTNER,
    ORDER_PLACED,
    RESERVE_STOCK,
    SEND_MAIL,
    SHIPPED,
    process,
    totals,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def found(client: Client, searched: str) -> list[tuple[str, str]]:
    return [(row["kind"], row["name"]) for row in get_json(client, "search", q=searched)["found"]]


@pytest.mark.parametrize(
    ("searched", "expected"),
    [
        ("send_mail", [("receiver", SEND_MAIL)]),
        ("SEND_M", [("receiver", SEND_MAIL)]),
        ("order_placed", [("signal", ORDER_PLACED)]),
        ("shipped", [("signal", SHIPPED)]),  # it has found no receiver so far
        ("/check", [("requests", "/checkout/")]),
        ("r1", [("request", "r1")]),
        ("inner", [("dispatch", "inner")]),
        (TRACE, [("trace", TRACE)]),
        (f"00-{TRACE}-00f067aa0ba902b7-01", [("trace", TRACE)]),
        ("nothing of that name", []),
        ("", []),
        ("   ", []),
    ],
)
def test_what_is_found(shop: Store, client: Client, searched: str, expected: list[tuple[str, str]]) -> None:
    assert found(client, searched) == expected


def test_name_that_ends_with_the_text_comes_first(quiet_store: Store, client: Client) -> None:
    names = ["shop.reserve.receivers.note", "shop.receivers.reserve_stock", "shop.receivers.reserve", NOTIFY_PARTNER]
    rows = [row for name in names for row in totals(name, 5)]
    quiet_store.write(Batch(process(), totals=rows))

    assert [name for _kind, name in found(client, "reserve")] == [names[2], names[1], names[0]]


def test_results_are_links(shop: Store, client: Client) -> None:
    html = client.get("/signals/search/", {"q": "reserve"}).content.decode()
    assert f'href="/signals/receivers/{RESERVE_STOCK}/"' in html
    assert "1 result for “reserve”" in html


def test_nothing_found_says_where_was_searched(shop: Store, client: Client) -> None:
    html = client.get("/signals/search/", {"q": "<b>nobody</b>"}).content.decode()
    assert "Nothing found for “&lt;b&gt;nobody&lt;/b&gt;”" in html
    assert "no path of a stored request contains it" in html


def test_many_requests_to_one_path_are_one_result(quiet_store: Store, client: Client) -> None:
    requests = [Request(f"id{number}", "GET", "/orders/", 1e9, MS, 200, "orders") for number in range(30)]
    quiet_store.write(Batch(process(), requests=requests))

    assert found(client, "orders") == [("requests", "/orders/")]

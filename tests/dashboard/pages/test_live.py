"""The table of dispatches: what the filter keeps, what is left out, what a row says."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.records import ReceiverCall
from signal_monitor.stores.base import Batch, Store
from signal_monitor.stores.filters import REQUEST_SIGNALS
from tests.dashboard.drawing import draw, get_json, shown, url_of, words
from tests.dashboard.examples import MS, RESERVE_STOCK, SEND_MAIL, dispatch, process

LEFT_OUT = "are hidden"


@pytest.fixture
def busy_site(quiet_store: Store) -> Store:
    """A store with the two dispatches of a request, one of them slow in another request, and one of its own."""
    finished, started = REQUEST_SIGNALS
    slow = ReceiverCall("shop.receivers.tidy", 0, duration_ns=200 * MS, severity="slow")
    rows = [
        dispatch("started", signal=started),
        dispatch("finished", signal=finished, sender="shop.handlers.Handler"),
        dispatch("slow", slow, signal=finished, severity="slow"),
        dispatch("own"),
    ]
    quiet_store.write(Batch(process(), dispatches=rows))
    return quiet_store


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"own", "slow"}),
        ({"requests": "0"}, {"own", "slow"}),
        ({"min_ms": "0.5"}, {"own", "slow"}),
        ({"requests": "1"}, {"own", "slow", "started", "finished"}),
        ({"signal": "request_"}, {"started", "finished", "slow"}),
        ({"sender": "shop.handlers"}, {"finished"}),
        ({"receiver": SEND_MAIL}, {"own", "started", "finished"}),
        ({"outcome": "slow"}, {"slow"}),
    ],
)
def test_ordinary_dispatches_of_requests_are_left_out_unless_wanted(
    busy_site: Store, params: dict[str, str], expected: set[str]
) -> None:
    html = draw("live", **params)

    assert set(shown(html)) == expected
    assert (LEFT_OUT in html) == (
        not {"signal", "sender", "receiver"} & params.keys() and params.get("requests") != "1"
    )


def test_box_for_the_signals_of_requests_is_in_the_form(busy_site: Store, client: Client) -> None:
    box = re.compile(r'<input type="checkbox" name="requests" value="1"[^>]*>')

    (without,) = box.findall(client.get("/signals/live/").content.decode())
    (ticked,) = box.findall(client.get("/signals/live/?requests=1").content.decode())

    assert "checked" not in without
    assert "checked" in ticked


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({}, {"failed", "inner", "ordinary"}),
        ({"signal": "pre_save"}, {"inner"}),
        ({"receiver": RESERVE_STOCK}, {"failed"}),
        ({"sender": "<SCRIPT"}, {"failed"}),
        ({"outcome": "not_run"}, {"failed"}),
        ({"outcome": "failed"}, {"failed"}),
        ({"min_ms": "1.5"}, {"failed", "inner"}),
    ],
)
def test_live_table_keeps_what_the_filter_lets_through(shop: Store, params: dict[str, str], shown: set[str]) -> None:
    html = render_parts(view_of("live", params))

    assert set(re.findall(r'class="when"><a href="[^"]*/dispatches/(\w+)/"', html)) == shown


@pytest.mark.parametrize(
    ("age", "expected"), [(0.0, r"\d\d:\d\d:\d\d\.\d{3}"), (90_000.0, r"\d{4}-\d\d-\d\d [\d:]{8}")]
)
def test_row_of_another_day_shows_its_date(quiet_store: Store, age: float, expected: str) -> None:
    row: dict[str, Any] = {"started_at": time.time() - age}
    quiet_store.write(Batch(process(), dispatches=[dispatch(**row)]))

    (text,) = re.findall(r'class="when"><a [^>]*>([^<]*)</a>', draw("live"))

    assert re.fullmatch(expected, text)
    assert text == formatting.stamp(row["started_at"], time.time())


def test_row_names_the_failing_receiver_before_the_slowest(shop: Store) -> None:
    text = words(draw("live", outcome="failed"))

    assert "receivers.reserve_stock OutOfStock: &lt;script" in text
    assert text.index("reserve_stock") < text.index("slowest of 3: shop.orders.receivers.send_mail")


def test_table_is_short_and_says_what_is_sampled(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch(f"d{number}") for number in range(60)]))

    html = draw("live")

    assert html.count('class="when"') == 50
    assert "All slow and failed dispatches are stored" in html


def test_process_is_linked_by_its_title_and_by_its_id_once_it_is_forgotten(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d1"), dispatch("d2", process="long gone")]))

    html = draw("live")

    assert '#process-web1" title="daphne shop.asgi (web1)">daphne shop.asgi</a>' in html
    assert '#process-long gone" title="long gone (long gone)">long gone</a>' in html


def test_bad_parameter_loses_nothing_that_was_typed(shop: Store, client: Client) -> None:
    html = client.get(f"{url_of('live')}?min_ms=abc&signal=pre_save").content.decode()

    assert 'value="abc"' in html
    assert 'value="pre_save"' in html
    assert html.count('class="when"') == 1


def test_filter_by_htmx_gets_an_address_without_empty_fields(shop: Store, client: Client) -> None:
    response = client.get(f"{url_of('live')}?signal=save&sender=&min_ms=", headers={"HX-Request": "true"})

    assert response["HX-Push-Url"] == f"{url_of('live')}?signal=save"


def test_live_takes_the_same_filters(shop: Store, client: Client) -> None:
    found = get_json(client, "live", outcome="failed", min_ms="100")["dispatches"]

    assert [dispatch["id"] for dispatch in found] == ["failed"]
    assert [call["outcome"] for call in found[0]["calls"]] == ["ok", "raised", "not_run"]

"""The table of dispatches: what the filter keeps, what is left out, what a row says."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.followed_browser import COOKIE
from signal_monitor.records import ReceiverCall
from signal_monitor.stores.base import Batch, Store
from signal_monitor.stores.filters import REQUEST_SIGNALS
from signal_monitor.testing import capture_dispatches
from tests.dashboard.drawing import draw, get_json, url_of, words
from tests.dashboard.examples import MS, RESERVE_STOCK, SEND_MAIL, dispatch, process

LEFT_OUT = "are left out"


def page(client: Client, **params: str) -> str:
    """The page as it is opened."""
    return client.get(url_of("live"), params).content.decode()


def listed(html: str) -> list[str]:
    """The ids of the rows."""
    return re.findall(r'<li id="d-(\w+)"', html)


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
    busy_site: Store, client: Client, params: dict[str, str], expected: set[str]
) -> None:
    html = page(client, **params)

    assert set(listed(html)) == set(listed(render_parts(view_of("live", params)))) == expected
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
        ({"process": "web1"}, {"failed", "inner", "ordinary"}),
        ({"process": "web2"}, set()),
        ({"browser": "0123abcd"}, set()),
    ],
)
def test_live_table_keeps_what_the_filter_lets_through(shop: Store, params: dict[str, str], shown: set[str]) -> None:
    assert set(listed(render_parts(view_of("live", params)))) == shown


@pytest.mark.parametrize(
    ("age", "expected"), [(0.0, r"\d\d:\d\d:\d\d\.\d{3}"), (90_000.0, r"\d{4}-\d\d-\d\d [\d:]{8}")]
)
def test_row_of_another_day_shows_its_date(quiet_store: Store, age: float, expected: str) -> None:
    row: dict[str, Any] = {"started_at": time.time() - age}
    quiet_store.write(Batch(process(), dispatches=[dispatch(**row)]))

    (text,) = re.findall(r"<time>([^<]*)</time>", draw("live"))

    assert re.fullmatch(expected, text)
    assert text == formatting.stamp(row["started_at"], time.time())


def test_row_names_the_failing_receiver_before_the_slowest(shop: Store) -> None:
    text = words(draw("live", outcome="failed"))

    assert "reserve_stock and 2 more OutOfStock: &lt;script" in text
    assert "raised slow" in text


def test_list_is_short_and_says_what_is_sampled(quiet_store: Store, client: Client) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch(f"d{number}") for number in range(60)]))

    html = page(client)

    assert len(listed(html)) == 50
    assert "Slow and failed dispatches are stored" in html


def test_process_is_named_by_its_program_and_by_its_id_once_it_is_forgotten(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d1"), dispatch("d2", process="long-gone")]))

    html = draw("live")

    assert "<span>daphne</span>" in html
    assert "<span>long-gone</span>" in html


def test_bad_parameter_loses_nothing_that_was_typed(shop: Store, client: Client) -> None:
    html = client.get(f"{url_of('live')}?min_ms=abc&signal=pre_save").content.decode()

    assert 'value="abc"' in html
    assert 'value="pre_save"' in html
    assert "Not a number of milliseconds" in html
    assert len(listed(html)) == 1


def test_filter_by_htmx_gets_an_address_without_empty_fields(shop: Store, client: Client) -> None:
    response = client.get(f"{url_of('live')}?signal=save&sender=&min_ms=", headers={"HX-Request": "true"})

    assert response["HX-Push-Url"] == f"{url_of('live')}?signal=save"


def test_live_takes_the_same_filters(shop: Store, client: Client) -> None:
    found = get_json(client, "live", outcome="failed", min_ms="100")["dispatches"]

    assert [dispatch["id"] for dispatch in found] == ["failed"]
    assert [call["outcome"] for call in found[0]["calls"]] == ["ok", "raised", "not_run"]


def test_poll_brings_new_rows_and_changed_parts_only(shop: Store, client: Client) -> None:
    (after,) = re.findall(r'data-after="(\d+)"', page(client))
    fragments = "/signals/fragments/live/"
    (have,) = re.findall(r'data-have="([^"]*)"', client.get(fragments, {"after": after}).content.decode())
    shop.write(Batch(process(), dispatches=[dispatch("new")]))

    first = client.get(fragments, {"after": after}).content.decode()
    second = client.get(fragments, {"after": after, "have": have}).content.decode()
    (newest,) = re.findall(r'data-after="(\d+)"', second)
    third = client.get(fragments, {"after": newest, "have": have}).content.decode()

    assert listed(first) == listed(second) == ["new"]
    assert ("sm-live-state" in first, "sm-live-state" in second) == (True, False)
    assert re.fullmatch(r'<div id="sm-frame"[^>]*></div>', third)


def test_older_rows_get_no_new_ones(shop: Store) -> None:
    assert listed(render_parts(view_of("live", {"before": str(time.time())}))) == []


def test_row_is_one_link_and_small(shop: Store) -> None:
    rows = re.findall(r"<li .*?</li>", draw("live"))

    assert [row.count("<a ") for row in rows] == [1, 1, 1]
    assert max(len(row) for row in rows) < 600


@pytest.mark.parametrize("key", ["same", "another"])
def test_requests_of_the_browser_that_is_followed_are_known_by_their_ids(
    quiet_store: Store, settings: Settings, client: Client, key: str
) -> None:
    """Nothing but the cookie remembers it, and only one that was signed here counts."""
    address = urlsplit(client.get("/signals/follow/")["Location"])
    browser = parse_qs(address.query)["browser"][0]
    if key == "another":
        settings.SECRET_KEY = "another"
    with capture_dispatches() as capture:
        client.get("/send/")
        Client().get("/send/")
    origins = [row.origin_id or "" for row in capture.of("tests.views.send_mail")]

    assert address.path == url_of("live")
    assert [name.startswith(f"{browser}-") for name in origins] == [key == "same", False]


def test_browser_is_followed_until_it_says_stop(quiet_store: Store, client: Client) -> None:
    first, again = (client.get("/signals/follow/")["Location"] for _ in range(2))
    stopped = client.get("/signals/follow/?stop=1")

    assert first == again
    assert stopped["Location"] == url_of("live")
    assert stopped.cookies[COOKIE].value == ""
    assert client.get("/signals/follow/")["Location"] != first

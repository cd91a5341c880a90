"""The tables of dispatches and requests: what they leave out, and the way to older rows."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from signal_monitor.dashboard import formatting
from signal_monitor.dashboard.pages import render_fragments, view_of
from signal_monitor.records import ReceiverCall, Request
from signal_monitor.stores.base import Batch, Store
from signal_monitor.stores.filters import REQUEST_SIGNALS
from tests.dashboard.examples import MS, SEND_MAIL, dispatch, process

LEFT_OUT = "are left out"


def live(**params: str) -> str:
    return render_fragments(view_of("live", params))


def shown(html: str) -> list[str]:
    return re.findall(r'class="when"><a href="[^"]*/(?:dispatches|requests)/(\w+)/"', html)


def older(html: str) -> str:
    (link,) = re.findall(r'<a href="([^"]*before=[^"]*)">Older</a>', html)
    return str(link).replace("&amp;", "&")


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
    html = live(**params)

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


def fill_pages(store: Store) -> None:
    now = time.time()
    requests = [Request(f"r{age}", "GET", "/", now - age / 7, MS, 200, "home") for age in range(120)]
    dispatches = [dispatch(f"d{age}", started_at=now - age / 7) for age in range(120)]
    store.write(Batch(process(), dispatches=dispatches, requests=requests))


@pytest.mark.parametrize("page", ["live", "requests"])
def test_older_rows_are_reached_page_by_page(quiet_store: Store, client: Client, page: str) -> None:
    fill_pages(quiet_store)
    seen: list[str] = []
    query = ""
    for _ in range(2):
        html = client.get(f"/signals/{page}/{query}").content.decode()
        seen += shown(html)
        query = older(html)
    last = client.get(f"/signals/{page}/{query}").content.decode()
    seen += shown(last)

    letter = "d" if page == "live" else "r"
    assert seen == [f"{letter}{age}" for age in range(120)]
    assert ">Older</a>" not in last
    assert '<a href="?">Newest</a>' in last
    assert 'name="before"' not in last


def test_older_link_keeps_the_filter(quiet_store: Store) -> None:
    fill_pages(quiet_store)

    assert older(live(signal="placed", requests="1")).startswith("?signal=placed&requests=1&before=")


def test_twins_take_a_time_to_begin_before(quiet_store: Store, client: Client) -> None:
    fill_pages(quiet_store)
    newest = client.get("/signals/api/live/").json()["dispatches"]

    before = newest[-1]["started_at"]
    following = client.get("/signals/api/live/", {"before": before}).json()["dispatches"]
    requests = client.get("/signals/api/requests/", {"before": before}).json()["requests"]

    assert following[0]["id"] == "d50"
    assert requests[0]["id"] == "r50"


@pytest.mark.parametrize(
    ("age", "expected"), [(0.0, r"\d\d:\d\d:\d\d\.\d{3}"), (90_000.0, r"\d{4}-\d\d-\d\d [\d:]{8}")]
)
def test_row_of_another_day_shows_its_date(quiet_store: Store, age: float, expected: str) -> None:
    row: dict[str, Any] = {"started_at": time.time() - age}
    quiet_store.write(Batch(process(), dispatches=[dispatch(**row)]))

    (text,) = re.findall(r'class="when"><a [^>]*>([^<]*)</a>', live())

    assert re.fullmatch(expected, text)
    assert text == formatting.stamp(row["started_at"], time.time())


def test_slow_calls_of_the_overview_link_to_the_slow_dispatches(busy_site: Store) -> None:
    assert re.search(r'href="/signals/live/\?outcome=slow"><span class="label">Slow calls', render_overview())


def render_overview() -> str:
    return render_fragments(view_of("overview", {}))


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.replace("<small", " <small")))


def test_row_names_the_failing_receiver_before_the_slowest(shop: Store) -> None:
    text = words(live(outcome="failed"))

    assert "receivers.reserve_stock OutOfStock: &lt;script" in text
    assert text.index("reserve_stock") < text.index("slowest of 3: send_mail")


def test_table_is_short_and_says_what_is_sampled(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch(f"d{number}") for number in range(60)]))

    html = live()

    assert html.count('class="when"') == 50
    assert "Slow and failed dispatches are all stored" in html


def test_route_in_place_of_a_path_is_shown_as_it_is_written(quiet_store: Store, client: Client) -> None:
    route = "/accounts/reset/<uidb64>/<token>/"
    quiet_store.write(Batch(process(), requests=[Request("r1", "GET", route, time.time(), MS, 200, "reset")]))

    for url in ("/signals/requests/", "/signals/requests/r1/"):
        assert "/accounts/reset/&lt;uidb64&gt;/&lt;token&gt;/" in client.get(url).content.decode()

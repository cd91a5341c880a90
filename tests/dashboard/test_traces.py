"""From a row to its trace, and from a trace's id to its rows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.fields import trace_id_in
from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.dashboard.pages.base import View
from signal_monitor.records import Request
from signal_monitor.stores import forget_store, get_store, open_store
from signal_monitor.stores.base import Batch, Store
from signal_monitor.stores.filters import REQUEST_SIGNALS
from signal_monitor.templatetags.signal_monitor import trace_url
from tests.dashboard import drawing
from tests.dashboard.examples import MS, ORDER_PLACED, SEND_MAIL, dispatch, failed_order, process
from tests.dashboard.websocket import WebSocket
from tests.support.servers import Site

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
UNSAMPLED = "11111111111111111111111111111111"
SPAN = "b7ad6b7169203331"
OF_DISPATCH, OF_SLOW_CALL, OF_REQUEST, OF_NESTED = "d" * 16, "c" * 16, "e" * 16, "f" * 16
BOTH = f"{OF_DISPATCH} {OF_SLOW_CALL}"
"""A dispatch and its worst receiver: Jaeger opens what is above the spans that it finds."""
BOTH_OF_REQUEST = f"{OF_REQUEST} {OF_SLOW_CALL}"
BACKEND = "https://traces.example/trace/{trace_id}?uiFind={span_id}"
WHERE = {
    "live": {},
    "requests": {},
    "dispatch": {"dispatch_id": "failed"},
    "request": {"request_id": "r1"},
    "receiver": {"name": SEND_MAIL},
    "signal": {"name": ORDER_PLACED},
}


def fill_with_traces(store: Store) -> None:
    """A traced request with a failed dispatch, one nested in it whose span was folded, and another trace."""
    failed = failed_order(trace_id=TRACE, span_id=OF_DISPATCH)
    slow, raised, not_run = failed.calls
    failed = replace(failed, calls=(replace(slow, span_id=OF_SLOW_CALL), raised, not_run))
    nested = dispatch("nested", trace_id=TRACE, span_id=None, root_id="failed", parent_id="failed", parent_index=0)
    traced = Request("r1", "POST", "/checkout/", time.time(), 400 * MS, 500, trace_id=TRACE, span_id=OF_REQUEST)
    traced = replace(traced, worst_span_id=OF_SLOW_CALL)
    other = replace(traced, id="r2", path="/other/", trace_id=OTHER)
    untraced = replace(traced, id="r3", path="/untraced/", trace_id=None, span_id=None)
    unsampled = replace(traced, id="r4", path="/unsampled/", trace_id=UNSAMPLED, span_id=None)
    store.write(
        Batch(
            process(),
            dispatches=[failed, nested, dispatch("other", trace_id=OTHER), dispatch("untraced")],
            requests=[traced, other, untraced, unsampled],
        )
    )


@pytest.fixture
def traced_shop(quiet_store: Store) -> Store:
    """A store with traces, on a site without TRACE_URL."""
    fill_with_traces(quiet_store)
    return quiet_store


@pytest.fixture
def linked_shop(settings: Settings, quiet_store: Store) -> Iterator[Store]:
    """The same where TRACE_URL is set."""
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "TRACE_URL": BACKEND}
    store = get_store()  # the change of the setting has given a new one
    fill_with_traces(store)
    yield store
    forget_store()


def draw(page: str, **params: str) -> str:
    return drawing.draw(page, **{**WHERE.get(page, {}), **params})


def spans_linked(html: str, trace_id: str = TRACE) -> list[str]:
    """The spans at which the page's links open a trace, in order."""
    links = re.findall(r'<a class="trace" href="([^"]+)" rel="noreferrer"', html)
    return [unquote(url.rpartition("=")[2]) for url in map(unescape, links) if f"/trace/{trace_id}?" in url]


def shown(html: str) -> set[str]:
    return set(drawing.shown(html))


@pytest.mark.parametrize(
    ("page", "spans"),
    [
        ("requests", {BOTH_OF_REQUEST}),
        ("request", {BOTH, OF_SLOW_CALL, BOTH_OF_REQUEST}),
        ("receiver", {OF_SLOW_CALL, BOTH, ""}),
        ("signal", {OF_SLOW_CALL, BOTH, ""}),
    ],
)
def test_rows_link_to_their_spans(linked_shop: Store, page: str, spans: set[str]) -> None:
    assert set(spans_linked(draw(page))) == spans


def test_waterfall_links_to_the_span_of_each_receiver_call_that_has_one(linked_shop: Store) -> None:
    waterfall = draw("dispatch").partition("<tbody>")[2].partition("</tbody>")[0]

    assert spans_linked(waterfall) == [BOTH, OF_SLOW_CALL, ""]


NAMES_OF_LINKS = ("signals.order_placed", "receivers.send_mail", "signals.order_placed")


def test_link_says_what_it_leads_to(linked_shop: Store) -> None:
    names = re.findall(r'<a class="trace" [^>]* aria-label="([^"]+) at [\d:.]+">trace</a>', draw("dispatch"))

    assert names == [f"trace of shop.orders.{name}" for name in NAMES_OF_LINKS]


def test_row_without_a_trace_has_no_link(linked_shop: Store) -> None:
    html = draw("requests")

    assert html.count('<tr class="') + html.count("<tr>") > html.count('class="trace"') > 0
    assert "None" not in html


def test_trace_that_was_not_sampled_is_named_and_not_linked(linked_shop: Store) -> None:
    assert f"/trace/{UNSAMPLED}" not in draw("requests")
    html = draw("request", request_id="r4")
    assert f"<code>{UNSAMPLED}</code> (not sampled)" in html
    assert f"/trace/{UNSAMPLED}" not in html


@pytest.mark.parametrize("page", WHERE)
def test_nothing_links_to_a_trace_without_a_trace_url(traced_shop: Store, page: str) -> None:
    assert 'class="trace"' not in draw(page)


@pytest.mark.parametrize("page", ["dispatch", "request"])
def test_trace_id_links_to_all_of_its_trace(traced_shop: Store, client: Client, page: str) -> None:
    html = draw(page)

    assert f'href="/signals/requests/?trace_id={TRACE}">its requests</a>' in html
    (url,) = re.findall(rf'<a href="([^"]*)"[^>]*><code>{TRACE}</code></a>', html)
    assert shown(client.get(url).content.decode()) == {"failed", "nested"}


@pytest.mark.parametrize(
    "template", ["https://traces.example/{trace_id}", "https://traces.example/{trace_id}/{span_id}"]
)
def test_trace_url_cannot_be_broken_out_of(settings: Settings, template: str) -> None:
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "TRACE_URL": template}

    url = trace_url('a/b?"c', "<d>&e")

    assert re.fullmatch(r"https://traces\.example/a%2Fb%3F%22c(/%3Cd%3E%26e)?", url)


@pytest.mark.parametrize(
    "text",
    [
        TRACE,
        f"  {TRACE.upper()}\n",
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01".upper(),
        f"01-{TRACE}-{SPAN}-01-more",
    ],
)
@pytest.mark.parametrize(("page", "found"), [("live", {"failed", "nested"}), ("requests", {"r1"})])
def test_pasted_id_finds_what_belongs_to_the_trace(traced_shop: Store, page: str, found: set[str], text: str) -> None:
    view = view_of(page, {"trace_id": text})

    assert view == View(page, (("trace_id", TRACE),))
    assert shown(render_parts(view)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "abc", TRACE[1:], f"{TRACE}0", "0" * 32, "g" * 32, f"{TRACE} {OTHER}"),
        *(f"00-{TRACE}", f"{TRACE}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01"),
    ],
)
def test_what_is_not_a_trace_id_is_none(text: str) -> None:
    assert trace_id_in(text) == ""


@pytest.mark.parametrize("page", ["live", "requests"])
def test_bad_trace_id_is_told_of_and_passed_over(traced_shop: Store, client: Client, page: str) -> None:
    html = client.get(f"/signals/{page}/", {"trace_id": TRACE[1:]}).content.decode()

    assert "Not a trace id. Paste 32 hexadecimal digits or a traceparent. This filter is ignored." in html
    assert f'value="{TRACE[1:]}"' in html
    assert len(shown(html)) > 2


@pytest.mark.parametrize(("page", "found"), [("live", ["failed", "nested"]), ("requests", ["r1"])])
def test_twin_takes_a_trace_id(traced_shop: Store, client: Client, page: str, found: list[str]) -> None:
    rows = "dispatches" if page == "live" else "requests"
    answer = client.get(f"/signals/api/{page}/", {"trace_id": f"00-{TRACE}-{SPAN}-01"}).json()
    refused = client.get(f"/signals/api/{page}/", {"trace_id": "abc"})

    assert sorted(row["id"] for row in answer[rows]) == found
    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == ["trace_id"]


def test_twin_has_the_span_of_each_receiver_call(traced_shop: Store, client: Client) -> None:
    calls = client.get("/signals/api/dispatches/failed/").json()["calls"]

    assert [call["span_id"] for call in calls] == [OF_SLOW_CALL, None, None]


def test_trace_goes_with_the_other_filters(traced_shop: Store) -> None:
    assert shown(draw("live", trace_id=TRACE, outcome="failed")) == {"failed"}
    assert shown(draw("requests", trace_id=TRACE, path="/other/")) == set()
    assert "No stored requests match this filter." in draw("requests", trace_id=TRACE, path="/other/")


def test_trace_shows_the_signals_of_requests_as_well(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d1", signal=REQUEST_SIGNALS[0], trace_id=TRACE)]))

    assert shown(draw("live", trace_id=TRACE)) == {"d1"}


def test_requests_of_a_trace_are_found_however_many_are_newer(quiet_store: Store) -> None:
    now = time.time()
    newer = [Request(f"r{age}", "GET", "/", now - age, MS, trace_id=OTHER) for age in range(60)]
    quiet_store.write(Batch(process(), requests=[Request("old", "GET", "/", now - 99, MS, trace_id=TRACE), *newer]))

    assert shown(draw("requests", trace_id=TRACE)) == {"old"}


@pytest.mark.parametrize("page", ["live", "requests"])
def test_filter_by_a_trace_leads_to_the_trace(linked_shop: Store, page: str) -> None:
    html = draw(page, trace_id=TRACE)

    assert f'href="https://traces.example/trace/{TRACE}?uiFind=" rel="noreferrer">open trace</a>' in html


def test_socket_delivers_what_belongs_to_the_trace(start_site: Callable[..., Site]) -> None:
    site = start_site()
    store = open_store(f"sqlite:///{site.log_path.parent / 'signals' / 'store.sqlite3'}")
    fill_with_traces(store)
    store.close()

    with WebSocket(f"{site.url}/signals/ws/?page=live&trace_id={TRACE.upper()}") as viewer:
        assert shown(viewer.receive_frame()) == {"failed", "nested"}

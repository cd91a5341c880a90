"""What a viewer asks for, and the parts of a page that live updates replace."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.pages import PAGES, UnknownPage, View, live_urls, render_fragments, view_of
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Batch, Store
from tests.dashboard.examples import (
    ERROR_MARKUP,
    MARKUP,
    NOTIFY_PARTNER,
    ORDER_PLACED,
    RESERVE_STOCK,
    SEND_MAIL,
    dispatch,
    failed_order,
    fill,
    process,
    running_call,
    totals,
)

PATHS = {
    "signal": {"name": ORDER_PLACED},
    "receiver": {"name": RESERVE_STOCK},
    "dispatch": {"dispatch_id": "failed"},
    "request": {"request_id": "r1"},
}


class Parts(HTMLParser):
    """The outermost elements of some HTML, their text, and every id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.outermost: list[dict[str, str | None]] = []
        self.ids: list[str | None] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if not self._open:
            self.outermost.append(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in {"wbr", "input"}:
            self._open.append(tag)
        if tag in {"td", "dd", "div", "p", "section"}:
            self.words.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A self-closing element of an SVG opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def fragments(page: str, **params: str) -> Parts:
    return Parts(render_fragments(view_of(page, params)))


def test_view_keeps_only_known_and_good_parameters_in_one_order() -> None:
    view = view_of("live", {"min_ms": "250.0", "colour": "red", "signal": " save ", "outcome": "odd", "sender": ""})

    assert view == View("live", (("signal", "save"), ("min_ms", "250")))


@pytest.mark.parametrize("bad", ["x" * 201, "a\0b"])
def test_view_leaves_out_text_that_is_too_long_or_odd(bad: str) -> None:
    assert view_of("live", {"signal": bad}) == View("live")


@pytest.mark.parametrize("bad", ["abc", "-1", "nan", "inf", "9300000000000"])
def test_view_leaves_out_a_bad_number(bad: str) -> None:
    assert view_of("live", {"min_ms": bad}) == View("live")


def test_view_of_an_unknown_page_is_refused() -> None:
    with pytest.raises(UnknownPage):
        view_of("secrets", {})


@pytest.mark.parametrize("page", PAGES)
def test_fragments_are_elements_that_swap_by_their_ids(shop: Store, page: str) -> None:
    parts = fragments(page, **PATHS.get(page, {}))

    assert parts.outermost
    assert all(element["hx-swap-oob"] == "true" and element["id"] for element in parts.outermost)
    assert len(parts.ids) == len(set(parts.ids))


@pytest.mark.parametrize("page", PAGES)
def test_fragments_replace_elements_of_the_whole_page(shop: Store, client: Client, page: str) -> None:
    named = PATHS.get(page, {})
    whole = client.get(reverse(f"signal_monitor:{page}", kwargs=named or None)).content.decode()

    replaced = {element["id"] for element in fragments(page, **named).outermost}

    assert replaced <= set(re.findall(r'id="([^"]+)"', whole))
    assert "hx-swap-oob" not in whole


@pytest.mark.parametrize("page", PAGES)
def test_fragments_escape_names_and_errors(shop: Store, page: str) -> None:
    assert "<script" not in render_fragments(view_of(page, PATHS.get(page, {})))


@pytest.mark.parametrize("page", ["dispatch", "request", "receiver", "signal"])
def test_fragments_of_something_that_left_the_store_are_empty(quiet_store: Store, page: str) -> None:
    assert render_fragments(view_of(page, PATHS[page])) == ""


def test_overview_ranks_the_slowest_synchronous_receivers(shop: Store) -> None:
    shop.write(Batch(process(), totals=totals("shop.tasks.receivers.run_long", 9000, blocking=0)))

    html = render_fragments(view_of("overview", {}))
    card = html[html.index('id="sm-slowest"') : html.index('id="sm-failing"')]

    assert "slow from 100 ms" in card
    assert card.index(SEND_MAIL) < card.index(RESERVE_STOCK)
    assert "run_long" not in card.replace("<wbr>", "")


def test_overview_tells_the_last_error_and_links_to_its_dispatch(shop: Store) -> None:
    html = render_fragments(view_of("overview", {}))
    card = html[html.index('id="sm-failing"') : html.index('id="sm-busiest"')]

    assert f"OutOfStock: {escape(ERROR_MARKUP)}" in card
    assert reverse("signal_monitor:dispatch", kwargs={"dispatch_id": "failed"}) in card


def test_overview_shows_what_runs_with_its_stack(shop: Store) -> None:
    parts = fragments("overview")

    assert "30.0 s shop.webhooks.receivers.notify_partner critical" in parts.text
    assert "stands in create_connection /usr/lib/python3/socket.py:852" in parts.text
    assert "process gone" not in parts.text


def test_overview_marks_what_ran_when_its_process_was_killed(quiet_store: Store) -> None:
    silent = process(seen_at=time.time() - 60, running=(running_call(),))
    quiet_store.write(Batch(silent))

    assert "process gone" in fragments("overview").text


def test_overview_counts_dropped_records_and_orphans(shop: Store) -> None:
    text = fragments("overview").text

    assert "queue full 7" in text
    assert "shop.orders.signals.shipped 17" in text


def test_period_leaves_out_what_is_older(quiet_store: Store) -> None:
    old = totals(SEND_MAIL, 5000)[1]
    old.window -= 7200
    quiet_store.write(Batch(process(), totals=[*totals(SEND_MAIL, 5000)[:1], old]))

    assert "5.00 s" in fragments("receivers", period="all").text
    assert "No receiver seen in this period" in fragments("receivers").text


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
    html = render_fragments(view_of("live", params))

    assert set(re.findall(r'class="when"><a href="[^"]*/dispatches/(\w+)/"', html)) == shown


@pytest.mark.parametrize(("sort", "first"), [("p95", SEND_MAIL), ("failures", RESERVE_STOCK), ("count", SEND_MAIL)])
def test_receivers_are_sorted_by_the_column_asked_for(shop: Store, sort: str, first: str) -> None:
    html = render_fragments(view_of("receivers", {"sort": sort}))

    assert re.findall(r'class="name" title="([^"]+receivers[^"]+)"', html)[0] == first


def test_receiver_page_gives_numbers_source_and_traceback(shop: Store) -> None:
    html = render_fragments(view_of("receiver", {"name": RESERVE_STOCK}))

    assert "/srv/shop/orders/receivers.py:1042" in html
    assert "shop.errors.OutOfStock" in html
    assert html.count('<figure class="chart"') == 3
    assert reverse("signal_monitor:signal", kwargs={"name": ORDER_PLACED}) in html


def test_receiver_page_shows_as_slow_only_its_own_slow_calls(shop: Store) -> None:
    assert "No slow one is stored." in fragments("receiver", name=RESERVE_STOCK).text
    assert "No slow one is stored." not in fragments("receiver", name=SEND_MAIL).text


def test_slow_limit_follows_the_override_for_a_receiver(quiet_store: Store, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "SLOW_MS": {"shop.orders.*": 2000}}
    fill(get_store())  # the change of the setting has given a new one

    assert "Slow from 2.00 s" in fragments("receiver", name=RESERVE_STOCK).text


def test_dispatch_page_draws_nested_dispatches_and_what_was_not_run(shop: Store) -> None:
    text = fragments("dispatch", dispatch_id="failed").text

    assert text.index("reserve_stock") < text.index("pre_save") < text.index("write_entry") < text.index("not run")


def test_dispatch_page_warns_of_a_blocked_event_loop(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d1", blocked_loop=True), dispatch("d2")]))

    assert "held it up" in fragments("dispatch", dispatch_id="d1").text
    assert "held it up" not in fragments("dispatch", dispatch_id="d2").text


def test_trace_is_a_link_where_a_trace_url_is_set(quiet_store: Store, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "TRACE_URL": "https://traces.example/{trace_id}"}
    get_store().write(Batch(process(), dispatches=[failed_order(trace_id="ab" * 16)]))

    assert f'href="https://traces.example/{"ab" * 16}"' in render_fragments(view_of("dispatch", PATHS["dispatch"]))


def test_request_page_says_how_many_of_its_dispatches_are_stored(shop: Store) -> None:
    text = fragments("request", request_id="r1").text

    assert "1 of 3 were stored one by one" in text
    assert "50 %" in text


def test_health_page_tells_of_processes_the_store_and_settings(shop: Store) -> None:
    shop.write(Batch(process(id="web2", faults=2, last_fault="StoreError: locked")))

    text = fragments("health").text

    assert "2 alive · 2 seen" in text
    assert "Last fault of the monitor itself: StoreError: locked" in text
    assert shop.location in text
    assert "SAMPLE_PER_SECOND" in text


def test_live_urls_carry_the_view(settings: Settings) -> None:
    settings.ROOT_URLCONF = "tests.urls_elsewhere"

    urls = live_urls(View("receiver", (("name", MARKUP),)))

    assert urls["ws_url"].startswith("/internal/dispatches/ws/?page=receiver&name=%3Cscript%3E")
    assert urls["poll_url"].startswith("/internal/dispatches/fragments/receiver/?name=%3Cscript%3E")


def test_names_of_a_hung_receiver_link_to_all_it_names(shop: Store) -> None:
    html = render_fragments(view_of("overview", {}))

    assert reverse("signal_monitor:receiver", kwargs={"name": NOTIFY_PARTNER}) in html
    assert f"{reverse('signal_monitor:live')}?sender=shop.orders.models.Order" in html
    assert f"{reverse('signal_monitor:health')}#process-web1" in html


def test_process_is_linked_by_its_title_and_by_its_id_once_it_is_forgotten(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), dispatches=[dispatch("d1"), dispatch("d2", process="long gone")]))

    html = render_fragments(view_of("live", {}))

    assert '#process-web1" title="daphne shop.asgi (web1)">daphne shop.asgi</a>' in html
    assert '#process-long gone" title="long gone (long gone)">long gone</a>' in html

"""Signals nobody listens to, receivers that never ran, and time that no receiver took."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from signal_monitor.dashboard import sources
from signal_monitor.dashboard.pages import render_fragments, view_of
from signal_monitor.records import Dispatch, ReceiverCall
from signal_monitor.stores.base import LIFE, Batch, Store, Totals
from tests.dashboard.examples import MS, NOTIFY_PARTNER, ORDER_PLACED, dispatch, process

SHIPPED = "shop.orders.signals.shipped"


def signal_page(name: str) -> str:
    return render_fragments(view_of("signal", {"name": name}))


@pytest.mark.parametrize("page", ["", "health/"])
def test_links_of_orphans_lead_to_a_page_that_says_what_to_do(shop: Store, client: Client, page: str) -> None:
    url = reverse("signal_monitor:signal", kwargs={"name": SHIPPED})
    assert f'href="{url}"' in client.get(f"/signals/{page}").content.decode()

    html = client.get(url).content.decode()

    assert "17 dispatches, none found a receiver" in html
    assert all(hint in html for hint in ("AppConfig.ready()", "<code>sender</code>", "weak=False"))
    assert "Not called in this period" not in html
    assert client.get(reverse("signal_monitor:api_signal", kwargs={"name": SHIPPED})).json()["orphans"] == 17


def test_orphans_of_the_projects_own_signals_come_first(quiet_store: Store) -> None:
    djangos = {f"django.db.models.signals.signal_{number}": 1000 + number for number in range(20)}
    quiet_store.write(Batch(process(orphans={**djangos, SHIPPED: 1, ORDER_PLACED: 2})))

    names = list(sources.orphans(sources.processes(quiet_store)))
    assert names[:3] == [ORDER_PLACED, SHIPPED, "django.db.models.signals.signal_19"]


def test_signal_with_and_without_receivers_tells_of_both(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(orphans={ORDER_PLACED: 1}), dispatches=[dispatch()]))

    html = signal_page(ORDER_PLACED)

    assert "1 more dispatch found no receiver, and is not in the numbers below" in html
    assert "Recent stored dispatches" in html


def test_receiver_that_never_ran_has_no_durations(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), totals=[Totals("receiver", NOTIFY_PARTNER, LIFE, not_run=4)]))

    listed = render_fragments(view_of("receivers", {"period": "all"}))
    page = render_fragments(view_of("receiver", {"name": NOTIFY_PARTNER, "period": "all"}))

    assert "4 not run" in listed
    assert "4 not run" in page
    assert ">0 ms<" not in listed + page
    assert "—" in listed
    assert "meter" not in listed
    assert "<rect" not in page


def asent(*calls: ReceiverCall, duration_ms: int) -> Dispatch:
    return dispatch("waited", *calls, method="asend", duration_ns=duration_ms * MS, severity="slow")


def call_at(offset_ms: int, duration_ms: int) -> ReceiverCall:
    return ReceiverCall(NOTIFY_PARTNER, 0, offset_ns=offset_ms * MS, duration_ns=duration_ms * MS)


@pytest.mark.parametrize(
    ("calls", "outside_ms"),
    [
        ([(0, 10), (20, 10)], 80),
        ([(0, 30), (10, 10)], 70),
        ([(0, 30), (10, 40)], 50),
        ([(90, 400)], 90),
        ([(300, 10)], 100),
        ([(0, 0)], 100),
    ],
)
def test_time_outside_the_receivers_is_what_none_of_them_covers(calls: list[tuple[int, int]], outside_ms: int) -> None:
    row = asent(*(call_at(*call) for call in calls), duration_ms=100)

    assert sources.outside_ns(row) == outside_ms * MS


@pytest.mark.parametrize(("duration_ms", "told"), [(130, True), (11, False), (21, True), (1, False)])
def test_time_outside_the_receivers_is_told_where_it_is_most(
    quiet_store: Store, duration_ms: int, *, told: bool
) -> None:
    quiet_store.write(Batch(process(), dispatches=[asent(call_at(0, 1), duration_ms=duration_ms)]))

    html = render_fragments(view_of("dispatch", {"dispatch_id": "waited"}))

    assert ("Outside its receivers" in html) == told
    assert ("for an async send, waiting for the event loop or a thread" in html) == told
    assert ("outside its receivers" in signal_page(ORDER_PLACED)) == told


def test_slow_dispatch_of_fast_receivers_says_what_took_so_long(quiet_store: Store) -> None:
    together = [call_at(0, 60), call_at(60, 60)]
    quiet_store.write(Batch(process(), dispatches=[asent(*together, duration_ms=120)]))
    assert "several receivers together" in signal_page(ORDER_PLACED)

    quiet_store.write(Batch(process(), dispatches=[asent(call_at(0, 90), duration_ms=101)]))
    assert "its one receiver and the send itself" in signal_page(ORDER_PLACED)

"""The pages of a signal and of a receiver: figures, orphans, and calls that were never made."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.pages import render_parts, view_of
from signal_monitor.finding import to_json
from signal_monitor.findings.rules import NeverImported
from signal_monitor.records import Frame, OrphanSends, Request
from signal_monitor.registry.records import ConnectCall, Connection, DeadReceiver, RegisteredSignal, Registry
from signal_monitor.stores import get_store
from signal_monitor.stores.base import LIFE, Batch, Store, Totals
from tests.dashboard.drawing import draw, get_json, parts, url_of, words
from tests.dashboard.examples import (
    MS,
    NOTIFY_PARTNER,
    ORDER_PLACED,
    RESERVE_STOCK,
    SEND_MAIL,
    SHIPPED,
    call_at,
    dispatch,
    failed_order,
    fill,
    process,
    totals,
    waited,
)


def test_receiver_page_gives_numbers_source_and_traceback(shop: Store) -> None:
    html = render_parts(view_of("receiver", {"name": RESERVE_STOCK}))

    assert "/srv/shop/orders/receivers.py:1042" in html
    assert "shop.errors.OutOfStock" in html
    assert html.count('<figure class="chart"') == 3
    assert reverse("signal_monitor:signal", kwargs={"name": ORDER_PLACED}) in html


def test_receiver_page_shows_as_slow_only_its_own_slow_calls(shop: Store) -> None:
    assert "Last slow calls" not in parts("receiver", name=RESERVE_STOCK).text
    assert "Last slow calls" in parts("receiver", name=SEND_MAIL).text


def test_receiver_page_groups_its_failures_and_has_no_section_for_none(shop: Store) -> None:
    again = replace(failed_order(), id="again")
    shop.write(Batch(process(), dispatches=[again]))
    text = parts("receiver", name=RESERVE_STOCK).text

    assert "Failures the last stored ones, by type and line" in text
    assert "shop.errors.OutOfStock: <script>alert('error')</script>" in text
    assert "2times" in text.replace(" ", "")
    assert "the last stored ones" not in parts("receiver", name=SEND_MAIL).text


def test_slow_limit_follows_the_override_for_a_receiver(quiet_store: Store, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "SLOW_MS": {"shop.orders.*": 2000}}
    fill(get_store())  # the change of the setting has given a new one

    assert "Slow from 2.00 s" in parts("receiver", name=RESERVE_STOCK).text


@pytest.mark.parametrize("page", ["", "health/"])
def test_links_of_orphans_lead_to_a_page_that_says_what_to_do(shop: Store, client: Client, page: str) -> None:
    url = reverse("signal_monitor:signal", kwargs={"name": SHIPPED})
    assert f'href="{url}"' in client.get(f"/signals/{page}").content.decode()

    html = client.get(url).content.decode()

    assert "17 dispatches without a receiver" in html
    assert all(hint in html for hint in ("AppConfig.ready()", "<code>sender</code>", "weak=False"))
    assert "Not called in this period" not in html
    assert client.get(reverse("signal_monitor:api_signal", kwargs={"name": SHIPPED})).json()["orphans"] == 17


def test_signal_with_and_without_receivers_tells_of_both(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(orphans={ORDER_PLACED: 1}), dispatches=[dispatch()]))

    html = draw("signal", name=ORDER_PLACED)

    assert "1 more dispatch without a receiver, not included in the numbers below" in html
    assert "Recent stored dispatches" in html


def test_receiver_that_never_ran_has_no_durations(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), totals=[Totals("receiver", NOTIFY_PARTNER, LIFE, not_run=4)]))

    listed = render_parts(view_of("receivers", {"period": "all"}))
    page = render_parts(view_of("receiver", {"name": NOTIFY_PARTNER, "period": "all"}))

    assert "4 not run" in listed
    assert "4 not run" in page
    assert ">0 ms<" not in listed + page
    assert "—" in listed
    assert "meter" not in listed
    assert "<rect" not in page


def test_slow_dispatch_of_fast_receivers_says_what_took_so_long(quiet_store: Store) -> None:
    together = [call_at(0, 60), call_at(60, 60)]
    quiet_store.write(Batch(process(), dispatches=[waited(*together, duration_ms=120)]))
    assert "several receivers together" in draw("signal", name=ORDER_PLACED)

    quiet_store.write(Batch(process(), dispatches=[waited(call_at(0, 101), duration_ms=101, nested_ms=90)]))
    assert "its receivers with the dispatches they sent" in draw("signal", name=ORDER_PLACED)


def test_slashes_in_a_receivers_name_are_part_of_it(quiet_store: Store, client: Client) -> None:
    quiet_store.write(Batch(process(), totals=totals("a/b.c", 5)))

    assert client.get(reverse("signal_monitor:receiver", kwargs={"name": "a/b.c"})).status_code == 200


def test_numbers_are_not_localized_where_they_are_not_for_reading(
    shop: Store, client: Client, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "de"
    settings.USE_THOUSAND_SEPARATOR = True

    html = client.get(url_of("receiver")).content.decode()

    assert "receivers.py:1042" in html
    assert not re.search(r' (?:x|y|x1|y1|width|height|viewBox)="[^"]*,', html)


def test_receiver_has_its_numbers_and_last_failures(shop: Store, client: Client) -> None:
    receiver = get_json(client, "receiver")

    assert (receiver["count"], receiver["failures"], receiver["signals"]) == (1, 1, [ORDER_PLACED])
    assert [dispatch["id"] for dispatch in receiver["last_failed"]] == ["failed"]


def test_signal_that_nobody_hears_says_who_sends_it_and_who_would_have_heard(
    quiet_store: Store, client: Client, tmp_path: Path, settings: Settings
) -> None:
    settings.SILENCED_SYSTEM_CHECKS = []
    now, call = time.time(), ConnectCall("/site/shop/views.py", 9, 1.0, "after start")
    lost = tmp_path / "lost.py"
    lost.write_text("@receiver(shipped)\ndef book(sender, **kwargs): ...\n")
    unimported = NeverImported().finding("receiver", "shop.lost.book", "Nobody imports it.", path=str(lost), line=1)
    other = replace(unimported, subject="shop.other.count", path=str(lost.with_name("other.py")))
    waits = Connection("shop.receivers.follow", "shop.models.Parcel", path="/site/shop/receivers.py", line=3)
    registry = Registry(
        "web1",
        now,
        (RegisteredSignal(SHIPPED, (waits,)),),
        died=(DeadReceiver(SHIPPED, "shop.views.remind", "", now, call),),
        findings=(to_json(unimported), to_json(other)),
    )
    send = OrphanSends(SHIPPED, "shop.models.Order", 3, (Frame("/site/shop/views.py", 45, "ship"),), now)
    quiet_store.write(Batch(process(orphans={SHIPPED: 3}), registry=registry, facts=[send]))

    answer = client.get(reverse("signal_monitor:api_signal", kwargs={"name": SHIPPED})).json()
    (sender,) = answer["senders"]
    assert (sender["sender"], sender["receivers"], sender["orphans"]) == ("shop.models.Order", 0, 3)
    assert [site["line"] for site in sender["sites"]] == [45]
    assert [row["receiver"] for row in answer["gone"]] == ["shop.views.remind"]
    assert [row["subject"] for row in answer["not_imported"]] == ["shop.lost.book"]
    page = words(draw("signal", name=SHIPPED))
    for told in ("3 dispatches without a receiver", "views.py:45", "was connected at views.py:9", "Never sent for it"):
        assert told in page
    assert "Nobody imports it." in page
    assert "If a receiver should have run" not in page


def test_signal_says_from_where_and_in_which_view_it_is_sent(quiet_store: Store, client: Client) -> None:
    request = Request("r1", "POST", "/checkout/", 1e9, MS, 200, "checkout")
    sent = dispatch(
        origin_kind="request", origin_id="r1", call_site=Frame("/site/shop/views.py", 20, "pay"), severity="slow"
    )
    quiet_store.write(Batch(process(), dispatches=[sent], requests=[request]))
    (sender,) = client.get(reverse("signal_monitor:api_signal", kwargs={"name": ORDER_PLACED})).json()["senders"]
    assert (sender["stored"], sender["views"], sender["sites"][0]["function"]) == (1, ["POST checkout"], "pay")

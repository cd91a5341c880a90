"""The overview: what is slow, what fails, what runs, and what is lost."""

from __future__ import annotations

import re
import time

from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from signal_monitor.stores.base import Batch, Store
from tests.dashboard.drawing import draw, get_json, parts
from tests.dashboard.examples import (
    ERROR_MARKUP,
    MS,
    NOTIFY_PARTNER,
    SEND_MAIL,
    SHIPPED,
    process,
    running_call,
    totals,
)


def test_overview_ranks_receivers_by_the_time_that_requests_waited(shop: Store) -> None:
    rows = [
        *totals("shop.orders.receivers.charge", 90, waited_ns=90 * MS, waited_count=1),
        *totals("shop.orders.receivers.notify", 5, waited_ns=5 * MS, waited_count=1),
        *totals("shop.tasks.receivers.run_long", 9000),
    ]
    shop.write(Batch(process(), totals=rows))

    html = draw("overview").replace("<wbr>", "")
    waits = html[html.index('id="sm-waits"') : html.index('id="sm-outside"')]
    outside = html[html.index('id="sm-outside"') : html.index('id="sm-failing"')]

    assert "slow from 100 ms" in waits
    assert waits.index("receivers.charge") < waits.index("receivers.notify")
    assert "run_long" not in waits
    assert "run_long" in outside
    assert "receivers.charge" not in outside


def test_overview_tells_the_last_error_of_a_receiver_that_no_finding_is_about(shop: Store) -> None:
    failure = f"OutOfStock: {ERROR_MARKUP}"
    failing = totals(
        SEND_MAIL, 5, failures=1, last_failure=failure, last_failure_at=time.time(), last_failure_dispatch="failed"
    )
    shop.write(Batch(process(), totals=failing))
    card = part_of("sm-failing")

    assert f"OutOfStock: {escape(ERROR_MARKUP)}" in card
    assert reverse("signal_monitor:dispatch", kwargs={"dispatch_id": "failed"}) in card
    assert "reserve_stock" not in card.replace("<wbr>", ""), "a finding has it"


def part_of(element: str) -> str:
    """An element of the overview, and what comes after it."""
    html = draw("overview")
    return html[html.index(f'id="{element}"') :]


def test_overview_has_no_section_without_anything_in_it(quiet_store: Store) -> None:
    quiet_store.write(Batch(process(), totals=totals(SEND_MAIL, 5)))
    html = draw("overview")

    for element in ("sm-running", "sm-failing", "sm-orphans"):
        start = html.index(f'id="{element}"')
        section = html[start : html.index("</section>", start)]
        assert 'nothing"' in section
        assert "<h2>" not in section


def test_overview_has_orphans_of_the_projects_own_signals_that_no_finding_is_about(shop: Store) -> None:
    own = {SHIPPED: 17, "django.db.models.signals.pre_init": 900}
    shop.write(Batch(process(orphans=own)))
    card = part_of("sm-orphans").replace("<wbr>", "")

    assert f'title="{SHIPPED}"' in card
    assert "pre_init" not in card


def test_overview_shows_what_runs_with_its_stack(shop: Store) -> None:
    drawn = parts("overview")

    assert "30.0 s shop.webhooks.receivers.notify_partner critical" in drawn.text
    assert "now in create_connection /usr/lib/python3/socket.py:852" in drawn.text
    assert "process gone" not in drawn.text


def test_overview_marks_what_ran_when_its_process_was_killed(quiet_store: Store) -> None:
    silent = process(seen_at=time.time() - 60, running=(running_call(),))
    quiet_store.write(Batch(silent))

    assert "process gone" in parts("overview").text


def test_overview_counts_dropped_records_and_orphans(shop: Store) -> None:
    text = parts("overview").text

    assert "queue full 7" in text
    assert "shop.orders.signals.shipped 17" in text


def test_names_of_a_hung_receiver_link_to_all_it_names(shop: Store) -> None:
    html = draw("overview")

    assert reverse("signal_monitor:receiver", kwargs={"name": NOTIFY_PARTNER}) in html
    assert f"{reverse('signal_monitor:live')}?sender=%3Dshop.orders.models.Order" in html
    assert f"{reverse('signal_monitor:health')}#process-web1" in html


def test_slow_calls_of_the_overview_link_to_the_slow_dispatches(shop: Store) -> None:
    link = r'href="/signals/live/\?outcome=slow&amp;period=1h">\d+ slow dispatch'
    assert re.search(link, draw("overview"))


def test_stack_has_an_id_that_stays_so_that_it_stays_open(shop: Store, client: Client) -> None:
    html = client.get("/signals/").content.decode()

    assert 'id="sm-stack-hung-0"' in html


def test_overview_has_the_cards(shop: Store, client: Client) -> None:
    overview = get_json(client, "overview")

    assert overview["slow_from_ms"] == 100
    assert overview["outside_requests"][0]["name"] == SEND_MAIL
    assert overview["outside_requests"][0]["own_ms"] == 600
    assert overview["waited_for"] == []
    assert overview["failing"][0]["last_failure_dispatch"] == "failed"
    assert overview["running"][0]["process_gone"] is False
    assert overview["running"][0]["running_ms"] >= 30_000
    assert overview["dropped"] == {"queue full": 7}

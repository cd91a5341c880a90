"""The list of signals with what is connected to them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.pages.base import LIST_ROWS
from signal_monitor.finding import to_json
from signal_monitor.findings.rules import NeverImported
from signal_monitor.records import Frame, OrphanSends, Process
from signal_monitor.registry.records import (
    ConnectCall,
    Connection,
    DeadReceiver,
    FailedDisconnect,
    RegisteredSignal,
    Registry,
    TakenUid,
)
from signal_monitor.stores.base import Batch, Store, Totals

SAVED = "django.db.models.signals.post_save"
CALL = ConnectCall("/site/shop/apps.py", 12, 1_700_000_000.0, "in ready()")
MAIL = Connection("shop.receivers.mail", "shop.models.Order", module="shop.receivers", app="shop", connected=CALL)
COUNT = Connection("shop.receivers.count", order=1, weak=False, is_async=True, dispatch_uid="once")
GONE = Connection("shop.receivers.<locals>.gone", order=2, dead=True)
WAITING = Connection("shop.receivers.index", "shop.missing", order=3, pending=True)


def put(store: Store, title: str, *connections: Connection, process_id: str = "", **more: Any) -> None:
    now = time.time()
    process = Process(process_id or title, 7, "web", title, now - 90, now, serves=True)
    signals = (RegisteredSignal(SAVED, connections, senders={"shop.models.Order": 3}), RegisteredSignal("shop.nobody"))
    totals = [Totals("receiver", MAIL.receiver, count=4, max_ns=7_000_000, last_at=now)]
    store.write(Batch(process, totals=totals, registry=Registry(process.id, now, signals, **more)))


@pytest.fixture
def site(quiet_store: Store) -> Store:
    put(quiet_store, "daphne", MAIL, COUNT, GONE, WAITING)
    put(quiet_store, "celery worker", MAIL)
    return quiet_store


def receivers(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"/signals/api/registry/?{query}").json()
    return [row["receiver"] for signal in answer["signals"] for row in signal["receivers"]]


def test_the_receivers_in_their_order(client: Client, site: Store) -> None:
    assert receivers(client) == [MAIL.receiver, COUNT.receiver, GONE.receiver, WAITING.receiver]
    page = client.get("/signals/signals/").content.decode()
    assert page.index("<b>mail</b>") < page.index("<b>count</b>")
    for told in ("apps.py:12", "in ready()", "“once”", "held strongly", "async", "Waits for its model", "no receiver"):
        assert told in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("show=never", [COUNT.receiver, WAITING.receiver]),
        ("show=dead", [GONE.receiver]),
        ("show=pending", [WAITING.receiver]),
        ("show=differs", [COUNT.receiver, GONE.receiver, WAITING.receiver]),
        ("name=mail", [MAIL.receiver]),
        ("name=models.Order", [MAIL.receiver]),
        ("name=post_save", [MAIL.receiver, COUNT.receiver, GONE.receiver, WAITING.receiver]),
        ("name=nothing", []),
    ],
)
def test_filters(client: Client, site: Store, query: str, found: list[str]) -> None:
    assert receivers(client, query) == found
    assert client.get(f"/signals/signals/?{query}").status_code == 200


def test_the_calls_and_the_processes(client: Client, site: Store) -> None:
    (saved, _nobody) = client.get("/signals/api/registry/").json()["signals"]
    mail, count = saved["receivers"][:2]
    assert (mail["calls"], mail["slowest_ms"], mail["missing_in"]) == (8, 7.0, [])
    assert (count["calls"], count["processes"], count["missing_in"]) == (0, ["daphne"], ["celery worker"])
    assert saved["senders"] == {"shop.models.Order": 6}
    assert "only in daphne" in client.get("/signals/signals/").content.decode()


def test_a_signal_of_very_many_receivers_is_shown_in_part(client: Client, quiet_store: Store) -> None:
    put(quiet_store, "daphne", *(replace(COUNT, receiver=f"shop.made.r{number}") for number in range(LIST_ROWS + 40)))
    (saved, *_others) = client.get("/signals/api/registry/").json()["signals"]
    assert (len(saved["receivers"]), saved["receivers_left_out"]) == (LIST_ROWS, 40)
    page = client.get("/signals/signals/").content.decode()
    assert "40 more receivers are not listed" in page
    assert "r539" not in page
    assert receivers(client, "name=r539") == ["shop.made.r539"]


def test_workers_of_one_title_are_shown_once(client: Client, quiet_store: Store) -> None:
    for number in range(3):
        put(quiet_store, "gunicorn", MAIL, process_id=f"g{number}")
    assert receivers(client) == [MAIL.receiver]
    assert len(client.get("/signals/api/registry/").json()["processes"]) == 1


@pytest.mark.parametrize("receiver", [COUNT, GONE, WAITING])
def test_a_receiver_has_its_page_before_its_first_call(client: Client, site: Store, receiver: Connection) -> None:
    answer = client.get(f"/signals/receivers/{receiver.receiver}/")
    assert answer.status_code == 200
    assert "post_save" in answer.content.decode()
    assert client.get(f"/signals/api/receivers/{receiver.receiver}/").json()["connections"][0]["signal"] == SAVED


def test_a_signal_has_its_page_before_its_first_dispatch(client: Client, site: Store) -> None:
    assert "<b>mail</b>" in client.get(f"/signals/signals/{SAVED}/").content.decode()
    assert client.get("/signals/signals/shop.nobody/").status_code == 200
    assert client.get("/signals/signals/shop.unknown/").status_code == 404


def test_what_was_not_as_asked(client: Client, quiet_store: Store) -> None:
    put(
        quiet_store,
        "daphne",
        MAIL,
        taken_uids=(TakenUid(SAVED, "", "mine", "shop.b", "shop.a", CALL),),
        failed_disconnects=(FailedDisconnect(SAVED, "shop.c", "", None, "shop.Order", "uid", CALL),),
        died=(DeadReceiver(SAVED, "shop.d", "", CALL.at, CALL, count=3),),
    )
    page = client.get("/signals/signals/").content.decode()
    for told in ("“mine”", "was not disconnected from", "the sender shop.Order", "is gone since", "3 such"):
        assert told in page
    (source,) = client.get("/signals/api/registry/").json()["processes"]
    assert [source["taken_uids"][0]["taken_by"], source["died"][0]["count"]] == ["shop.a", 3]


def test_an_empty_registry_says_so(client: Client, quiet_store: Store) -> None:
    assert "No process has reported" in client.get("/signals/signals/").content.decode()
    assert receivers(client) == []


def test_the_address_of_the_registry_still_works(client: Client, site: Store) -> None:
    answer = client.get("/signals/registry/?show=dead&name=x")
    assert (answer.status_code, answer["Location"]) == (302, "/signals/signals/?show=dead&name=x")
    assert client.get("/signals/api/registry/").json() == client.get("/signals/api/signals/").json()


def test_what_is_connected_twice_is_told(client: Client, quiet_store: Store) -> None:
    imported_again = replace(MAIL, receiver="app.shop.receivers.mail", path="/site/shop/receivers.py", line=8, order=1)
    first = replace(MAIL, path="/site/shop/receivers.py", line=8)
    for_another = replace(first, sender="shop.models.Other", order=2)
    put(quiet_store, "daphne", first, imported_again, for_another, COUNT, COUNT, GONE, GONE)
    assert receivers(client, "show=twice") == [MAIL.receiver, imported_again.receiver, COUNT.receiver]
    page = client.get("/signals/signals/").content.decode()
    assert "Connected twice" in page
    assert "Connected 2 times" in page


def test_a_module_that_nobody_imports_is_told(client: Client, quiet_store: Store, settings: Settings) -> None:
    settings.SILENCED_SYSTEM_CHECKS = []
    finding = NeverImported().finding("receiver", "shop.lost.book", "`book` is never connected.", advice="Import it.")
    put(quiet_store, "daphne", MAIL, findings=(to_json(finding), '{"name": "never-imported"}', "never-imported"))
    page = client.get("/signals/signals/?show=unimported").content.decode()
    assert "<code>book</code> is never connected." in page
    assert "<b>mail</b>" not in page
    (told,) = client.get("/signals/api/signals/").json()["not_imported"]
    assert told["subject"] == "shop.lost.book"
    settings.SILENCED_SYSTEM_CHECKS = [f"signal_monitor.{NeverImported.code}"]
    assert client.get("/signals/api/signals/").json()["not_imported"] == []


def test_signals_that_nobody_hears_and_receivers_that_they_miss(client: Client, quiet_store: Store) -> None:
    for_page = replace(COUNT, receiver="shop.receivers.page", sender="shop.models.Ticket")
    now = time.time()
    process = Process("web", 7, "web", "daphne", now - 90, now, serves=True, orphans={SAVED: 3, "shop.unknown": 1})
    send = OrphanSends(SAVED, "shop.models.Urgent", 3, (Frame("/site/shop/views.py", 45, "save"),), now)
    registry = Registry("web", now, (RegisteredSignal(SAVED, (for_page,)),))
    quiet_store.write(Batch(process, registry=registry, facts=[send]))
    answer = client.get("/signals/api/signals/?show=none").json()["signals"]
    assert [row["name"] for row in answer] == [SAVED, "shop.unknown"]
    assert answer[0]["receivers"][0]["missed_by"] == "shop.models.Urgent"
    assert answer[0]["sent_without_receiver"][0]["sites"][0]["line"] == 45
    page = client.get("/signals/signals/").content.decode()
    assert "1 receiver, but none for what was sent" in page
    assert "Never sent for it" in page

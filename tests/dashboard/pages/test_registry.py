from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from signal_monitor.records import Process
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
    page = client.get("/signals/registry/").content.decode()
    assert page.index("<b>mail</b>") < page.index("<b>count</b>")
    for told in ("apps.py:12", "in ready()", "“once”", "strong", "async", "waits for its model", "no receiver", "7.0"):
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
    assert client.get(f"/signals/registry/?{query}").status_code == 200


def test_the_calls_and_the_processes(client: Client, site: Store) -> None:
    (saved, _nobody) = client.get("/signals/api/registry/").json()["signals"]
    mail, count = saved["receivers"][:2]
    assert (mail["calls"], mail["slowest_ms"], mail["missing_in"]) == (8, 7.0, [])
    assert (count["calls"], count["processes"], count["missing_in"]) == (0, ["daphne"], ["celery worker"])
    assert saved["senders"] == {"shop.models.Order": 6}
    assert "only in daphne" in client.get("/signals/registry/").content.decode()


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
    page = client.get("/signals/registry/").content.decode()
    for told in ("“mine”", "was not disconnected from", "the sender shop.Order", "is gone since", "3 such"):
        assert told in page
    (source,) = client.get("/signals/api/registry/").json()["processes"]
    assert [source["taken_uids"][0]["taken_by"], source["died"][0]["count"]] == ["shop.a", 3]


def test_an_empty_registry_says_so(client: Client, quiet_store: Store) -> None:
    assert "No process has reported" in client.get("/signals/registry/").content.decode()
    assert receivers(client) == []

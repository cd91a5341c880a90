from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from signal_monitor.registry.records import (
    ConnectCall,
    Connection,
    DeadReceiver,
    FailedDisconnect,
    RegisteredSignal,
    Registry,
    TakenUid,
)
from signal_monitor.stores import Store, open_store
from signal_monitor.stores.base import MAX_REGISTRIES, Batch
from signal_monitor.stores.retention import DEFAULT_BYTES, PROCESSES_KEPT_SECONDS
from signal_monitor.stores.unreadable import unreadable_rows

from .making import NOW, process

CALL = ConnectCall("/site/shop/apps.py", 12, NOW, "in ready()")
CONNECTIONS = (
    Connection("shop.receivers.mail", "shop.models.Order", "django.db.models.base.ModelBase", "shop.receivers", "shop"),
    Connection("shop.receivers.count", dispatch_uid="Käse \udc80", order=1, is_async=True, connected=CALL, line=3),
    Connection("", weak=False, dead=True, order=2),
)


def registry(process_id: str = "p1", taken_at: float = NOW) -> Registry:
    return Registry(
        process_id,
        taken_at,
        (
            RegisteredSignal("shop.signals.paid", CONNECTIONS, 4, {"shop.models.Order": 7}),
            RegisteredSignal("shop.empty"),
        ),
        signals_left_out=1,
        taken_uids=(TakenUid("shop.signals.paid", "", "uid", "shop.b", "shop.a", CALL, 2),),
        failed_disconnects=(FailedDisconnect("shop.signals.paid", "shop.a", "", None, "shop.C", "u", CALL, CALL),),
        died=(DeadReceiver("shop.signals.paid", "shop.a", "", NOW, CALL, "/site/a.py", 4, 9),),
        findings=('{"code": "W101"}',),
    )


def put(store: Store, process_id: str = "p1", taken_at: float = NOW) -> None:
    store.write(Batch(process(process_id, seen_at=taken_at), registry=registry(process_id, taken_at)))


def test_a_registry_comes_back_whole(store: Store) -> None:
    put(store)
    assert store.registries() == [registry()]


def test_each_process_has_its_newest(store: Store) -> None:
    put(store)
    put(store, "p2", NOW + 1)
    put(store, "p1", NOW + 2)
    store.write(Batch(process("p2", seen_at=NOW + 3)))
    assert [(item.process, item.taken_at) for item in store.registries()] == [("p1", NOW + 2), ("p2", NOW + 1)]


def test_it_is_deleted_with_its_process(store: Store) -> None:
    put(store)
    put(store, "p2", NOW + PROCESSES_KEPT_SECONDS + 10)
    assert [item.process for item in store.registries()] == ["p2"]


def test_processes_that_are_added_up_have_none(store: Store) -> None:
    for number in range(60):
        item = process(f"p{number}", seen_at=NOW + number, ended_at=NOW + number)
        store.write(Batch(item, registry=registry(item.id, NOW + number)))
    store.write(Batch(process("last", seen_at=NOW + 100)))
    found = [item.process for item in store.registries()]
    assert len(found) == MAX_REGISTRIES
    assert found[0] == "p59"
    assert set(found) <= {item.id for item in store.processes()}


def test_a_process_that_runs_keeps_its_own_whatever_commands_run(store: Store) -> None:
    put(store, "site")
    for number in range(1, MAX_REGISTRIES + 10):
        item = process(f"p{number}", seen_at=NOW + number, ended_at=NOW + number)
        store.write(Batch(item, registry=registry(item.id, NOW + number)))
        store.write(Batch(process("site", seen_at=NOW + number + 0.5)))
    found = [item.process for item in store.registries()]
    assert len(found) == MAX_REGISTRIES
    assert found[-1] == "site"


def test_clear_deletes_them(store: Store) -> None:
    put(store)
    store.clear()
    assert store.registries() == []


def test_a_damaged_one_is_left_out(sqlite_url: str) -> None:
    store = open_store(sqlite_url, DEFAULT_BYTES)
    put(store)
    put(store, "p2")
    store.close()
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE registries SET payload = substr(payload, 1, 50) WHERE process = 'p1'")
    connection.close()
    with unreadable_rows() as unreadable:
        assert [item.process for item in store.registries()] == ["p2"]
    assert len(unreadable) == 1
    store.close()


@pytest.mark.parametrize("number", [1_000])
def test_thousands_of_receivers_are_small(sqlite_url: str, number: int) -> None:
    store = open_store(sqlite_url, DEFAULT_BYTES)
    many = tuple(replace(CONNECTIONS[1], receiver=f"shop.receivers.on_{i}", line=i, order=i) for i in range(number))
    store.write(Batch(process(), registry=Registry("p1", NOW, (RegisteredSignal("shop.signals.paid", many),))))
    assert len(store.registries()[0].signals[0].connections) == number
    assert store.location
    with sqlite3.connect(store.location) as connection:
        (size,) = connection.execute("SELECT length(payload) FROM registries").fetchone()
    connection.close()
    assert size < 100_000
    store.close()

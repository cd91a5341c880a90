"""What fires when an object of a model is saved: as a page and as JSON."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from signal_monitor.dashboard.time_spent import time_spent
from signal_monitor.database_records import DatabaseWork, TransactionUse
from signal_monitor.records import Dispatch, Frame, OrphanSends, Process, ReceiverCall
from signal_monitor.registry.records import ConnectCall, Connection, RegisteredSignal, Registry
from signal_monitor.stores.base import Batch, Store, Totals
from tests.dashboard.examples import MS

SAVED = "django.db.models.signals.post_save"
USER = "django.contrib.auth.models.User"
GREET, AUDIT, INDEX, LOG = (f"shop.receivers.{name}" for name in ("greet", "audit", "index", "log"))
CALL = ConnectCall("/site/shop/apps.py", 12, 1_700_000_000.0, "in ready()")
SITE = Frame("/site/shop/receivers.py", 31, "greet")
WORK = DatabaseWork("default", transaction=TransactionUse("t", 1.0, on_commit=1))


def connected(receiver: str, sender: str = "", **more: Any) -> Connection:
    return Connection(receiver, sender, path="/site/shop/receivers.py", line=9, connected=CALL, **more)


@pytest.fixture
def site(quiet_store: Store) -> Store:
    """A site in which saving a user greets them, by a signal of the project, which is indexed in turn."""
    now = time.time()
    signals = (
        RegisteredSignal(
            SAVED,
            (
                connected(AUDIT),
                connected(GREET, USER, order=1),
                connected(INDEX, "django.contrib.auth.models.Group"),
                connected("shop.receivers.gone", USER, dead=True),
            ),
        ),
        RegisteredSignal("shop.signals.joined", (connected(LOG, USER),)),
    )
    calls = (ReceiverCall(AUDIT, 0, duration_ns=MS), ReceiverCall(GREET, 1, duration_ns=5 * MS, nested_ns=3 * MS))
    calls = (calls[0], replace(calls[1], databases=(WORK,), tasks=2))
    root = Dispatch("d1", "d1", SAVED, USER, "send", now - 5, 6 * MS, calls, nested_ns=3 * MS, process="web")
    other = replace(root, id="d2", root_id="d2", calls=(calls[0], replace(calls[1], nested_ns=0)), nested_ns=0)
    inside = Dispatch(
        "d3", "d1", "shop.signals.greeted", USER, "send", now - 4, 3 * MS,
        (ReceiverCall(INDEX, 0, duration_ns=2 * MS),),
        parent_id="d1", parent_index=1, depth=1, call_site=SITE, process="web",
    )  # fmt: skip
    totals = [Totals("receiver", GREET, count=7, self_ns=14 * MS, receivers_ns=14 * MS, buckets={}, last_at=now)]
    process = Process("web", 7, "web", "daphne", now - 90, now, serves=True)
    joined = OrphanSends("shop.signals.joined", USER, 2, (Frame("/site/shop/views.py", 45, "join"),), now)
    quiet_store.write(
        Batch(
            process,
            dispatches=[root, other, inside],
            totals=totals,
            registry=Registry("web", now, signals),
            facts=[joined],
        )
    )
    return quiet_store


def answer(client: Client, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/signals/api/fires/", query).json()
    return found


def test_the_receivers_for_a_model_and_what_they_set_off(client: Client, site: Store) -> None:
    told = answer(client, model="auth.User")
    (step,) = told["steps"]
    before, after = step["signals"]
    assert (step["when"], before["receivers"]) == ("saved", [])
    assert [row["receiver"] for row in after["receivers"]] == [AUDIT, GREET]
    audit, greet = after["receivers"]
    assert (audit["calls"], audit["typical_ms"], audit["sends"]) == (0, None, [])
    assert (greet["stored_calls"], greet["followed_calls"], greet["with_on_commit"], greet["with_tasks"]) == (
        2,
        2,
        2,
        2,
    )
    (sent,) = greet["sends"]
    assert (sent["signal"], sent["in_calls"], sent["line"]) == ("shop.signals.greeted", 1, 31)
    assert [row["receiver"] for row in sent["receivers"]] == [INDEX]


def test_other_signals_that_the_project_sends_for_it(client: Client, site: Store) -> None:
    (joined,) = answer(client, model="auth.user")["also_sent"]
    assert (joined["signal"], joined["sites"][0]["line"]) == ("shop.signals.joined", 45)
    assert [row["receiver"] for row in joined["receivers"]] == [LOG]


@pytest.mark.parametrize(
    ("action", "steps"),
    [
        ("created", ["made, or read from the database", "saved"]),
        ("saved", ["saved"]),
        ("deleted", ["deleted"]),
        ("changed", ["groups changed", "user_permissions changed"]),
    ],
)
def test_the_steps_of_each_action(client: Client, site: Store, action: str, steps: list[str]) -> None:
    assert [step["when"] for step in answer(client, model="auth.User", action=action)["steps"]][:2] == steps
    assert client.get(f"/signals/fires/?model=auth.User&action={action}").status_code == 200


def test_the_page_says_the_same(client: Client, site: Store) -> None:
    page = client.get("/signals/fires/?model=auth.User").content.decode()
    for told in ("What fires when a User is saved", "<b>greet</b>", "in 1 of 2 calls", "receivers.py:31", "never ran"):
        assert told in page
    assert "on_commit()</code> in 2 of 2 stored calls; queues a task in 2 of 2" in page
    assert "<b>gone</b>" not in page
    assert '<option value="auth.User" selected>' in page


def test_a_model_without_relations_and_one_that_does_not_exist(client: Client, site: Store) -> None:
    page = client.get("/signals/fires/?model=sessions.Session&action=changed").content.decode()
    assert "has no many-to-many relations" in page
    page = client.get("/signals/fires/?model=auth.Usr").content.decode()
    assert "There is no model auth.Usr. Did you mean auth.User" in page
    assert client.get("/signals/api/fires/?model=auth.Usr").status_code == 400


def test_the_list_of_addresses_has_it(client: Client, quiet_store: Store) -> None:
    pages = {row["page"]: row for row in client.get("/signals/api/").json()["pages"]}
    assert pages["fires"]["parameters"] == ["model", "action"]


def test_the_signal_and_the_receiver_say_what_they_set_off(client: Client, site: Store) -> None:
    signal = client.get(f"/signals/api/signals/{SAVED}/").json()
    receiver = client.get(f"/signals/api/receivers/{GREET}/").json()["time_spent"]
    html = client.get(f"/signals/signals/{SAVED}/").text

    (sender,) = signal["sets_off"]
    assert [row["receiver"] for row in sender["receivers"]] == [AUDIT, GREET]
    assert sender["receivers"][1]["sends"] == receiver["sets_off"][0]["sends"]
    assert [row["receiver"] for row in receiver["sets_off"][0]["sends"][0]["receivers"]] == [INDEX]
    assert (receiver["total_ms"], receiver["sent_in_turn_ms"], receiver["itself_ms"]) == (10.0, 3.0, 7.0)
    assert "What it sets off" in html


def test_time_of_calls_inside_calls_counts_once() -> None:
    outer = ReceiverCall(GREET, 0, duration_ns=10 * MS, nested_ns=6 * MS, repeated_ns=4 * MS, query_ns=MS)
    inner = ReceiverCall(GREET, 0, duration_ns=4 * MS, query_ns=MS, slow_wait="sleep")
    spent = time_spent([outer, inner])
    assert (spent.total_ns, spent.sent_ns, spent.query_ns, spent.itself_ns) == (10 * MS, 2 * MS, 2 * MS, 6 * MS)
    assert [part.label for part in spent.parts] == ["Itself", "Its queries", "What it sends in turn"]
    assert spent.waits == [("sleep", 1)]

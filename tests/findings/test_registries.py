"""Rules about what the store knows of connections: W104, W105, W112, R217, R218 and R219."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User

from signal_monitor.finding import to_json
from signal_monitor.findings.engine import _of_registries
from signal_monitor.findings.rules import RECORD_RULES, NotRun
from signal_monitor.findings.snapshot import Snapshot
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
from signal_monitor.stores.base import Totals

POST_SAVE = "django.db.models.signals.post_save"
CALL = ConnectCall("/srv/shop/receivers.py", 14, 100.0, "loading apps")
LATER = ConnectCall("/srv/shop/views.py", 9, 200.0, "after start")
PAGE = Connection(
    "shop.receivers.page_somebody", "django.contrib.auth.models.User", path="/srv/shop/receivers.py", line=8
)


def process(process_id: str = "web", title: str = "daphne shop.asgi", started_at: float = 50.0, **more: Any) -> Process:
    return Process(process_id, 1, "host", title, started_at, 1000.0, **more)


def registry(process_id: str = "web", *signals: RegisteredSignal, **more: Any) -> Registry:
    return Registry(process_id, 300.0, signals, **more)


def found(*registries: Registry, processes: tuple[Process, ...] = (process(),), **more: Any) -> dict[str, str]:
    """The messages by the names of the rules."""
    more = {f"{name}_ever" if name in {"receivers", "signals"} else name: value for name, value in more.items()}
    snapshot = Snapshot(registries=registries, processes=processes, now=1000.0, **more)
    rows = [finding for rule in RECORD_RULES for finding in rule.check(snapshot)]
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row.message for row in rows}


def signal(*connections: Connection, name: str = POST_SAVE, **senders: int) -> RegisteredSignal:
    return RegisteredSignal(name, connections, senders=senders)


def test_a_dispatch_uid_that_was_taken_is_told() -> None:
    taken = TakenUid(POST_SAVE, "shop.models.Invoice", "invoice_saved", "shop.mail_invoice", "shop.print_invoice", CALL)
    assert found(registry(taken_uids=(taken,))) == {
        "uid-taken": '`mail_invoice` is not connected to `post_save`: `dispatch_uid="invoice_saved"` was taken by '
        "`print_invoice` for the same sender (receivers.py:14). Django keeps the first."
    }


def test_a_dispatch_uid_that_keeps_a_second_import_out_is_not_told() -> None:
    taken = TakenUid(POST_SAVE, "", "uid", "receipts.send_once", "shop.receipts.send_once", CALL)
    assert found(registry(taken_uids=(taken,))) == {}


def test_a_disconnect_that_removed_nothing_is_told() -> None:
    failed = FailedDisconnect(
        POST_SAVE, "shop.print_invoice", "", None, "shop.models.Invoice", "invoice_saved", replace(CALL, line=16)
    )
    assert found(registry(failed_disconnects=(failed,))) == {
        "disconnects-nothing": "`post_save.disconnect(print_invoice)` at receivers.py:16 removed nothing "
        "(1 time): it is "
        'connected with `sender=Invoice, dispatch_uid="invoice_saved"`.'
    }


def test_a_receiver_that_is_connected_with_each_request_is_told() -> None:
    closure = Connection("shop.views.press.remember", path="/srv/shop/views.py", line=10, weak=False, connected=LATER)
    assert found(registry("web", signal(closure, closure, closure))) == {
        "connected-in-view": "`remember` (views.py:10) is connected 3 times to `post_save`, and was not at the start: "
        "`connect()` at views.py:9 adds one more each time, with `weak=False`. Each dispatch calls it 3 times."
    }


def test_a_factory_at_the_start_and_closures_for_other_senders_are_none() -> None:
    closure = Connection("shop.factory.receive", path="/srv/shop/views.py", line=10, weak=False, connected=CALL)
    senders = [replace(closure, connected=LATER, sender=name) for name in ("A", "B", "C")]
    assert found(registry("web", signal(closure, closure, closure, *senders))) == {}


def test_a_receiver_that_was_collected_before_its_signal_was_sent_is_told() -> None:
    died = DeadReceiver("shop.signals.paid", "shop.views.remind", "", 150.0, LATER, "/srv/shop/views.py", 20)
    sent = process(orphans={"shop.signals.paid": 1})
    expected = {
        "collected": "`remind` (views.py:20) was never called: it was connected to `paid` at views.py:9, "
        "held weakly, and "
        "gone before the signal was sent."
    }
    assert found(registry(died=(died,)), processes=(sent,)) == expected
    assert found(registry(died=(died,))) == {}
    assert found(registry(died=(died,)), processes=(sent,), receivers={died.receiver: object()}) == {}


def test_a_receiver_that_was_collected_after_the_last_dispatch_is_not_told() -> None:
    died = DeadReceiver("shop.signals.paid", "shop.views.remind", "", 150.0, LATER, "/srv/shop/views.py", 20)
    sent = registry("web", signal(name=died.signal, Course=1), died=(died,))
    before, after = (Totals("signal", died.signal, count=1, last_at=at) for at in (140.0, 160.0))
    assert found(sent, signals={died.signal: before}) == {}
    assert list(found(sent, signals={died.signal: after})) == ["collected"]


def test_an_instance_of_the_class_that_sends_is_told() -> None:
    paid = RegisteredSignal(
        "shop.signals.archived",
        (replace(PAGE, sender="shop.models.Course"),),
        senders={"shop.models.Course instance": 2, "shop.models.Other": 5},
    )
    assert found(registry("web", paid)) == {
        "other-sender": "`page_somebody` (receivers.py:8) did not run for 2 of 2 dispatches of `archived`: it is "
        "connected for `Course`, and it is sent by an instance of `Course`. Senders are compared by identity."
    }


def test_a_proxy_that_sends_is_told_unless_it_has_a_receiver_of_its_own() -> None:
    sender = "shop.models.ProxyUser"
    proxy = type("ProxyUser", (User,), {"__module__": "shop.models", "Meta": _proxy_meta()})
    try:
        saved = RegisteredSignal(POST_SAVE, (PAGE,), senders={sender: 1, "django.contrib.sessions.models.Session": 9})
        assert list(found(registry("web", saved))) == ["other-sender"]
        own = replace(saved, connections=(PAGE, replace(PAGE, receiver="shop.receivers.other", sender=sender)))
        assert found(registry("web", own)) == {}
        everything = replace(saved, connections=(PAGE, replace(PAGE, sender="")))
        assert found(registry("web", everything)) == {}
    finally:
        _forget(proxy)


def _proxy_meta() -> type:
    return type("Meta", (), {"proxy": True, "app_label": "auth"})


def _forget(model: type) -> None:
    from django.apps import apps

    del apps.all_models["auth"][model.__name__.lower()]
    apps.clear_cache()


def test_a_receiver_that_another_kind_of_process_lacks_is_told() -> None:
    here = replace(PAGE, module="shop.receivers", connected=LATER)
    web = registry("web", RegisteredSignal(POST_SAVE, (here,)))
    sent = registry("shell", RegisteredSignal(POST_SAVE, (), senders={PAGE.sender: 1}))
    processes = (process(), process("shell", "manage.py shell", 60.0))
    assert found(web, sent, processes=processes) == {
        "connected-elsewhere-only": "`page_somebody` (receivers.py:8) is connected in `daphne shop.asgi` since "
        "views.py:9 was run and not in `manage.py shell`, which sent `post_save` 1 time without it. No "
        "`AppConfig.ready()` imports `shop.receivers` there."
    }
    silent = registry("shell", RegisteredSignal(POST_SAVE, (), senders={"shop.models.Other": 4}))
    assert found(web, silent, processes=processes) == {}
    assert found(web, sent, processes=(process(), process("shell", "manage.py shell", 40.0))) == {}
    for_worker = replace(here, path="/srv/shop/celery.py")
    assert found(registry("web", RegisteredSignal(POST_SAVE, (for_worker,))), sent, processes=processes) == {}


def test_what_a_process_has_found_itself_is_shown_with_its_times() -> None:
    finding = NotRun().finding("receiver", "shop.receivers.count", "It never runs.")
    (shown,) = _of_registries(
        Snapshot(registries=[registry(findings=(to_json(finding), '{"code": 1}', "["))], processes=(process(),))
    )
    assert (shown.id, shown.first_seen, shown.last_seen, shown.processes) == (finding.id, 50.0, 300.0, ("web",))

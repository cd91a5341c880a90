from __future__ import annotations

import functools
import gc
import threading
from typing import Any

import django
import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db.models import signals
from django.dispatch import Signal
from django.utils.functional import SimpleLazyObject
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_monitor.instrumentation.info import signal_info
from signal_monitor.registry.live import UNKNOWN, LiveConnection, LiveSignal, live_signals

defined_here = Signal()
HAS_SENDER_REFERENCES = django.VERSION >= (6, 0)


def receive(**kwargs: Any) -> None: ...


async def areceive(**kwargs: Any) -> None: ...


class Desk:
    def receive(self, **kwargs: Any) -> None: ...

    @classmethod
    def receive_all(cls, **kwargs: Any) -> None: ...

    @staticmethod
    def receive_static(**kwargs: Any) -> None: ...

    def __call__(self, **kwargs: Any) -> None: ...


def connections_of(signal: Signal) -> list[LiveConnection]:
    (found,) = [live for live in live_signals() if live.signal is signal]
    return list(found.connections)


def only(signal: Signal) -> LiveConnection:
    (connection,) = connections_of(signal)
    return connection


def names(found: list[LiveSignal]) -> list[str]:
    return [live.name for live in found]


def test_every_signal_is_found_with_its_name() -> None:
    local = Signal()
    local.connect(receive)
    found = list(live_signals())
    assert names(found) == sorted(names(found))
    assert {"django.db.models.signals.post_save", f"{__name__}.defined_here"} <= set(names(found))
    assert any(live.signal is local for live in found)


def test_a_signal_of_a_subclass_without_djangos_attributes_is_found() -> None:
    class Bare(Signal):
        def __init__(self) -> None: ...

    bare = Bare()
    signal_info(bare)
    assert connections_of(bare) == []


@pytest.mark.parametrize(
    ("receiver", "name", "is_async"),
    [
        (receive, f"{__name__}.receive", False),
        (areceive, f"{__name__}.areceive", True),
        (functools.partial(receive), f"partial({__name__}.receive)", False),
        (Desk(), f"{__name__}.Desk", False),
        (Desk().receive, f"{__name__}.Desk.receive", False),
        (Desk.receive_all, f"{__name__}.Desk.receive_all", False),
        (Desk.receive_static, f"{__name__}.Desk.receive_static", False),
    ],
)
def test_receivers_of_every_kind(receiver: Any, name: str, is_async: bool) -> None:  # noqa: FBT001
    signal = Signal()
    signal.connect(receiver, weak=False)
    found = only(signal)
    unnumbered = found.name.partition(" #")[0]  # the instances of other tests have numbers before it
    assert (unnumbered, found.is_async, found.weak) == (name, is_async, False)
    assert found.receiver == receiver
    assert found.module == __name__
    assert found.path == __file__
    assert found.dispatch_uid is None


def test_a_lambda_has_its_line() -> None:
    signal = Signal()
    signal.connect(lambda **_kwargs: None, weak=False)
    found = only(signal)
    assert found.name.startswith(f"{__name__}.test_a_lambda_has_its_line.<locals>.<lambda>:")
    assert found.line is not None


def test_order_weak_and_dispatch_uid_are_those_of_connect() -> None:
    signal = Signal()
    signal.connect(receive)
    signal.connect(receive, dispatch_uid="mine", weak=False)
    signal.connect(receive, dispatch_uid=("a", 1))
    signal.connect(receive, dispatch_uid=12345)
    found = connections_of(signal)
    assert [(each.order, each.weak, each.dispatch_uid) for each in found] == [
        (0, True, None),
        (1, False, "mine"),
        (2, True, ("a", 1)),
        (3, True, 12345),
    ]


@pytest.mark.parametrize("sender", [None, User, Desk, receive])
def test_senders_are_the_objects(sender: Any) -> None:
    signal = Signal()
    signal.connect(receive, sender=sender)
    assert only(signal).sender is sender


@pytest.mark.parametrize("sender", [[User], "auth.User", 1234567, (1, 2), object()])
def test_a_sender_without_weak_references_is_unknown(sender: Any) -> None:
    signal = Signal()
    signal.connect(receive, sender=sender)
    assert only(signal).sender is UNKNOWN


def test_an_app_configuration_as_sender_is_known() -> None:
    signal = Signal()
    config = apps.get_app_config("auth")
    signal.connect(receive, sender=config)
    assert only(signal).sender is config


def test_a_model_named_by_a_string_is_the_sender_once_it_is_loaded() -> None:
    signals.post_save.connect(receive, sender="auth.Group")
    try:
        (found,) = [each for each in connections_of(signals.post_save) if each.receiver is receive]
        assert (found.sender, found.sender_name, found.pending) == (Group, "django.contrib.auth.models.Group", False)
    finally:
        signals.post_save.disconnect(receive, sender="auth.Group")


def test_a_model_that_is_not_loaded_leaves_the_connection_pending() -> None:
    signals.post_delete.connect(receive, sender="nowhere.Missing", weak=False, dispatch_uid="once")
    try:
        (found,) = [each for each in connections_of(signals.post_delete) if each.receiver is receive]
        assert (found.sender, found.pending, found.weak, found.dispatch_uid) == ("nowhere.missing", True, False, "once")
    finally:
        vars(apps)["_pending_operations"].pop(("nowhere", "missing"))


def test_a_dead_receiver_is_dead() -> None:
    signal = Signal()
    desk = Desk()
    signal.connect(desk.receive, dispatch_uid="of a desk")
    del desk
    gc.collect()
    found = only(signal)
    assert (found.receiver, found.dead, found.dispatch_uid) == (None, True, "of a desk")


@pytest.mark.skipif(not HAS_SENDER_REFERENCES, reason="Django 5.2 has no reference to the sender")
def test_a_dead_sender_makes_a_connection_dead() -> None:
    signal = Signal()
    sender = Desk()
    signal.connect(receive, sender=sender)
    del sender
    gc.collect()
    assert only(signal).dead


def test_lazy_objects_are_not_evaluated() -> None:
    evaluated: list[int] = []
    lazy = SimpleLazyObject(lambda: evaluated.append(1))
    list(live_signals())
    assert evaluated == []
    assert type(lazy) is SimpleLazyObject


def test_reading_keeps_nothing_alive() -> None:
    signal = Signal()
    desk = Desk()
    signal.connect(desk.receive)
    assert only(signal).receiver == desk.receive
    del desk
    gc.collect()
    assert only(signal).dead


def test_entries_that_are_not_djangos_are_left_out() -> None:
    signal = Signal()
    signal.connect(receive)
    signal.receivers.append("something else")
    assert only(signal).receiver is receive


def test_threads_may_connect_while_it_is_read() -> None:
    signal = Signal()
    stop = threading.Event()
    kept: list[Any] = []

    def connect() -> None:
        while not stop.is_set():
            desk = Desk()
            signal.connect(desk.receive)
            kept.append(desk)
            if len(kept) > 50:
                kept.clear()

    thread = threading.Thread(target=connect)
    thread.start()
    try:
        for _ in range(10):
            assert all(each.dead or each.name == f"{__name__}.Desk.receive" for each in connections_of(signal))
    finally:
        stop.set()
        thread.join()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["connect", "connect_strongly", "disconnect", "kill"]),
        st.integers(0, 5),
        st.sampled_from([None, User, Group]),
        st.sampled_from([None, "a", "b"]),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_it_is_what_signal_receivers_has(actions: list[tuple[str, int, Any, str | None]]) -> None:
    signal = Signal()
    signal_info(signal)
    desks: list[Desk | None] = [Desk() for _ in range(6)]
    for action, index, sender, uid in actions:
        desk = desks[index] = desks[index] or Desk()
        if action == "kill":
            desks[index] = None
        elif action == "disconnect":
            signal.disconnect(desk.receive, sender=sender, dispatch_uid=uid)
        else:
            signal.connect(desk.receive, sender=sender, weak=action == "connect", dispatch_uid=uid)
        del desk
    expected = []
    for (key, sender_id), held, *_ in signal.receivers:
        weak = not hasattr(held, "__self__")
        receiver = held() if weak else held
        uid = key if type(key) is str else None
        expected.append((receiver, sender_id, weak, uid))
    found = connections_of(signal)
    assert [(each.receiver, id(each.sender), each.weak, each.dispatch_uid) for each in found] == expected
    assert [each.order for each in found] == list(range(len(expected)))


def test_thousands_of_receivers() -> None:
    signal = Signal()
    signal.connect(receive)
    signal.receivers.clear()
    desks = [Desk() for _ in range(3000)]
    for desk in desks:
        signal.receivers.append(((id(desk), id(None)), desk, *([None] if HAS_SENDER_REFERENCES else []), False))
    assert len(connections_of(signal)) == 3000

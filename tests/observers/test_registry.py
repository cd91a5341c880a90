from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.apps import restart
from signal_monitor.instrumentation.info import signal_info
from signal_monitor.observers.registry import RegistryObserver
from signal_monitor.registry import snapshot
from signal_monitor.registry.live import LiveSignal
from signal_monitor.registry.records import RegisteredSignal, Registry
from signal_monitor.stores import get_store
from tests.support.servers import wait_until

paid = Signal()


def receive(**kwargs: Any) -> None: ...


def receive_too(**kwargs: Any) -> None: ...


class Desk:
    def receive(self, **kwargs: Any) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def _pipeline_of_its_own() -> None:
    restart()


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    paid.receivers = []
    yield
    paid.receivers = []


def newest() -> Registry:
    running = pipeline.current()
    assert running is not None
    (found,) = [item for item in get_store().registries() if item.process == running.converter.process.id]
    return found


def registered() -> RegisteredSignal:
    found = newest().signal(f"{__name__}.paid")
    assert found is not None
    return found


def deliver() -> None:
    running = pipeline.current()
    assert running is not None
    with running.delivery.exclusive():  # the worker may be taking it, and then says when it is taken again
        for observer in running.observers:
            if isinstance(observer, RegistryObserver):
                observer._not_before = 0.0  # the machine may be busy, and taking it long
    pipeline.flush()


def test_what_is_connected_is_stored_after_the_first_dispatch() -> None:
    paid.connect(receive, sender=Desk)
    paid.send(Desk)
    deliver()
    (connection,) = registered().connections
    assert (connection.receiver, connection.sender) == (f"{__name__}.receive", f"{__name__}.Desk")
    assert connection.connected is not None
    assert connection.connected.path == __file__


def test_a_change_is_stored() -> None:
    paid.connect(receive)
    paid.send(Desk)
    deliver()
    paid.connect(receive_too)
    deliver()
    assert [item.receiver for item in registered().connections] == [f"{__name__}.receive", f"{__name__}.receive_too"]
    paid.disconnect(receive)
    deliver()
    assert [item.receiver for item in registered().connections] == [f"{__name__}.receive_too"]


def test_a_death_is_stored() -> None:
    desk = Desk()
    paid.connect(desk.receive)
    paid.connect(receive)
    paid.send(Desk)
    deliver()
    del desk
    deliver()
    assert [item.dead for item in registered().connections] == [True, False]
    assert newest().died[-1].receiver == f"{__name__}.Desk.receive"


def test_an_edit_of_the_list_is_stored() -> None:
    paid.connect(receive)
    paid.send(Desk)
    deliver()
    deliver()
    paid.receivers = []
    deliver()
    assert registered().connections == ()


def test_what_has_not_changed_is_not_stored_again() -> None:
    paid.connect(receive)
    paid.send(Desk)
    deliver()

    def is_kept() -> bool:
        """It may be stored once more: signals of earlier tests are collected in the meantime."""
        taken_at = newest().taken_at
        paid.send(Desk)
        deliver()
        deliver()
        return newest().taken_at == taken_at

    assert wait_until(is_kept)


def test_senders_are_counted() -> None:
    paid.connect(receive)
    for _ in range(3):
        paid.send(Desk)
    paid.send(Registry)
    pipeline.flush()
    paid.connect(receive_too)
    deliver()
    senders = registered().senders
    assert senders[f"{__name__}.Desk"] >= 3
    assert senders["signal_monitor.registry.records.Registry"] >= 1


def test_it_is_taken_at_the_end_whatever_it_costs() -> None:
    paid.connect(receive)
    paid.send(Desk)
    deliver()
    running = pipeline.current()
    assert running is not None
    paid.connect(receive_too)
    with running.delivery.exclusive():
        for observer in running.observers:
            if isinstance(observer, RegistryObserver):
                observer._not_before = time.monotonic() + 1000  # it was just taken, and that took long
                observer.end()
    pipeline.flush()
    assert len(registered().connections) == 2


def test_a_check_of_the_objects_gives_findings() -> None:
    def check(signals: Any) -> Iterator[str]:
        yield from (f'"{live.name}"' for live in signals if live.signal is paid and type(live) is LiveSignal)

    snapshot.check_with(check)
    try:
        taken = snapshot.take_registry("p1")
    finally:
        snapshot.check_with()
    assert taken.findings == (f'"{signal_info(paid).name}"',)


def test_so_many_connections_are_listed_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_CONNECTIONS", 1)
    desks = [Desk() for _ in range(5)]
    for desk in desks:
        paid.connect(desk.receive)
    taken = snapshot.take_registry("p1")
    assert sum(len(signal.connections) for signal in taken.signals) == 1
    found = taken.signal(f"{__name__}.paid")
    assert found is not None
    assert len(found.connections) + found.left_out == 5

"""Queries are counted for the receiver that runs them."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import Signal
from pytest_django.fixtures import Settings

from signal_monitor import suppress
from signal_monitor.testing import Capture, capture_dispatches

pytestmark = pytest.mark.django_db


def asking(times: int) -> Callable[..., None]:
    def receiver(**kwargs: Any) -> None:
        for _ in range(times):
            User.objects.exists()

    return receiver


def connected(*receivers: Any) -> Signal:
    signal = Signal()
    for receiver in receivers:
        signal.connect(receiver, weak=False)
    return signal


def queries(captured: Capture, sender: str) -> list[int | None]:
    (record,) = [item for item in captured.dispatches if item.sender == sender]
    return [call.queries for call in record.calls]


def test_each_receiver_has_its_own(captured: Capture) -> None:
    User.objects.exists()
    connected(asking(2), asking(0), asking(3)).send(sender="here")

    assert queries(captured, "here") == [2, 0, 3]
    (record,) = captured.dispatches
    assert 0 < (record.calls[0].query_ns or 0) <= record.calls[0].duration_ns
    assert record.calls[1].query_ns == 0


def test_nested_dispatches_count_their_own(captured: Capture) -> None:
    inner = connected(asking(2))

    def outer(**kwargs: Any) -> None:
        User.objects.exists()
        inner.send(sender="inner")
        User.objects.exists()

    connected(outer).send(sender="outer")

    assert queries(captured, "outer") == [2]
    assert queries(captured, "inner") == [2]


def test_query_that_fails_is_one(captured: Capture) -> None:
    def failing(**kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nonsense FROM nowhere")

    connected(failing).send_robust(sender="here")

    assert queries(captured, "here") == [1]


def test_thread_of_a_receiver_counts_for_it(captured: Capture) -> None:
    def threading_receiver(**kwargs: Any) -> None:
        def work(shared: BaseDatabaseWrapper) -> None:
            with shared.cursor() as cursor:
                cursor.execute("SELECT 1")

        shared = connections["default"]
        shared.inc_thread_sharing()
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work, shared))
        thread.start()
        thread.join()
        shared.dec_thread_sharing()

    connected(threading_receiver).send(sender="here")

    assert queries(captured, "here") == [1]


def test_suppressed_queries_are_not_counted(captured: Capture) -> None:
    def quiet(**kwargs: Any) -> None:
        with suppress():
            User.objects.exists()

    connected(quiet).send(sender="here")

    assert queries(captured, "here") == [0]


def test_counting_can_be_switched_off(captured: Capture, settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "DATABASE_WORK": False}
    with capture_dispatches() as hidden_from_stacklevel:
        connected(asking(1)).send(sender="here")
    assert queries(hidden_from_stacklevel, "here") == [None]


def test_execute_wrappers_are_the_applications_own(captured: Capture) -> None:
    def passing(execute: Any, *args: Any) -> Any:
        return execute(*args)

    with connection.execute_wrapper(passing):
        assert connection.execute_wrappers == [passing]
        connected(asking(2)).send(sender="here")

    assert all(item.execute_wrappers == [] for item in connections.all())
    assert queries(captured, "here") == [2]

"""What the app wires up, and takes down when the setting says so."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import setting_changed
from django.db import transaction
from django.dispatch import Signal
from django.test import Client
from pytest_django.fixtures import Settings

from signal_monitor import pipeline
from signal_monitor.errors import errors
from signal_monitor.instrumentation import is_instrumented
from signal_monitor.instrumentation.info import signal_info
from signal_monitor.records import Dispatch
from signal_monitor.stores import get_store
from signal_monitor.testing import capture_dispatches
from tests.conftest import follow
from tests.support.servers import wait_until


def fine(**kwargs: Any) -> None: ...


def dispatched() -> list[Dispatch]:
    signal = Signal()
    signal.connect(fine)
    with capture_dispatches() as captured:
        signal.send(sender="here")
    return captured.dispatches


@pytest.mark.django_db(transaction=True)
def test_open_transaction_is_recorded() -> None:
    assert [record.in_transaction for record in dispatched()] == [False]
    with transaction.atomic():
        assert [record.in_transaction for record in dispatched()] == [True]


@pytest.fixture
def unannounced(settings: Settings) -> Iterator[Settings]:
    """Settings whose changes the tests' own receiver of ``setting_changed`` does not announce."""
    setting_changed.disconnect(follow)
    yield settings
    setting_changed.connect(follow)


def test_settings_are_followed_without_a_receiver_of_ours(unannounced: Settings) -> None:
    receivers = [
        receiver() if isinstance(receiver, weakref.ref) else receiver for _, receiver, *_ in setting_changed.receivers
    ]
    assert not [receiver for receiver in receivers if receiver.__module__.startswith("signal_monitor")]


def test_worker_notices_a_change(unannounced: Settings) -> None:
    unannounced.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False}
    assert wait_until(lambda: not is_instrumented())


def test_setting_that_is_replaced_during_a_restart_is_followed(unannounced: Settings) -> None:
    class Replacing(pipeline.Observer):
        def flush(self) -> None:
            if unannounced.SIGNAL_MONITOR["SLOW_MS"] == 7:
                unannounced.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 8}
                pipeline.flush()

    running = pipeline.current()
    assert running is not None
    running.add(Replacing())
    Signal().send(sender="starts the worker")
    unannounced.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 7}
    assert wait_until(lambda: pipeline.current() not in {running, None})
    pipeline.flush()
    assert signal_info(Signal()).slow_ns == 8_000_000


def test_worker_that_notices_a_change_delivers_to_the_store_it_had(unannounced: Settings) -> None:
    signal, store = Signal(), get_store()
    signal.connect(fine)
    signal.send(sender="in the old store")
    unannounced.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 7}
    assert wait_until(lambda: signal_info(Signal()).slow_ns == 7_000_000)
    assert wait_until(lambda: get_store() is not store)

    assert [row.count for row in store.totals("sender", key="in the old store")] == [1]
    assert get_store().totals("sender", key="in the old store") == []
    pipeline.flush()
    signal.send(sender="in the new store")
    pipeline.flush()
    assert [row.count for row in get_store().totals("sender", key="in the new store")] == [1]


def test_request_notices_a_change(unannounced: Settings, client: Client) -> None:
    unannounced.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False}
    assert wait_until(lambda: not is_instrumented())
    unannounced.SIGNAL_MONITOR = {"STORE": "memory"}  # nothing runs that could notice
    client.get("/nowhere/")
    assert is_instrumented()


def test_capture_and_flush_notice_a_change_at_once(unannounced: Settings) -> None:
    unannounced.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 0}
    assert [record.severity for record in dispatched()] == ["critical"]
    unannounced.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": 8}
    pipeline.flush()
    assert signal_info(Signal()).slow_ns == 8_000_000


def test_invalid_setting_leaves_everything_as_it_was(settings: Settings) -> None:
    before = errors.count
    settings.SIGNAL_MONITOR = {"STORE": "nowhere"}
    assert len(dispatched()) == 1
    assert errors.count == before + 1
    assert "ImproperlyConfigured" in str(errors.last)


def test_switched_off_is_stock_django(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "ENABLED": False}
    assert not is_instrumented()
    assert Signal.send.__code__.co_filename.endswith("dispatcher.py")

    settings.SIGNAL_MONITOR = {"STORE": "memory"}
    assert is_instrumented()
    assert len(dispatched()) == 1


def test_limits_by_pattern(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": {f"{__name__}.*": 0}}

    (record,) = dispatched()
    assert record.calls[0].severity == "critical"  # ten times nothing


def test_receiver_slow_by_its_own_limit_has_a_call_site(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": {f"{__name__}.fine": 0}}
    signal = Signal()
    signal.connect(fine)
    with capture_dispatches() as captured:
        for _ in range(2):
            signal.send(sender="again")

    assert [record.call_site is not None for record in captured.dispatches] == [True, True]


def test_nothing_is_replaced_where_the_monitor_is_disabled() -> None:
    script = """
from django.conf import settings
settings.configure(INSTALLED_APPS=["signal_monitor"], SIGNAL_MONITOR={"ENABLED": False})
from django.dispatch import Signal
before = dict(vars(Signal))
import signal_monitor.apps
print(vars(Signal) == before)
import django; django.setup()
print(vars(Signal) == before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_worker_is_held_to_the_share_that_is_set(settings: Settings) -> None:
    running = pipeline.current()
    assert running is not None
    assert running.converter.process.cpu_share.limit == 0.5
    settings.SIGNAL_MONITOR = {**settings.SIGNAL_MONITOR, "WORKER_CPU_PERCENT": 20}
    running = pipeline.current()
    assert running is not None
    assert running.converter.process.cpu_share.limit == 0.2

"""What the app wires up, and takes down when the setting says so."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.dispatch import Signal
from pytest_django.fixtures import Settings

from signal_monitor.instrumentation import is_instrumented
from signal_monitor.instrumentation.catalogue import catalogue
from signal_monitor.records import Dispatch
from signal_monitor.testing import capture_dispatches


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
    assert catalogue.limits.limit_ns("shop.receivers.mail") == 100_000_000


def test_receiver_slow_by_its_own_limit_has_a_call_site(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"STORE": "memory", "SLOW_MS": {f"{__name__}.fine": 0}}
    signal = Signal()
    signal.connect(fine)
    with capture_dispatches() as captured:
        for _ in range(2):
            signal.send(sender="again")

    assert [record.call_site is not None for record in captured.dispatches] == [True, True]

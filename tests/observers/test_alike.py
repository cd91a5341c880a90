"""Dispatches that fail alike: the first of each second are recorded, and all are counted."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor import pipeline
from signal_monitor.instrumentation.capture import MAX_ALIKE
from signal_monitor.stores import get_store
from signal_monitor.stores.base import Totals
from signal_monitor.stores.filters import DispatchFilter

broken, odd, lines = Signal(), Signal(), Signal()
MANY = 100


def fine(**kwargs: Any) -> None:
    """Return."""


def raises(**kwargs: Any) -> None:
    raise ValueError("no")


def raises_one_of_two(number: int, **kwargs: Any) -> None:
    raise ValueError("no" if number % 2 else "never")


def raises_elsewhere(number: int, **kwargs: Any) -> None:
    if number % 2:
        raise KeyError("missing")
    raise KeyError("missing")


def never_reached(**kwargs: Any) -> None:
    """Come after one that raises."""


def totals(kind: Any, name: str) -> Totals:
    (row,) = [row for row in get_store().totals(kind) if row.key == f"{__name__}.{name}"]
    return row


def send_many(signal: Signal) -> None:
    pipeline.flush()
    get_store().clear()
    for number in range(MANY):
        with pytest.raises((ValueError, KeyError)):
            signal.send(None, number=number)
    pipeline.flush()


def test_all_are_counted_and_some_recorded() -> None:
    for receiver in (fine, raises, never_reached):
        broken.connect(receiver)
    began = time.monotonic()
    send_many(broken)
    seconds = time.monotonic() - began

    stored = get_store().dispatches(DispatchFilter(signal=f"{__name__}.broken"), 2 * MANY)
    assert MAX_ALIKE <= len(stored) <= (3 + 2 * seconds) * MAX_ALIKE
    assert {item.failure.message for item in stored if item.failure} == {"no"}
    assert {tuple(call.outcome for call in item.calls) for item in stored} == {("ok", "raised", "not_run")}
    signal, ok, raised, left = (totals("signal", "broken"), *(totals("receiver", name) for name in (
        "fine", "raises", "never_reached")))  # fmt: skip
    assert (signal.count, signal.failures, signal.last_failure) == (MANY, MANY, "ValueError: no")
    assert (ok.count, ok.failures) == (MANY, 0)
    assert (raised.count, raised.failures, raised.last_failure) == (MANY, MANY, "ValueError: no")
    assert (left.count, left.failures, left.not_run) == (0, 0, MANY)
    assert sum(signal.buckets.values()) == sum(raised.buckets.values()) == MANY


@pytest.mark.parametrize(("name", "receiver"), [("odd", raises_one_of_two), ("lines", raises_elsewhere)])
def test_other_messages_and_lines_are_not_alike(name: str, receiver: Any) -> None:
    """Two in turn: neither is mistaken for the other."""
    signal: Signal = globals()[name]
    signal.connect(receiver)
    send_many(signal)

    stored = get_store().dispatches(DispatchFilter(signal=f"{__name__}.{name}"), 2 * MANY)
    found = {(item.failure.message, item.failure.traceback[-1].line) for item in stored if item.failure}
    assert len(found) == 2
    assert totals("signal", name).failures == MANY

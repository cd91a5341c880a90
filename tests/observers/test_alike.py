"""Dispatches that fail alike: the first of each second are recorded, and all are counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
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


def fails(**kwargs: Any) -> None:
    raise ValueError("no")


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


def warns(**kwargs: Any) -> None:
    raise ValueError("careful")


def raises_once(**kwargs: Any) -> None:
    raise ValueError("the first of two")


def raises_too(**kwargs: Any) -> None:
    raise ValueError("neither")


def comes_before(**kwargs: Any) -> None:
    """Come before one whose failure is swallowed."""


def comes_last(**kwargs: Any) -> None:
    """Come after one that is interrupted, or whose failure is swallowed."""


def comes_after(**kwargs: Any) -> None:
    """Come after one whose failure is swallowed."""


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
    for receiver in (fine, fails, never_reached):
        broken.connect(receiver)
    began = time.monotonic()
    send_many(broken)
    seconds = time.monotonic() - began

    stored = get_store().dispatches(DispatchFilter(signal=f"{__name__}.broken"), 2 * MANY)
    assert MAX_ALIKE <= len(stored) <= (3 + 2 * seconds) * MAX_ALIKE
    assert {item.failure.message for item in stored if item.failure} == {"no"}
    assert {tuple(call.outcome for call in item.calls) for item in stored} == {("ok", "raised", "not_run")}
    signal, ok, raised, left = (totals("signal", "broken"), *(totals("receiver", name) for name in (
        "fine", "fails", "never_reached")))  # fmt: skip
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


robust, several, interrupted = Signal(), Signal(), Signal()
LOGGING_SECONDS = 0.002


class SlowHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        time.sleep(LOGGING_SECONDS)


@pytest.fixture
def slow_logging() -> Iterator[None]:
    logger, handler = logging.getLogger("django.dispatch"), SlowHandler()
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


def send_many_robust(signal: Signal) -> None:
    pipeline.flush()
    get_store().clear()
    for _ in range(MANY):
        assert any(isinstance(answer, ValueError) for _, answer in signal.send_robust(None))
    pipeline.flush()


@pytest.mark.usefixtures("slow_logging")
def test_swallowed_failures_are_counted_and_logging_them_is_no_receivers_time() -> None:
    for receiver in (comes_before, warns, comes_after):
        robust.connect(receiver)
    send_many_robust(robust)

    stored = get_store().dispatches(DispatchFilter(signal=f"{__name__}.robust"), 2 * MANY)
    assert len(stored) < MANY
    assert {tuple(call.outcome for call in item.calls) for item in stored} == {("ok", "swallowed", "ok")}
    signal, *calls = (totals("signal", "robust"), *(totals("receiver", name) for name in (
        "comes_before", "warns", "comes_after")))  # fmt: skip
    assert (signal.count, signal.failures, signal.last_failure) == (MANY, MANY, "ValueError: careful")
    assert [(row.count, row.failures) for row in calls] == [(MANY, 0), (MANY, MANY), (MANY, 0)]
    logged_ns = MANY * LOGGING_SECONDS * 1e9
    assert signal.other_ns >= logged_ns
    assert signal.receivers_ns < logged_ns / 2 > sum(row.self_ns for row in calls)
    assert signal.total_ns == signal.self_ns + signal.other_ns


def test_two_failures_in_one_dispatch_are_both_counted() -> None:
    for receiver in (raises_once, comes_last, raises_too):
        several.connect(receiver)
    send_many_robust(several)

    assert totals("signal", "several").failures == MANY
    assert [totals("receiver", name).failures for name in ("raises_once", "raises_too")] == [MANY, MANY]


def test_what_happens_to_one_dispatch_is_not_told_of_the_others() -> None:
    """A dispatch that has shared its details is interrupted afterwards."""
    stops = False

    def stopping(**kwargs: Any) -> None:
        if stops:
            raise KeyboardInterrupt

    for receiver in (raises, stopping, comes_last):
        interrupted.connect(receiver)
    send_many_robust(interrupted)
    stops = True
    with pytest.raises(KeyboardInterrupt):
        interrupted.send_robust(None)
    stops = False
    for _ in range(MANY):
        interrupted.send_robust(None)
    pipeline.flush()

    stored = get_store().dispatches(DispatchFilter(signal=f"{__name__}.interrupted"), 3 * MANY)
    outcomes = [tuple(call.outcome for call in item.calls) for item in stored]
    assert outcomes.count(("swallowed", "raised", "not_run")) == 1
    assert set(outcomes) == {("swallowed", "raised", "not_run"), ("swallowed", "ok", "ok")}
    assert totals("signal", "interrupted").failures == 2 * MANY + 1

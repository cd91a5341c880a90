"""What the log handlers of a robust send do is nobody's receiver call."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest
from django.dispatch import Signal

from signal_monitor.records import Dispatch
from signal_monitor.testing import capture_dispatches

inner = Signal()


def on_inner(**kwargs: Any) -> None: ...


inner.connect(on_inner)


class Sending(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        time.sleep(0.3)
        inner.send("log handler")


class Subclass(Signal):
    def _live_receivers(self, sender: Any) -> Any:
        return super()._live_receivers(sender)


def fails(**kwargs: Any) -> None:
    raise ValueError("no")


def follows(**kwargs: Any) -> None: ...


@pytest.mark.parametrize("method", ["send_robust", "asend_robust"])
@pytest.mark.parametrize("kind", [Signal, Subclass])
def test_log_handler_is_no_receivers_work(kind: type[Signal], method: str) -> None:
    signal, handler, logger = kind(), Sending(), logging.getLogger("django.dispatch")
    signal.connect(fails)
    signal.connect(follows)
    logger.addHandler(handler)
    try:
        with capture_dispatches() as captured:
            signal.send_robust(None) if method == "send_robust" else asyncio.run(signal.asend_robust(None))
    finally:
        logger.removeHandler(handler)
    by_method: dict[str, Dispatch] = {dispatch.method: dispatch for dispatch in captured.dispatches}
    assert [call.outcome for call in by_method[method].calls] == ["swallowed", "ok"]
    in_receivers = sum(call.duration_ns for call in by_method[method].calls)
    assert in_receivers <= by_method[method].duration_ns - 300_000_000
    assert by_method["send"].parent_id is None


@pytest.mark.parametrize("receivers", [(fails,), (follows, fails), (fails, follows)])
def test_log_handler_is_no_work_of_a_receiver_around(receivers: Any) -> None:
    signal, outer, logger = Signal(), Signal(), logging.getLogger("django.dispatch")
    for receiver in receivers:
        signal.connect(receiver)

    def around(**kwargs: Any) -> None:
        signal.send_robust("inside")

    outer.connect(around)
    handler = Sending()
    logger.addHandler(handler)
    try:
        with capture_dispatches() as captured:
            outer.send("around")
    finally:
        logger.removeHandler(handler)
    by_sender = {dispatch.sender: dispatch for dispatch in captured.dispatches}
    assert by_sender["inside"].outside["log handlers"] >= 300_000_000
    (call,) = by_sender["around"].calls
    assert call.self_ns <= call.duration_ns - 300_000_000

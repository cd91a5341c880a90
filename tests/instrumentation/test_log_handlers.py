"""What the log handlers of a robust send do is no receiver's: it is told as sent by the log handlers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from typing import Any

import pytest
from django.dispatch import Signal
from django.utils.log import AdminEmailHandler

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
    sent = by_method["send"]
    assert (sent.parent_id, sent.parent_index, sent.sent_by) == (by_method[method].id, None, "log handlers")
    assert sent.depth == 1


async def afails(**kwargs: Any) -> None:
    raise ValueError("no")


@pytest.mark.parametrize("method", ["send_robust", "asend_robust"])
@pytest.mark.parametrize("receivers", [(fails,), (follows, fails), (afails,), (fails, afails)])
def test_thread_that_a_log_handler_starts(receivers: Any, method: str) -> None:
    class Starting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            thread = threading.Thread(target=contextvars.copy_context().run, args=(inner.send, "in a thread"))
            thread.start()
            thread.join()

    signal, handler, logger = Signal(), Starting(), logging.getLogger("django.dispatch")
    for receiver in receivers:
        signal.connect(receiver)
    logger.addHandler(handler)
    try:
        with capture_dispatches() as captured:
            signal.send_robust("outer") if method == "send_robust" else asyncio.run(signal.asend_robust("outer"))
    finally:
        logger.removeHandler(handler)
    (outer,) = [dispatch for dispatch in captured.dispatches if dispatch.sender == "outer"]
    sent = [dispatch for dispatch in captured.dispatches if dispatch.sender == "in a thread"]
    assert len(sent) == len([receiver for receiver in receivers if receiver is not follows])
    assert {(dispatch.parent_id, dispatch.sent_by) for dispatch in sent} == {(outer.id, "log handlers")}


def test_what_is_sent_after_the_log_handlers_is_the_next_receivers() -> None:
    def sends(**kwargs: Any) -> None:
        inner.send("receiver")

    signal, logger = Signal(), logging.getLogger("django.dispatch")
    signal.connect(fails)
    signal.connect(sends)
    handler = Sending()
    logger.addHandler(handler)
    try:
        with capture_dispatches() as captured:
            signal.send_robust("outer")
    finally:
        logger.removeHandler(handler)
    by_sender = {dispatch.sender: (dispatch.parent_index, dispatch.sent_by) for dispatch in captured.dispatches}
    assert by_sender["receiver"] == (1, None)
    assert by_sender["log handler"] == (None, "log handlers")


class Mailing(AdminEmailHandler):
    """What Django mails errors to admins with, where sending an email sends a signal."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        inner.send("email")


def test_email_to_admins(settings: Any) -> None:
    settings.ADMINS = ["admin@example.com"]
    signal, handler, logger = Signal(), Mailing(), logging.getLogger("django.dispatch")
    signal.connect(fails)
    logger.addHandler(handler)
    try:
        with capture_dispatches() as captured:
            signal.send_robust("outer")
    finally:
        logger.removeHandler(handler)
    by_sender = {dispatch.sender: dispatch for dispatch in captured.dispatches}
    assert by_sender["email"].sent_by == "log handlers"
    assert by_sender["email"].parent_id == by_sender["outer"].id


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

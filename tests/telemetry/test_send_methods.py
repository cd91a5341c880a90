"""The time that a send method of a subclass takes itself is an attribute of its span."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from signal_monitor import pipeline
from signal_monitor.telemetry.attributes import SEND_METHOD_TIME, SENDER, SENT_BY


class Asking(Signal):
    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        time.sleep(0.05)
        return [(receiver, receiver(signal=self, sender=sender)) for receiver in self._live_receivers(sender)[0]]


class Calling(Signal):
    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        time.sleep(0.05)
        answers = super().send(sender, **named)
        time.sleep(0.05)
        return answers


def works(**kwargs: Any) -> None:
    time.sleep(0.2)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


@pytest.mark.parametrize("kind", [Asking, Calling, Signal])
def test_time_of_the_send_method(kind: type[Signal], exporter: InMemorySpanExporter) -> None:
    signal = kind()
    signal.connect(works)
    with trace.get_tracer("site").start_as_current_span("request"):
        signal.send(None)
    pipeline.flush()
    spans = [span for span in exporter.get_finished_spans() if span.name.startswith("send ")]
    assert len(spans) == 1
    own = (spans[0].attributes or {}).get(SEND_METHOD_TIME)
    assert own is None if kind is Signal else isinstance(own, float) and own >= 0.05
    if isinstance(own, float):
        total = ((spans[0].end_time or 0) - (spans[0].start_time or 0)) / 1e9
        assert own <= total - 0.19


class Announcing(Signal):
    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        other.send("method")
        return super().send(sender, **named)


other = Signal()


def on_other(**kwargs: Any) -> None: ...


other.connect(on_other)


def fails(**kwargs: Any) -> None:
    raise ValueError("no")


def sends(**kwargs: Any) -> None:
    other.send("receiver")


class Sending(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        other.send("handler")


@pytest.mark.parametrize("asks", [True, False])
def test_what_sent_a_dispatch_if_no_receiver(exporter: InMemorySpanExporter, *, asks: bool) -> None:
    def asking(**kwargs: Any) -> None:
        trace.get_current_span().set_attribute("asked", 1)

    signal, robust, handler = Announcing(), Signal(), Sending()
    if asks:
        other.connect(asking)
    signal.connect(works)
    robust.connect(fails)
    robust.connect(sends)
    logging.getLogger("django.dispatch").addHandler(handler)
    try:
        with trace.get_tracer("site").start_as_current_span("request"):
            signal.send(None)
            robust.send_robust(None)
        pipeline.flush()
    finally:
        logging.getLogger("django.dispatch").removeHandler(handler)
        other.disconnect(asking)
    sent_by = {
        attributes[SENDER]: attributes.get(SENT_BY)
        for span in exporter.get_finished_spans()
        if SENDER in (attributes := dict(span.attributes or {}))
    }
    assert (sent_by["method"], sent_by["handler"]) == ("send method", "log handlers")
    assert {sent_by[sender] for sender in sent_by if sender not in {"method", "handler"}} == {None}

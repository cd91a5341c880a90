"""The time that a send method of a subclass takes itself is an attribute of its span."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.dispatch import Signal
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from signal_monitor import pipeline
from signal_monitor.telemetry.attributes import SEND_METHOD_TIME


class Asking(Signal):
    def send(self, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        time.sleep(0.05)
        return [(receiver, receiver(signal=self, sender=sender)) for receiver in self._live_receivers(sender)[0]]


def works(**kwargs: Any) -> None:
    time.sleep(0.2)


@pytest.mark.parametrize("kind", [Asking, Signal])
def test_time_of_the_send_method(kind: type[Signal], monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
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
